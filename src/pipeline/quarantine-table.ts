import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import type { LakeColumn } from '../lake/lake.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { DerivedTable } from './winning-rows.ts'

/** What a quarantined row carries beside the columns of its table. */
export const QUARANTINE_COLUMNS: readonly LakeColumn[] = [
  { name: '_rule', type: 'string', doc: 'the expectations that the row failed, joined by a comma' },
  { name: '_run_id', type: 'string', doc: 'the run that put the row here' },
  { name: '_quarantined_at', type: 'timestamptz', doc: 'when that run began' },
]

/** Where rows of `identifier` go that fail an expectation with `otherwise: 'quarantine'`. */
export function quarantineIdentifier(identifier: TableIdentifier): TableIdentifier {
  return { namespace: identifier.namespace, name: `${identifier.name}__quarantine` }
}

export function hasQuarantine(table: DerivedTable): boolean {
  return table.expectations.some(({ otherwise }) => otherwise === 'quarantine')
}

/**
 * The snapshot that last changed the rows of a quarantine table: what only wrote them again (`replace`) is passed over. Null when
 * there is none.
 */
export function quarantineSnapshot(metadata: TableMetadata | undefined): bigint | null {
  if (metadata === undefined) return null
  const snapshots = new Map(metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  let snapshot = currentSnapshot(metadata)
  while (snapshot !== undefined && snapshot.summary.operation === 'replace') {
    const parent = snapshot['parent-snapshot-id']
    snapshot = parent === undefined ? undefined : snapshots.get(parent)
  }
  return snapshot?.['snapshot-id'] ?? null
}
