import type { EngineFunctions } from '../lake/engine-functions.ts'
import { type SqlJson, textAt, walk } from '../lake/sql-tree.ts'
import { NotIncremental } from './not-incremental.ts'

/** Functions that give several rows a row; in a FROM clause they read only what stands before them. */
export const ROW_FUNCTIONS: ReadonlySet<string> = new Set(['unnest', 'range', 'generate_series'])

/** Names that the parser makes itself and the engine's function list leaves out. */
const PARSER_FUNCTIONS: ReadonlySet<string> = new Set(['~~', '!~~', '~~*', '!~~*', 'count_star', 'unnest'])

/** Functions of how an expression is written: a query that is rewritten gives others. */
const TEXT_FUNCTIONS: ReadonlySet<string> = new Set(['alias'])

/**
 * Classes of expressions whose value follows from one row, when what is inside them does. COLLATE is none of them: texts that
 * are equal by it are different keys to the table that keeps them.
 */
const ROW_CLASSES: ReadonlySet<string> = new Set([
  'COLUMN_REF',
  'CONSTANT',
  'FUNCTION',
  'CAST',
  'COMPARISON',
  'CONJUNCTION',
  'BETWEEN',
  'CASE',
  'OPERATOR',
  'LAMBDA',
  'STAR',
  'WINDOW',
])

/** Every function name in the tree, in lower case. */
export function functionNames(tree: SqlJson): readonly string[] {
  const names = new Set<string>()
  walk(tree, node => {
    const name = textAt(node, 'function_name').toLowerCase()
    if (name !== '') names.add(name)
    return true
  })
  return [...names]
}

function refuseExpressionClass(expressionClass: string): string {
  if (expressionClass === 'SUBQUERY') return 'it has a sub-query in an expression'
  return `it has an expression of the kind ${expressionClass}, which is not known to follow from the row`
}

/** Refuses every expression in `tree` that is not known to follow from the rows of its FROM clause. */
export function requireKnownExpressions(tree: SqlJson, facts: EngineFunctions): void {
  walk(tree, node => {
    const expressionClass = textAt(node, 'class')
    if (expressionClass === '') return true
    if (!ROW_CLASSES.has(expressionClass))
      throw new NotIncremental(refuseExpressionClass(expressionClass), node)
    const name = textAt(node, 'function_name').toLowerCase()
    if (name !== '') requireKnownFunction(name, expressionClass, facts, () => node)
    return true
  })
}

function requireKnownFunction(
  name: string,
  expressionClass: string,
  facts: EngineFunctions,
  at: () => Parameters<typeof textAt>[0],
): void {
  if (facts.volatile.has(name))
    throw new NotIncremental(`it calls ${name}(), which answers differently each time`, at())
  const known = facts.scalars.has(name) || facts.aggregates.has(name) || PARSER_FUNCTIONS.has(name)
  if (TEXT_FUNCTIONS.has(name) || (!known && expressionClass !== 'WINDOW'))
    throw new NotIncremental(`it calls ${name}(), which is not known to follow from the row`, at())
}

export function hasWindow(expression: SqlJson): boolean {
  return contains(expression, node => node.class === 'WINDOW')
}

/** Whether one row of the input gives several values of `expression`. */
export function hasRowFunction(expression: SqlJson): boolean {
  return contains(
    expression,
    node => node.class === 'FUNCTION' && textAt(node, 'function_name').toLowerCase() === 'unnest',
  )
}

function contains(expression: SqlJson, matches: (node: Parameters<typeof textAt>[0]) => boolean): boolean {
  let found = false
  walk(expression, node => {
    if (matches(node)) found = true
    return !found
  })
  return found
}
