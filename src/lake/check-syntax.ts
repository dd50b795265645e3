import type { EngineFunctions } from './engine-functions.ts'
import { findForbidden } from './forbidden-sql.ts'
import type { ExpressionSnippet, LakeDraft, TableDraft } from './lake-draft.ts'
import { EXPRESSION_PREFIX, type ParsedLake } from './parse-lake.ts'
import type { ParsedSql } from './parse-sql.ts'
import { isAggregate, isRowByRow } from './select-shape.ts'
import type { Snippet } from './snippet.ts'
import { byteOffsetOf, nodeAt, nodesAt, nodesOf, type SqlNode, textAt } from './sql-tree.ts'
import { mapInput, queryInputs } from './table-inputs.ts'

/** Checks what the syntax trees alone say, and fills in the tables' inputs. */
export function checkSyntax(draft: LakeDraft, parsed: ParsedLake, functions: EngineFunctions): void {
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

function checkQuery(
  draft: LakeDraft,
  table: TableDraft,
  query: Snippet,
  parsed: ParsedSql,
  functions: EngineFunctions,
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
    table.inputs = queryInputs(draft, table, query, tree)
    table.seesInputs = isRowByRow(tree, functions)
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

function refuseForbidden(
  draft: LakeDraft,
  table: TableDraft,
  snippet: Snippet,
  tree: SqlNode,
  functions: EngineFunctions,
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

function refuseUnnamedColumns(draft: LakeDraft, table: TableDraft, query: Snippet, tree: SqlNode): void {
  nodesAt(tree, 'select_list').forEach((column, index) => {
    const isNamed = textAt(column, 'alias') !== '' || [...nodesOf(column)].some(node => node.class === 'STAR')
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
  functions: EngineFunctions,
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
  const list = nodesAt(tree ?? {}, 'select_list')
  const from = nodeAt(tree ?? {}, 'from_table')
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
function rowFault(expression: SqlNode | undefined, functions: EngineFunctions) {
  for (const node of nodesOf(expression)) {
    const what =
      node.class === 'SUBQUERY'
        ? 'a query'
        : node.class === 'WINDOW'
          ? 'a window'
          : isAggregate(node, functions)
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
