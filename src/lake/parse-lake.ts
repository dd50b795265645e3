import type { EngineSession } from '../table/engine.ts'
import type { ExpressionSnippet, TableDraft } from './lake-draft.ts'
import { type ParsedSql, parseSql } from './parse-sql.ts'

/** An expression is parsed as the one column of a query without tables. */
export const EXPRESSION_PREFIX = 'select ('
const wrapExpression = (text: string): string => `${EXPRESSION_PREFIX}${text}\n)`
const wrapQuery = (text: string): string => `select * from (\n${text}\n)`

/** How all SQL of a project parses. */
export interface ParsedLake {
  readonly queries: ReadonlyMap<TableDraft, ParsedSql>
  readonly expressions: ReadonlyMap<ExpressionSnippet, ParsedSql>
}

/** Parses every query and expression in one statement. */
export async function parseLake(session: EngineSession, tables: readonly TableDraft[]): Promise<ParsedLake> {
  const withQuery = tables.filter(table => table.query)
  const expressions = tables.flatMap(table => table.expressions)
  const texts = [
    ...withQuery.map(table => table.query?.text ?? ''),
    ...withQuery.map(table => wrapQuery(table.query?.text ?? '')),
    ...expressions.map(({ text }) => wrapExpression(text)),
  ]
  const parsed = await parseSql(session, texts)
  const failed: ParsedSql = { statements: [], meaning: '' }
  const queries = withQuery.map((table, index) => {
    const query = parsed[index] ?? failed
    const wrapped = parsed[withQuery.length + index] ?? failed
    return [
      table,
      query.error || query.statements.length !== 1 || !wrapped.error
        ? query
        : { ...query, error: semicolonFault(table) },
    ] as const
  })
  return {
    queries: new Map(queries),
    expressions: new Map(
      expressions.map((item, index) => [item, parsed[2 * withQuery.length + index] ?? failed]),
    ),
  }
}

/** A query that parses by itself and not within another ends in a semicolon. */
function semicolonFault(table: TableDraft): NonNullable<ParsedSql['error']> {
  const text = table.query?.text ?? ''
  return {
    message: 'a table has one query, without a semicolon',
    byteOffset: Buffer.byteLength(text.slice(0, text.lastIndexOf(';'))),
  }
}
