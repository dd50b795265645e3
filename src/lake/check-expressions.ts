import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { describe } from './describe-sql.ts'
import { BRONZE_SYSTEM_COLUMNS, type LakeColumn, type SourceSite } from './lake.ts'
import { type ExpressionSnippet, type LakeDraft, type TableDraft, tableSql } from './lake-draft.ts'
import { EXPRESSION_PREFIX, type ParsedLake } from './parse-lake.ts'
import { drivingTable } from './parse-sql.ts'
import { byteOffsetOf, nodesAt, nodesOf, type SqlNode, textAt } from './sql-tree.ts'

/** All checks in one statement; one by one only when that fails, to know which. */
export async function checkChecks(
  session: EngineSession,
  draft: LakeDraft,
  table: TableDraft,
): Promise<void> {
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
export async function checkOrder(
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

function refuseOwnOrder(draft: LakeDraft, table: TableDraft, tree: SqlNode | undefined): boolean {
  const { declaration } = table
  const modifiers = nodesAt(tree ?? {}, 'modifiers')
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
        `${textAt(driving, 'schema_name')}.${textAt(driving, 'table_name')}`.toLowerCase(),
    )
  if (!table.seesInputs || !driving || !tree || !drivingDraft) return expression.text
  const names = known.get(drivingDraft.table)?.map(({ name }) => name) ?? []
  const own = new Set((known.get(table) ?? []).map(({ name }) => name.toLowerCase()))
  const alias = quoteIdentifier(textAt(driving, 'alias') || textAt(driving, 'table_name'))
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
    .map(node => byteOffsetOf(node) - EXPRESSION_PREFIX.length)
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
