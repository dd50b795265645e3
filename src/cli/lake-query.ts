import type { LoadedTable } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { resolveSnapshot, type SnapshotSelector } from '../format/snapshot.ts'
import { nearestName } from '../lake/did-you-mean.ts'
import { parseSql, tablesRead } from '../lake/parse-sql.ts'
import { byteOffsetOf, textAt } from '../lake/sql-tree.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import type { TableContext } from '../table/staged-table.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'

/** Which state of the lake a query reads. */
export type QueryPoint =
  | { readonly type: 'now' }
  | { readonly type: 'snapshot'; readonly snapshotId: bigint }
  | { readonly type: 'ref'; readonly ref: string }
  | { readonly type: 'time'; readonly timeMs: number }
  | { readonly type: 'transaction'; readonly transactionId: number }

/**
 * `--at`: digits are a snapshot id, `transaction:7` a transaction, what begins with a date is a time (UTC unless it says
 * otherwise), anything else a branch or tag.
 * @throws REQUEST_INVALID
 */
export function parseQueryPoint(text: string | undefined): QueryPoint {
  if (text === undefined) return { type: 'now' }
  if (/^\d+$/.test(text)) return { type: 'snapshot', snapshotId: BigInt(text) }
  const transaction = /^transaction:(\d{1,15})$/.exec(text)
  if (transaction) return { type: 'transaction', transactionId: Number(transaction[1]) }
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return { type: 'ref', ref: text }
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text) || text.length === 10 ? text : `${text.replace(' ', 'T')}Z`
  const timeMs = Date.parse(zoned)
  if (Number.isFinite(timeMs)) return { type: 'time', timeMs }
  throw new IngotError('REQUEST_INVALID', `--at ${text} is not a time`, {
    hint: 'write it like 2026-01-31, 2026-01-31T12:00:00Z; a snapshot id, transaction:7 or the name of a branch or tag also do',
  })
}

/**
 * Makes each table of the lake that `sql` reads a view of its session, under the name that the text uses, and returns the
 * text, checked to be one SELECT. All tables are read as of one point.
 * @throws QUERY_INVALID, TABLE_NOT_FOUND, SNAPSHOT_NOT_FOUND
 */
export async function prepareLakeQuery(
  context: TableContext,
  session: EngineSession,
  sql: string,
  point: QueryPoint,
): Promise<string> {
  const text = sql.trim().replace(/;+\s*$/, '')
  const [parsed] = await parseSql(session, [text])
  if (!parsed || parsed.error) {
    const message = parsed?.error?.message ?? 'the query is empty'
    // The engine's own words speak of how it parses, not of what was asked.
    const cause = /only select/i.test(message) ? 'a query can only be a SELECT: nothing else is run' : message
    throw new IngotError('QUERY_INVALID', cause, {
      hint: 'a query is one SELECT; tables are written as bronze.name, silver.name, gold.name',
    })
  }
  const [statement] = parsed.statements
  if (!statement || parsed.statements.length > 1) {
    throw new IngotError('QUERY_INVALID', `the text has ${parsed.statements.length} statements`, {
      hint: 'give one SELECT at a time',
    })
  }
  const tables = new Map<string, TableIdentifier>()
  for (const node of tablesRead(statement)) {
    const schema = textAt(node, 'schema_name')
    if (schema === '') continue
    const identifier = { namespace: schema.split('.'), name: textAt(node, 'table_name') }
    tables.set(identifierKey(identifier), identifier)
  }
  if (point.type === 'snapshot' && tables.size > 1) {
    throw new IngotError(
      'REQUEST_INVALID',
      `a snapshot is of one table, and the query reads ${tables.size}`,
      {
        hint: 'give a time or transaction:<id> instead: it is of the whole lake',
      },
    )
  }
  await Promise.all([...tables.values()].map(identifier => attachTable(context, session, identifier, point)))
  return qualifySystemTables(text, tablesRead(statement))
}

/** What the engine calls the database that a session's views are made in. */
const DATABASE = 'memory'

/** To the engine, `system` is also a database of its own: `system.files` would be ambiguous. */
function qualifySystemTables(text: string, tables: ReturnType<typeof tablesRead>): string {
  const bytes = Buffer.from(text)
  const places = tables
    .filter(
      node => textAt(node, 'schema_name').toLowerCase() === 'system' && textAt(node, 'catalog_name') === '',
    )
    .map(node => byteOffsetOf(node))
  const pieces = [0, ...places].map((from, index) => bytes.subarray(from, places[index]).toString())
  return pieces.join(`${DATABASE}.`)
}

async function attachTable(
  context: TableContext,
  session: EngineSession,
  identifier: TableIdentifier,
  point: QueryPoint,
): Promise<void> {
  const { metadata } = await loadTable(context, identifier, point)
  const choice = snapshotChoice(point)
  const snapshot = choice ? resolveSnapshot(metadata, choice) : undefined
  const plan = await planScan(context, metadata, snapshot ? { snapshotId: snapshot['snapshot-id'] } : {})
  const schemaId = snapshot?.['schema-id']
  const select = scanSql(metadata, plan, schemaId === undefined ? {} : { schemaId })
  const schema = `${DATABASE}.${quoteIdentifier(identifier.namespace.join('.'))}`
  await session.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
  await session.query(`CREATE VIEW ${schema}.${quoteIdentifier(identifier.name)} AS ${select}`)
}

function snapshotChoice(point: QueryPoint): SnapshotSelector | undefined {
  if (point.type === 'snapshot') return { snapshotId: point.snapshotId }
  return point.type === 'ref' ? { ref: point.ref } : undefined
}

async function loadTable(
  { catalog }: TableContext,
  identifier: TableIdentifier,
  point: QueryPoint,
): Promise<LoadedTable> {
  try {
    if (point.type === 'time') return await catalog.loadTableAt(identifier, { timeMs: point.timeMs })
    if (point.type === 'transaction') {
      return await catalog.loadTableAt(identifier, { transactionId: point.transactionId })
    }
    return await catalog.loadTable(identifier)
  } catch (error) {
    if (!isIngotError(error, 'TABLE_NOT_FOUND')) throw error
    const names = await listAllTables(catalog)
    const name = formatIdentifier(identifier)
    const nearest = nearestName(name, names.map(formatIdentifier))
    const hint =
      nearest === name
        ? 'it is there now, but was not at that point: ingot history shows when it came'
        : nearest
          ? `did you mean ${nearest}? ingot tables lists all`
          : 'ingot tables lists all'
    throw new IngotError('TABLE_NOT_FOUND', error.message, {
      cause: error,
      hint,
      context: error.context,
    })
  }
}
