import type { EngineSession } from '../table/engine.ts'
import { nearestName } from './did-you-mean.ts'
import { type FunctionNames, findForbidden } from './forbidden-sql.ts'
import type { ExpressionSnippet, InputEdge, LakeDraft, TableDraft } from './lake-draft.ts'
import { formatSite } from './mistake.ts'
import type { Snippet } from './snippet.ts'
import {
  byteOffsetOf,
  isRowByRow,
  nodesOf,
  type ParsedSql,
  parseSql,
  type SyntaxNode,
  tablesRead,
  textOf,
} from './syntax-tree.ts'

/** An expression is parsed as the one column of a query without tables. */
const EXPRESSION_PREFIX = 'select ('
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
        : { ...query, error: undefinedEnd(table) },
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
function undefinedEnd(table: TableDraft): NonNullable<ParsedSql['error']> {
  const text = table.query?.text ?? ''
  return {
    message: 'a table has one query, without a semicolon',
    byteOffset: Buffer.byteLength(text.slice(0, text.lastIndexOf(';'))),
  }
}

/** Checks what the syntax trees alone say, and fills in the tables' inputs. */
export function checkSyntax(draft: LakeDraft, parsed: ParsedLake, functions: FunctionNames): void {
  for (const table of draft.tables) {
    const { declaration, query } = table
    if (declaration.kind === 'map' && declaration.from)
      table.inputs = mapInput(draft, table, declaration.from)
    const parsedQuery = parsed.queries.get(table)
    if (query && parsedQuery) checkQuery(draft, table, query, parsedQuery, functions)
    for (const expression of table.expressions) {
      const parsedExpression = parsed.expressions.get(expression)
      if (parsedExpression) checkExpression(draft, table, expression, parsedExpression, functions)
    }
  }
}

function mapInput(
  draft: LakeDraft,
  table: TableDraft,
  from: TableDraft['declaration'],
): readonly InputEdge[] {
  const input = draft.draftOf(from)
  if (input) return [{ table: input, site: table.site }]
  notExported(draft, table, from, table.site)
  return []
}

function checkQuery(
  draft: LakeDraft,
  table: TableDraft,
  query: Snippet,
  parsed: ParsedSql,
  functions: FunctionNames,
): void {
  const [tree, second] = parsed.statements
  if (parsed.error) {
    draft.break(table, query.siteAt(parsed.error.byteOffset), ...syntaxFault(parsed.error, query.text))
  } else if (!tree) {
    draft.break(table, query.site, `the query of ${table.declaration.id} is empty`, 'write one SELECT')
  } else if (second) {
    draft.break(
      table,
      query.site,
      `the query of ${table.declaration.id} is more than one statement`,
      'write one SELECT',
    )
  } else {
    table.inputs = readInputs(draft, table, query, tree)
    table.seesInputs = isRowByRow(tree, functions.aggregates)
    refuseForbidden(draft, table, query, tree, functions, 0)
    refuseUnnamedColumns(draft, table, query, tree)
  }
}

function syntaxFault(
  { message, byteOffset }: NonNullable<ParsedSql['error']>,
  text: string,
): readonly [cause: string, fix: string] {
  if (message.startsWith('Only SELECT')) {
    return ['a query is one SELECT', 'write select … from …; PIVOT and statements that write make no table']
  }
  if (message.includes('semicolon')) return [message, 'remove it']
  const before = Buffer.from(text, 'utf8').subarray(0, byteOffset).toString('utf8')
  // The most likely name of a column that is a word of the dialect (AT, of time travel).
  const isAfterAt = /(^|[^\w.])at\s*$/i.test(before)
  return [
    message,
    isAfterAt ? 'at is a word of SQL: write "at", in double quotes' : 'mend the SQL in this place',
  ]
}

function readInputs(
  draft: LakeDraft,
  table: TableDraft,
  query: Snippet,
  tree: SyntaxNode,
): readonly InputEdge[] {
  const interpolated = new Map(
    query.references.map(({ table: read, place }) => [read.id.toLowerCase(), { read, place }]),
  )
  const inputs = new Map<TableDraft, InputEdge>()
  for (const node of tablesRead(tree)) {
    const site = query.siteAt(byteOffsetOf(node))
    const written = [textOf(node, 'schema_name'), textOf(node, 'table_name')]
      .filter(part => part !== '')
      .join('.')
    const reference = interpolated.get(written.toLowerCase())
    const input = reference ? draft.draftOf(reference.read) : draft.byId(written)
    if (reference && !input) notExported(draft, table, reference.read, site)
    else if (!reference) notInterpolated(draft, table, written, site, textOf(node, 'schema_name') === '')
    if (input && !inputs.has(input)) inputs.set(input, { table: input, site })
  }
  return [...inputs.values()]
}

function notExported(
  draft: LakeDraft,
  table: TableDraft,
  read: TableDraft['declaration'],
  site: InputEdge['site'],
): void {
  const place = formatSite(draft.project.sources.locate(read.site))
  draft.break(
    table,
    site,
    `${table.declaration.id} reads ${read.id}, which is not exported`,
    `export it: put export before its declaration at ${place}, and re-export it from lake.ts when it is in another file`,
  )
}

function notInterpolated(
  draft: LakeDraft,
  table: TableDraft,
  written: string,
  site: InputEdge['site'],
  isBare: boolean,
): void {
  const named = draft.byId(written) ?? draft.tables.find(({ declaration }) => declaration.name === written)
  if (named) {
    draft.break(
      table,
      site,
      `${written} is written as text, so that it is no dependency`,
      `interpolate the table: \${${named.exportName}}`,
    )
  } else if (isBare && /[./\\*]/.test(written)) {
    draft.break(
      table,
      site,
      `${written} is a file, outside of the lake`,
      'declare a bronze table with files(…) and read that',
    )
  } else {
    const near = nearestName(
      written,
      draft.tables.flatMap(({ declaration, exportName }) => [declaration.id, declaration.name, exportName]),
    )
    const meant = draft.tables.find(({ declaration, exportName }) =>
      [declaration.id, declaration.name, exportName].includes(near ?? ''),
    )
    const fix = meant ? `did you mean \${${meant.exportName}}?` : 'interpolate a table of the lake'
    draft.break(table, site, `there is no table ${written}`, fix)
  }
}

function refuseForbidden(
  draft: LakeDraft,
  table: TableDraft,
  snippet: Snippet,
  tree: SyntaxNode,
  functions: FunctionNames,
  prefixBytes: number,
): void {
  const columns = new Set(table.inputs.flatMap(input => declaredNames(input.table)))
  for (const { byteOffset, cause, fix } of findForbidden(tree, functions, columns)) {
    draft.break(table, snippet.siteAt(Math.max(0, byteOffset - prefixBytes)), cause, fix)
  }
}

const declaredNames = ({ declaration }: TableDraft): readonly string[] =>
  declaration.kind === 'query' ? [] : Object.keys(declaration.columns ?? {}).map(name => name.toLowerCase())

/** Expressions whose column takes its name from somewhere. */
const NAMED_CLASSES = new Set(['COLUMN_REF', 'STAR', 'POSITIONAL_REFERENCE'])

function refuseUnnamedColumns(draft: LakeDraft, table: TableDraft, query: Snippet, tree: SyntaxNode): void {
  const list = Array.isArray(tree.select_list) ? (tree.select_list as readonly SyntaxNode[]) : []
  list.forEach((column, index) => {
    const isNamed = textOf(column, 'alias') !== '' || [...nodesOf(column)].some(node => node.class === 'STAR')
    if (isNamed || NAMED_CLASSES.has(String(column.class))) return
    draft.add(
      query.siteAt(byteOffsetOf(column)),
      `column ${index + 1} of ${table.declaration.id} has no name`,
      'name it: … as name',
    )
  })
}

function checkExpression(
  draft: LakeDraft,
  table: TableDraft,
  expression: ExpressionSnippet,
  parsed: ParsedSql,
  functions: FunctionNames,
): void {
  const prefixBytes = EXPRESSION_PREFIX.length
  if (parsed.error) {
    const byteOffset = Math.max(0, parsed.error.byteOffset - prefixBytes)
    draft.break(
      table,
      expression.siteAt(byteOffset),
      ...syntaxFault({ ...parsed.error, byteOffset }, expression.text),
    )
    return
  }
  const [tree, second] = parsed.statements
  const list = tree && Array.isArray(tree.select_list) ? (tree.select_list as readonly SyntaxNode[]) : []
  const from = tree?.from_table as SyntaxNode | undefined
  if (!tree || second || list.length !== 1 || from?.type !== 'EMPTY' || tree.where_clause) {
    draft.break(
      table,
      expression.site,
      `${expression.role} is not one expression`,
      'write an expression over columns',
    )
    return
  }
  const fault = rowFault(list[0], functions)
  if (fault)
    draft.break(
      table,
      expression.siteAt(Math.max(0, fault.byteOffset - prefixBytes)),
      `${expression.role} ${fault.cause}`,
      fault.fix,
    )
  refuseForbidden(draft, table, expression, tree, functions, prefixBytes)
}

/** What in an expression looks at more than one row. */
function rowFault(expression: SyntaxNode | undefined, functions: FunctionNames) {
  for (const node of nodesOf(expression)) {
    const isAggregate =
      node.class === 'FUNCTION' && functions.aggregates.has(textOf(node, 'function_name').toLowerCase())
    const what =
      node.class === 'SUBQUERY'
        ? 'a query'
        : node.class === 'WINDOW'
          ? 'a window'
          : isAggregate
            ? 'an aggregate'
            : undefined
    if (what) {
      return {
        byteOffset: byteOffsetOf(node),
        cause: `has ${what} in it, and looks at one row at a time`,
        fix: 'compute it as a column of the query, and use the column here',
      }
    }
  }
  return undefined
}
