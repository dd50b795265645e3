import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { type Changes, changesSql } from './changes.ts'
import type { EngineSession } from './engine.ts'
import { unusedName } from './row-lineage.ts'

/** How many rows differ between two states of a table. */
export interface RowCounts {
  readonly added: number
  readonly removed: number
  /** Rows whose key both states have, with other values; undefined when rows have no key. */
  readonly changed: number | undefined
}

/** The rows that differ between two states of a table, kept in its session. */
export interface RowDiff {
  readonly counts: RowCounts
  /** A SELECT of them, sorted: first `-` for a row as it was or `+` as it is, then the columns of the schema. */
  readonly sql: string
}

// Names that no session uses for anything else.
const ADDED = '"__ingot_added"'
const REMOVED = '"__ingot_removed"'

/**
 * Compares the rows as multisets, in the columns of the current schema: what was only written again differs in nothing.
 * `key` are columns by which a row is known; undefined when there are none.
 */
export async function diffRows(
  session: EngineSession,
  metadata: TableMetadata,
  changes: Changes,
  key: readonly string[] | undefined,
): Promise<RowDiff> {
  const { insertedSql, deletedSql } = changesSql(metadata, changes)
  await session.query(`CREATE OR REPLACE TEMP TABLE ${ADDED} AS ${insertedSql}`)
  await session.query(`CREATE OR REPLACE TEMP TABLE ${REMOVED} AS ${deletedSql}`)
  const schema = currentSchema(metadata)
  const side = unusedName(schema, 'change')
  const order = key ?? schema.fields.map(field => field.name)
  return { counts: await countRows(session, key), sql: rowsSql(side, order) }
}

async function countRows(session: EngineSession, key: readonly string[] | undefined): Promise<RowCounts> {
  const count = async (rows: string): Promise<number> =>
    Number((await session.query(`SELECT count(*) FROM ${rows}`)).rows[0]?.[0] ?? 0)
  const [added, removed] = [await count(ADDED), await count(REMOVED)]
  if (key === undefined) return { added, removed, changed: undefined }
  const changed = await count(`${ADDED} AS a WHERE ${hasCounterpart('a', REMOVED, key)}`)
  const changedBefore = await count(`${REMOVED} AS a WHERE ${hasCounterpart('a', ADDED, key)}`)
  return { added: added - changed, removed: removed - changedBefore, changed }
}

function hasCounterpart(alias: string, others: string, key: readonly string[]): string {
  const same = key.map(quoteIdentifier).map(name => `o.${name} IS NOT DISTINCT FROM ${alias}.${name}`)
  return `EXISTS (SELECT 1 FROM ${others} AS o WHERE ${same.join(' AND ')})`
}

/** What is alike is seen together, what a row was before what it is. */
function rowsSql(side: string, order: readonly string[]): string {
  const name = quoteIdentifier(side)
  const rows = `SELECT '-' AS ${name}, * FROM ${REMOVED} UNION ALL SELECT '+' AS ${name}, * FROM ${ADDED}`
  return `SELECT * FROM (${rows}) ORDER BY ${[...order.map(quoteIdentifier), `${name} DESC`].join(', ')}`
}
