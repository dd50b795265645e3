import { IngotError } from '../errors.ts'
import { parseSql, tablesRead } from '../lake/parse-sql.ts'
import { byteOffsetOf, textAt } from '../lake/sql-tree.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import type { TableContext } from '../table/staged-table.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { type QueryPoint, requireReached } from './query-point.ts'
import { loadTableAtPoint, type TableAtPoint } from './table-at-point.ts'

/**
 * Makes each table of the lake that `sql` reads a view of its session, under the name that the text uses, and returns the
 * text, checked to be one SELECT. All tables are read as of one point.
 * @throws QUERY_INVALID, TABLE_NOT_FOUND, SNAPSHOT_NOT_FOUND, REQUEST_INVALID
 */
export async function prepareLakeQuery(
  context: TableContext,
  session: EngineSession,
  sql: string,
  point: QueryPoint,
): Promise<string> {
  await requireReached(context, point)
  const text = sql.trimEnd().replace(/;+\s*$/, '')
  const [parsed] = await parseSql(session, [text])
  if (!parsed || parsed.error) {
    const message = parsed?.error?.message ?? 'the query is empty'
    // The engine's own words speak of how it parses, not of what was asked.
    const cause = /only select/i.test(message)
      ? 'a query can only be a SELECT: nothing else is run'
      : `${message}${placeIn(text, parsed?.error?.byteOffset)}`
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
  const spelled = new Map<string, TableIdentifier>()
  for (const node of tablesRead(statement)) {
    const schema = textAt(node, 'schema_name')
    if (schema === '') continue
    const identifier = { namespace: schema.split('.'), name: textAt(node, 'table_name') }
    spelled.set(identifierKey(identifier), identifier)
  }
  const tables = await loadTables(context, [...spelled.values()], point)
  await Promise.all(tables.map(table => attachTable(context, session, table)))
  return qualifySystemTables(text, tablesRead(statement))
}

/** Each table once. The engine does not tell names apart by letter case: one view stands for all spellings of its name. */
async function loadTables(
  context: TableContext,
  spelled: readonly TableIdentifier[],
  point: QueryPoint,
): Promise<readonly TableAtPoint[]> {
  const viewKey = (identifier: TableIdentifier): string => identifierKey(identifier).toLowerCase()
  const viewCount = new Set(spelled.map(viewKey)).size
  if (point.type === 'snapshot' && viewCount > 1) {
    throw new IngotError('REQUEST_INVALID', `a snapshot is of one table, and the query reads ${viewCount}`, {
      hint: 'give a time or transaction:<id> instead: it is of the whole lake',
    })
  }
  const loaded = await Promise.all(
    spelled.map(identifier => loadTableAtPoint(context.catalog, identifier, point)),
  )
  const tables = new Map<string, TableAtPoint>()
  for (const table of loaded) {
    const alike = tables.get(viewKey(table.identifier))?.identifier ?? table.identifier
    if (identifierKey(alike) !== identifierKey(table.identifier)) {
      const names = [alike, table.identifier].map(formatIdentifier)
      throw new IngotError(
        'QUERY_INVALID',
        `names of tables that differ in letter case alone cannot be told apart in one query: ${names.join(', ')}`,
        { hint: 'read each in a query of its own', context: { tables: names } },
      )
    }
    tables.set(viewKey(table.identifier), table)
  }
  return [...tables.values()]
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
  { identifier, metadata, snapshot, schemaId }: TableAtPoint,
): Promise<void> {
  const plan = await planScan(context, metadata, snapshot ? { snapshotId: snapshot['snapshot-id'] } : {})
  const select = scanSql(metadata, plan, { schemaId, unreadable: 'fail' })
  const schema = `${DATABASE}.${quoteIdentifier(identifier.namespace.join('.'))}`
  await session.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
  await session.query(`CREATE VIEW ${schema}.${quoteIdentifier(identifier.name)} AS ${select}`)
}

/** Where a text is not understood, as editors count; nothing when the engine does not know. */
function placeIn(text: string, byteOffset: number | undefined): string {
  if (text === '' || byteOffset === undefined || !Number.isInteger(byteOffset)) return ''
  const lines = Buffer.from(text).subarray(0, byteOffset).toString().split('\n')
  return ` (line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1})`
}
