import { IngotError, isIngotError } from '../errors.ts'
import { stringifyJson } from '../json.ts'
import { loadEngineFunctions } from '../lake/engine-functions.ts'
import type { QueryTable } from '../lake/lake.ts'
import { parseSql } from '../lake/parse-sql.ts'
import { fingerprint, nodeAt, nodesAt, type SqlJson, type SqlNode } from '../lake/sql-tree.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { toSqlType } from '../table/sql-types.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { analyzeQuery } from './analyze-query.ts'
import { type DefinitionParts, definitionParts } from './definition-parts.ts'
import { functionNames } from './function-facts.ts'
import {
  type Analysis,
  DELETE_COLUMN,
  ORDER_COLUMN,
  type ParsedQuery,
  type QueryAnalysis,
} from './query-analysis.ts'
import { helperColumnsSql } from './winning-rows.ts'

/** How a table is refreshed, as texts that a session can run; helper columns (ORDER_COLUMN …) included. */
export type RefreshQueries = Analysis<string> & {
  /** Of ORDER_COLUMN, DELETE_COLUMN and TIE_COLUMNS those that the queries give. */
  readonly helpers: readonly string[]
}

/** A query table as far as it can be understood before anything runs. */
export interface PreparedQuery {
  readonly queries: RefreshQueries
  readonly parts: DefinitionParts
}

/** Asks the engine to parse a table's SQL, decides how it is refreshed, and has the queries for it printed. */
export async function prepareQuery(
  session: EngineSession,
  table: QueryTable,
  columnsOf: (input: TableIdentifier) => readonly string[],
): Promise<PreparedQuery> {
  const parsed = await parseTable(session, table)
  const names = functionNames([parsed.select, parsed.orderBy ?? null, parsed.deleteWhen ?? null])
  const functions = await loadEngineFunctions(session, names)
  const inputs = new Map(
    table.inputs.map((identifier, input) => [
      identifierKey(identifier),
      { input, columns: columnsOf(identifier) },
    ]),
  )
  const analyzed = analyzeQuery(table, parsed, { inputs, functions })
  const queries =
    (await printAnalysis(session, table, analyzed)) ?? (await printAsWritten(session, table, analyzed))
  return { queries, parts: definitionParts(table, parsed.select, functions) }
}

/** The syntax tree of each text, all of them SELECTs. @throws QUERY_INVALID */
async function parseSelects(session: EngineSession, texts: readonly string[]): Promise<readonly SqlNode[]> {
  const parsed = await parseSql(session, texts)
  return texts.map((sql, index) => {
    const [select, second] = parsed[index]?.statements ?? []
    if (select !== undefined && second === undefined) return select
    const cause = parsed[index]?.error?.message ?? sql
    throw new IngotError('QUERY_INVALID', `a query is not one SELECT: ${cause}`, { context: { sql } })
  })
}

async function parseTable(session: EngineSession, table: QueryTable): Promise<ParsedQuery> {
  const casts = table.columns.map(({ type }) => `NULL::${toSqlType(type)}`)
  const [select, types, order, deleted] = await parseSelects(session, [
    table.sql,
    `SELECT ${casts.join(', ')}`,
    `SELECT (${table.orderBy ?? 'NULL'})`,
    `SELECT (${table.deleteWhen ?? 'NULL'})`,
  ])
  const items = nodesAt(types ?? {}, 'select_list')
  return {
    select: select ?? {},
    orderBy: table.orderBy === undefined ? undefined : nodesAt(order ?? {}, 'select_list')[0],
    deleteWhen: table.deleteWhen === undefined ? undefined : nodesAt(deleted ?? {}, 'select_list')[0],
    castTypes: new Map(
      table.columns.map(({ name }, index) => [name, nodeAt(items[index] ?? {}, 'cast_type') ?? {}]),
    ),
  }
}

/** The analysis as texts; undefined when the engine does not print one of its trees so that it reads as the same tree again. */
async function printAnalysis(
  session: EngineSession,
  table: QueryTable,
  { analysis, helpers }: QueryAnalysis,
): Promise<RefreshQueries | undefined> {
  const finish = (text: string): string => (helpers === undefined ? withHelpers(table, text) : text)
  const given = { helpers: helpers ?? outerHelpers(table) }
  const print = createPrinter(session)
  const texts = await print(treesOf(analysis))
  if (texts === undefined) return undefined
  const [rows = '', ...others] = texts
  switch (analysis.strategy) {
    case 'full':
      return { ...analysis, ...given, rows: finish(rows) }
    case 'append':
      return { ...analysis, ...given, rows: finish(rows), appended: finish(others[0] ?? '') }
    case 'keys': {
      const [recomputed = '', ...touched] = others
      return {
        ...analysis,
        ...given,
        rows: finish(rows),
        recomputed: finish(recomputed),
        touched: analysis.touched.map((query, index) => ({ ...query, query: touched[index] ?? '' })),
      }
    }
  }
}

function treesOf(analysis: Analysis<SqlNode>): readonly SqlNode[] {
  switch (analysis.strategy) {
    case 'full':
      return [analysis.rows]
    case 'append':
      return [analysis.rows, analysis.appended]
    case 'keys':
      return [analysis.rows, analysis.recomputed, ...analysis.touched.map(({ query }) => query)]
  }
}

/** The fallback of printAnalysis: the text that the user wrote, in full. */
async function printAsWritten(
  session: EngineSession,
  table: QueryTable,
  analyzed: QueryAnalysis,
): Promise<RefreshQueries> {
  const { analysis, helpers } = analyzed
  const reason =
    analysis.strategy === 'full'
      ? analysis.reason
      : 'the engine does not print its syntax tree as the query that it was'
  const [rows] = (await createPrinter(session)([analysis.rows])) ?? []
  if (helpers !== undefined && rows !== undefined) return { strategy: 'full', reason, helpers, rows }
  return { strategy: 'full', reason, helpers: outerHelpers(table), rows: withHelpers(table, table.sql) }
}

/** The columns that withHelpers puts around a query. */
function outerHelpers(table: QueryTable): readonly string[] {
  return [
    ...(table.orderBy === undefined ? [] : [ORDER_COLUMN]),
    ...(table.deleteWhen === undefined ? [] : [DELETE_COLUMN]),
  ]
}

/** The rows of `text` with the columns that choose one row a key, computed from its own columns. */
function withHelpers(table: QueryTable, text: string): string {
  const helpers = helperColumnsSql(table)
  if (helpers.length === 0) return text
  return `SELECT *, ${helpers.join(', ')} FROM (${text}\n) AS ${quoteIdentifier(formatIdentifier(table.identifier))}`
}

/** Prints trees as SQL text, checked by parsing the text again: undefined when one comes out as another tree. */
function createPrinter(session: EngineSession) {
  return async (trees: readonly SqlNode[]): Promise<readonly string[] | undefined> => {
    const documents = trees.map(node =>
      stringifyJson({ error: false, statements: [{ node: withoutLocations(node), named_param_map: [] }] }),
    )
    const printed = documents.map(document => `json_deserialize_sql(${quoteLiteral(document)}::JSON)`)
    try {
      const [texts] = (await session.query(`SELECT ${printed.join(', ')}`)).rows
      const texted = (texts ?? []).map(String)
      const again = await parseSelects(session, texted)
      const same = trees.every((tree, index) => canonical(tree) === canonical(again[index] ?? {}))
      return same ? texted : undefined
    } catch (error) {
      // Some trees the engine reads but does not take back, or prints as text that it does not read.
      if (isIngotError(error, 'ENGINE_FAILED') || isIngotError(error, 'QUERY_INVALID')) return undefined
      throw error
    }
  }
}

function withoutLocations(value: SqlJson): SqlJson {
  if (Array.isArray(value)) return value.map(withoutLocations)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'query_location')
      .map(([key, item]) => [key, withoutLocations(item as SqlJson)]),
  )
}

/** A fingerprint without what is absent anyway: the engine writes `null`, `[]` and `''` where a rewritten tree has nothing. */
function canonical(tree: SqlNode): string {
  return fingerprint(withoutAbsent(tree))
}

function withoutAbsent(value: SqlJson): SqlJson {
  if (Array.isArray(value)) return value.map(withoutAbsent)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, withoutAbsent(item as SqlJson)] as const)
  const present = entries.filter(([, item]) => {
    if (Array.isArray(item)) return item.length > 0
    if (typeof item === 'object' && item !== null) return Object.keys(item).length > 0
    return item !== null && item !== '' && item !== false
  })
  return Object.fromEntries(present.sort(([a], [b]) => (a < b ? -1 : 1)))
}
