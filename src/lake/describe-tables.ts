import { nearestName } from '../did-you-mean.ts'
import { isIngotError } from '../errors.ts'
import { buildPartitionSpec } from '../format/partition-spec.ts'
import { assignFreshIds } from '../format/schema.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { fromSqlType, toSqlType } from '../table/sql-types.ts'
import { checkColumnNames } from './check-declarations.ts'
import { checkChecks, checkOrder } from './check-expressions.ts'
import type { ColumnTypes } from './column-types.ts'
import { describe } from './describe-sql.ts'
import { BRONZE_SYSTEM_COLUMNS, type LakeColumn } from './lake.ts'
import { type LakeDraft, type TableDraft, tableSql } from './lake-draft.ts'
import type { ParsedLake } from './parse-lake.ts'
import { reservedColumn } from './reserved-columns.ts'

const PAYLOAD_COLUMN: LakeColumn = { name: 'payload', type: 'string', doc: 'the record as JSON text' }

/**
 * The columns of every table, from the engine: each table is made, empty, in the session, so that what reads it can be described.
 * Tables whose columns cannot be known are left out, with the mistake added to the draft.
 */
export async function describeTables(
  session: EngineSession,
  draft: LakeDraft,
  parsed: ParsedLake,
  ordered: readonly TableDraft[],
): Promise<ReadonlyMap<TableDraft, readonly LakeColumn[]>> {
  const columns = new Map<TableDraft, readonly LakeColumn[]>()
  for (const tier of ['bronze', 'silver', 'gold']) await session.query(`create schema ${tier}`)
  for (const table of ordered) {
    const described = await columnsOf(session, draft, table, columns)
    if (!described || table.isBroken) continue
    columns.set(table, described)
    await session.query(createTableSql(table, described))
    checkKey(draft, table, described)
    checkPartitioning(draft, table, described)
    await checkChecks(session, draft, table)
    await checkOrder(session, draft, table, parsed, columns)
  }
  return columns
}

async function columnsOf(
  session: EngineSession,
  draft: LakeDraft,
  table: TableDraft,
  known: ReadonlyMap<TableDraft, readonly LakeColumn[]>,
): Promise<readonly LakeColumn[] | undefined> {
  const { declaration } = table
  if (table.isBroken) return undefined
  if (declaration.kind === 'bronze') {
    const own = declaration.columns ? declaredColumns(declaration.columns) : [PAYLOAD_COLUMN]
    return [...own, ...BRONZE_SYSTEM_COLUMNS]
  }
  if (declaration.kind === 'map') {
    const own = declaredColumns(declaration.columns)
    checkOutput(draft, table, own)
    return own
  }
  if (table.inputs.some(input => !known.has(input.table))) return undefined
  return await describeQuery(session, draft, table)
}

/** Declared columns as the table has them. */
export function declaredColumns(columns: ColumnTypes): readonly LakeColumn[] {
  return Object.entries(columns).map(([name, { type }]) => ({ name, type }))
}

async function describeQuery(
  session: EngineSession,
  draft: LakeDraft,
  table: TableDraft,
): Promise<readonly LakeColumn[] | undefined> {
  const { query } = table
  if (!query) return undefined
  const described = await describe(session, 'describe ', query.text, '')
  if ('cause' in described) {
    const { byteOffset, cause, fix } = described
    draft.break(table, byteOffset === undefined ? query.site : query.siteAt(byteOffset), cause, fix)
    return undefined
  }
  const columns: LakeColumn[] = []
  for (const [name, type] of described.columns) {
    try {
      columns.push({ name, type: fromSqlType(type, name) })
    } catch (error) {
      if (!isIngotError(error)) throw error
      draft.break(table, query.site, error.message, error.hint ?? 'cast the column in the query')
    }
  }
  checkOutput(draft, table, columns)
  return columns
}

function checkOutput(draft: LakeDraft, table: TableDraft, columns: readonly LakeColumn[]): void {
  checkColumnNames(
    draft,
    table,
    columns.map(column => column.name),
  )
  for (const { name } of columns) {
    const reason = reservedColumn(name, table.declaration.tier)
    if (reason === undefined) continue
    const site = table.query?.site ?? table.site
    draft.break(table, site, `the column ${name} is reserved: ${reason}`, 'give the column another name')
  }
}

function createTableSql(table: TableDraft, columns: readonly LakeColumn[]): string {
  const list = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${toSqlType(type)}`)
  return `create table ${tableSql(table)} (${list.join(', ')})`
}

function checkKey(draft: LakeDraft, table: TableDraft, columns: readonly LakeColumn[]): void {
  const { declaration } = table
  if (declaration.kind === 'bronze') return
  const names = columns.map(({ name }) => name)
  for (const name of declaration.key) {
    if (!names.includes(name))
      draft.add(
        table.site,
        `the key column ${name} is not a column of ${declaration.id}`,
        columnFix(name, names),
      )
  }
}

/** What to write instead of a column that is not there. */
function columnFix(name: string, names: readonly string[]): string {
  const near = nearestName(name, names)
  return near === undefined ? `the columns are ${names.join(', ')}` : `did you mean ${near}?`
}

function checkPartitioning(draft: LakeDraft, table: TableDraft, columns: readonly LakeColumn[]): void {
  const { declaration, site } = table
  const fields = columns.map(({ name, type }) => ({ id: 0, name, required: false, type }))
  const { type: schema } = assignFreshIds({ type: 'struct', 'schema-id': 0, fields } as const)
  for (const text of declaration.partitionBy) {
    try {
      buildPartitionSpec(schema, [text])
    } catch (error) {
      if (!isIngotError(error)) throw error
      draft.add(
        site,
        error.message,
        error.hint ?? "write a transform of a column: 'day(at)', 'bucket(16, id)', 'region'",
      )
    }
  }
}
