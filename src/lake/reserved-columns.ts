import { BRONZE_SYSTEM_COLUMNS, type Tier } from './lake.ts'
import { QUARANTINE_COLUMNS } from './quarantine.ts'

/** Iceberg spec, "Reserved Field IDs": engines have columns of these names for every table, and refuse tables with their own. */
const ICEBERG_COLUMNS: readonly string[] = ['_file', '_pos', '_deleted', '_spec_id', '_partition', '_row_id']

/** Of the columns and relations that a refresh puts beside those of a query. */
const REFRESH_PREFIX = 'ingot_'

/** Why a table of `tier` may not have a column of this name; undefined when it may. */
export function reservedColumn(name: string, tier: Tier): string | undefined {
  const lower = name.toLowerCase()
  const isOneOf = (columns: readonly { readonly name: string }[]): boolean =>
    columns.some(column => column.name === lower)
  if (ICEBERG_COLUMNS.includes(lower)) return 'Iceberg has a column of that name in every table'
  if (tier === 'bronze') {
    return isOneOf(BRONZE_SYSTEM_COLUMNS)
      ? 'every bronze table has one that says where its rows came from'
      : undefined
  }
  if (lower.startsWith(REFRESH_PREFIX)) return `refreshing needs names that begin with ${REFRESH_PREFIX}`
  return isOneOf(QUARANTINE_COLUMNS) ? 'the table of refused rows has one' : undefined
}
