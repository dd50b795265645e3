import type { TableIdentifier } from '../table-identifier.ts'
import type { LakeColumn } from './lake.ts'

const SUFFIX = '__quarantine'

/** Where what `identifier` refuses goes: malformed lines of a bronze table, rows of others that fail an expectation. */
export function quarantineIdentifier({ namespace, name }: TableIdentifier): TableIdentifier {
  return { namespace, name: `${name}${SUFFIX}` }
}

/** Whether this is the name of a quarantine table: no table that a user declares may end so. */
export function isQuarantine({ name }: TableIdentifier): boolean {
  return name.endsWith(SUFFIX)
}

/** The table whose refused lines or rows a quarantine table holds; undefined for other tables. */
export function quarantinedIdentifier(identifier: TableIdentifier): TableIdentifier | undefined {
  const { namespace, name } = identifier
  return isQuarantine(identifier) ? { namespace, name: name.slice(0, -SUFFIX.length) } : undefined
}

/** What a row carries in the quarantine table of a silver or gold table, beside that table's columns. */
export const QUARANTINE_COLUMNS: readonly LakeColumn[] = [
  { name: '_rule', type: 'string', doc: 'the expectations that the row failed, joined by a comma' },
  { name: '_run_id', type: 'string', doc: 'the run that put the row here' },
  { name: '_quarantined_at', type: 'timestamptz', doc: 'when that run began' },
]
