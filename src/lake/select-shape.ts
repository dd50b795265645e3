import type { EngineFunctions } from './engine-functions.ts'
import { has, nodesAt, nodesOf, type SqlJson, type SqlNode, textAt } from './sql-tree.ts'

/** Whether `node` calls an aggregate; a window function is no such call. */
export function isAggregate(node: SqlNode, functions: EngineFunctions): boolean {
  if (node.class !== 'FUNCTION') return false
  const name = textAt(node, 'function_name').toLowerCase()
  return functions.aggregates.has(name) || name === 'count_star'
}

/** Whether `expression` aggregates over rows; what stands inside a window does not count. */
export function hasAggregate(expression: SqlJson | undefined, functions: EngineFunctions): boolean {
  for (const node of nodesOf(expression)) if (isAggregate(node, functions)) return true
  return false
}

/** Whether the rows of `select` are made of many rows of its FROM clause. */
export function isGrouped(select: SqlNode, functions: EngineFunctions): boolean {
  return (
    has(select, 'group_expressions') ||
    select.aggregate_handling === 'FORCE_AGGREGATES' ||
    has(select, 'having') ||
    hasAggregate(select.select_list, functions) ||
    hasAggregate(select.qualify, functions)
  )
}

export function isDistinct(select: SqlNode): boolean {
  return nodesAt(select, 'modifiers').some(({ type }) => type === 'DISTINCT_MODIFIER')
}

/** Whether each row of `select` comes from one row of its FROM clause: no grouping, no DISTINCT, no set operation. */
export function isRowByRow(select: SqlNode, functions: EngineFunctions): boolean {
  return select.type === 'SELECT_NODE' && !isGrouped(select, functions) && !isDistinct(select)
}
