import { isIngotError } from '../errors.ts'
import { buildPartitionSpec } from '../format/partition-spec.ts'
import { assignFreshIds } from '../format/schema.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { fromSqlType, toSqlType } from '../table/sql-types.ts'
import { checkUniqueColumns } from './check-declarations.ts'
import type { ParsedLake } from './check-syntax.ts'
import type { ColumnTypes } from './column-types.ts'
import { nearestName } from './did-you-mean.ts'
import { readEngineMessage } from './engine-message.ts'
import { BRONZE_SYSTEM_COLUMNS, type LakeColumn, type SourceSite } from './lake.ts'
import type { ExpressionSnippet, LakeDraft, TableDraft } from './lake-draft.ts'
import { byteOffsetOf, drivingTable, nodesOf, type SyntaxNode, textOf } from './syntax-tree.ts'

/** Columns of the quarantine table beside the table's own. */
const QUARANTINE_COLUMNS = ['_rule', '_run_id', '_quarantined_at']

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
  checkUniqueColumns(
    draft,
    table,
    columns.map(column => column.name),
  )
  for (const { name } of columns) {
    if (!QUARANTINE_COLUMNS.includes(name.toLowerCase())) continue
    draft.break(
      table,
      table.query?.site ?? table.site,
      `the column ${name} is reserved for the table of refused rows`,
      'give the column another name',
    )
  }
}

function createTableSql(table: TableDraft, columns: readonly LakeColumn[]): string {
  const list = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${toSqlType(type)}`)
  return `create table ${tableSql(table)} (${list.join(', ')})`
}

const tableSql = ({ declaration }: TableDraft): string =>
  `${quoteIdentifier(declaration.tier)}.${quoteIdentifier(declaration.name)}`

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

/** All checks in one statement; one by one only when that fails, to know which. */
async function checkChecks(session: EngineSession, draft: LakeDraft, table: TableDraft): Promise<void> {
  const checks = table.expressions.filter(({ kind }) => kind === 'check')
  if (checks.length === 0) return
  const whole = await describe(
    session,
    'describe select ',
    checks.map(({ text }) => `(${text}\n)`).join(', '),
    ` from ${tableSql(table)}`,
  )
  if (!('cause' in whole) && whole.columns.every(([, type]) => type === 'BOOLEAN')) return
  for (const check of checks) await checkBoolean(session, draft, table, check)
}

async function checkBoolean(
  session: EngineSession,
  draft: LakeDraft,
  table: TableDraft,
  check: ExpressionSnippet,
): Promise<void> {
  const described = await describe(session, 'describe select (', check.text, `\n) from ${tableSql(table)}`)
  if ('cause' in described) {
    draft.add(siteIn(check, described.byteOffset), `${check.role}: ${described.cause}`, described.fix)
    return
  }
  const [[, type] = ['', '']] = described.columns
  if (type === 'BOOLEAN') return
  draft.add(
    check.site,
    `${check.role} is of type ${type}, not a condition`,
    'compare it with something: … > 0, … is not null',
  )
}

/**
 * `orderBy` and `deleteWhen` of a row-by-row query see what its own ORDER BY would: the tables of its FROM, and its output. Those of
 * any other table see its columns.
 */
async function checkOrder(
  session: EngineSession,
  draft: LakeDraft,
  table: TableDraft,
  parsed: ParsedLake,
  known: ReadonlyMap<TableDraft, readonly LakeColumn[]>,
): Promise<void> {
  if (refuseOwnOrder(draft, table, parsed.queries.get(table)?.statements[0])) return
  for (const expression of table.expressions) {
    if (expression.kind === 'check') continue
    const text = qualifySystemColumns(expression, parsed, table, known)
    const [open, close] = expression.kind === 'deleteWhen' ? ['case when (', '\n) then 1 end'] : ['(', '\n)']
    const described =
      table.seesInputs && table.query
        ? await describe(session, `describe ${table.query.text}\norder by ${open}`, text, close)
        : await describe(session, `describe select ${open}`, text, `${close} from ${tableSql(table)}`)
    if (!('cause' in described)) continue
    const site = siteIn(expression, text === expression.text ? described.byteOffset : undefined)
    const fix = described.fix.startsWith('did you mean') ? described.fix : orderFix(table)
    draft.add(site, `${expression.role} of ${table.declaration.id}: ${described.cause}`, fix)
  }
}

const orderFix = (table: TableDraft): string =>
  table.seesInputs
    ? 'use columns of the output, or of a table that the query reads'
    : 'use columns of the output: the rows of this table are no longer those of its inputs'

function refuseOwnOrder(draft: LakeDraft, table: TableDraft, tree: SyntaxNode | undefined): boolean {
  const { declaration } = table
  const modifiers = Array.isArray(tree?.modifiers) ? (tree.modifiers as readonly SyntaxNode[]) : []
  const own = modifiers.find(({ type }) => type === 'ORDER_MODIFIER' || type === 'LIMIT_MODIFIER')
  if (declaration.kind === 'bronze' || declaration.key.length === 0 || !own || !table.query) return false
  draft.add(
    table.query.site,
    `the query of ${declaration.id}, which has a key, ends in order by or limit`,
    'leave it out: orderBy says which row of a key holds',
  )
  return true
}

/**
 * The text of an `orderBy` or `deleteWhen` with bare system columns (`_ingested_at`) bound to the query's first table: joined
 * tables have columns of the same names, and the row is that of the first.
 */
export function qualifySystemColumns(
  expression: ExpressionSnippet,
  parsed: ParsedLake,
  table: TableDraft,
  known: ReadonlyMap<TableDraft, readonly LakeColumn[]>,
): string {
  const queryTree = parsed.queries.get(table)?.statements[0]
  const driving = queryTree && drivingTable(queryTree)
  const tree = parsed.expressions.get(expression)?.statements[0]
  const drivingDraft =
    driving &&
    table.inputs.find(
      input =>
        input.table.declaration.id.toLowerCase() ===
        `${textOf(driving, 'schema_name')}.${textOf(driving, 'table_name')}`.toLowerCase(),
    )
  if (!table.seesInputs || !driving || !tree || !drivingDraft) return expression.text
  const names = known.get(drivingDraft.table)?.map(({ name }) => name) ?? []
  const own = new Set((known.get(table) ?? []).map(({ name }) => name.toLowerCase()))
  const alias = quoteIdentifier(textOf(driving, 'alias') || textOf(driving, 'table_name'))
  const bytes = Buffer.from(expression.text, 'utf8')
  const offsets = [...nodesOf(tree)]
    .filter(node => node.class === 'COLUMN_REF')
    .filter(({ column_names: path }) => {
      const [name = '', ...rest] = path as readonly string[]
      return (
        rest.length === 0 &&
        isSystemColumn(name) &&
        names.includes(name.toLowerCase()) &&
        !own.has(name.toLowerCase())
      )
    })
    .map(node => byteOffsetOf(node) - 'select ('.length)
    .sort((a, b) => b - a)
  return offsets
    .reduce(
      (text, offset) =>
        Buffer.concat([text.subarray(0, offset), Buffer.from(`${alias}.`), text.subarray(offset)]),
      bytes,
    )
    .toString('utf8')
}

const isSystemColumn = (name: string): boolean =>
  BRONZE_SYSTEM_COLUMNS.some(column => column.name === name.toLowerCase())

const siteIn = (expression: ExpressionSnippet, byteOffset: number | undefined): SourceSite =>
  byteOffset === undefined ? expression.site : expression.siteAt(byteOffset)

type Described =
  | { readonly columns: readonly (readonly [name: string, type: string])[] }
  | { readonly cause: string; readonly fix: string; readonly byteOffset: number | undefined }

/** Describes `before + text + after`; a refusal's place is in `text`, or undefined when it lies outside. */
async function describe(
  session: EngineSession,
  before: string,
  text: string,
  after: string,
): Promise<Described> {
  const statement = `${before}${text}${after}`
  try {
    const result = await session.query(statement)
    return { columns: result.rows.map(([name, type]) => [String(name), String(type)]) }
  } catch (error) {
    const message = readEngineMessage(error, statement)
    if (!message) throw error
    const offset = (message.byteOffset ?? -1) - Buffer.byteLength(before)
    const isInside = offset >= 0 && offset <= Buffer.byteLength(text)
    return { ...message, byteOffset: isInside ? offset : undefined }
  }
}
