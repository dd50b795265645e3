import type { EngineFunctions } from '../lake/engine-functions.ts'
import { hasAggregate } from '../lake/select-shape.ts'
import { has, nodesAt, type SqlNode, textsAt, walk } from '../lake/sql-tree.ts'
import type { UnderstoodSelect } from './build-from-tree.ts'
import { hasRowFunction, hasWindow } from './function-facts.ts'
import { NotIncremental } from './not-incremental.ts'
import { expandAliases, meaning, resolvesIn } from './query-scope.ts'
import { outputExpression, selectAliases } from './select-list.ts'

/** An output column that each row of the FROM clause determines by itself. */
export interface KeyColumn {
  readonly name: string
  /** Over the FROM clause alone: aliases of the select list are expanded. */
  readonly expression: SqlNode
  readonly meaning: string
}

/** The output columns that can be keys: certain expressions over the FROM clause that give one value a row. */
export function determinedColumns(
  understood: UnderstoodSelect,
  columns: readonly string[],
  functions: EngineFunctions,
): readonly KeyColumn[] {
  const { select, scope } = understood
  return columns.flatMap(name => {
    const item = outputExpression(select, scope, name)
    if (item === undefined) return []
    const expression = expandAliases(item, scope)
    const byRow =
      !hasAggregate(expression, functions) && !hasWindow(expression) && !hasRowFunction(expression)
    if (!byRow || !resolvesIn(scope, expression)) return []
    return [{ name, expression, meaning: meaning(scope, expression) }]
  })
}

/** Of `candidates` those that GROUP BY names. */
export function groupColumns(
  understood: UnderstoodSelect,
  candidates: readonly KeyColumn[],
  functions: EngineFunctions,
): readonly KeyColumn[] {
  const { select } = understood
  if (nodesAt(select, 'group_sets').length > 1 || groupingSetCount(select) > 1)
    throw new NotIncremental(
      'it has GROUPING SETS, ROLLUP or CUBE',
      nodesAt(select, 'group_expressions')[0] ?? select,
    )
  if (select.aggregate_handling === 'FORCE_AGGREGATES') return candidates
  const groups = nodesAt(select, 'group_expressions')
  if (groups.length === 0) {
    const first = nodesAt(select, 'select_list').find(item => hasAggregate(item, functions))
    throw new NotIncremental('it aggregates over all rows', first ?? select)
  }
  const grouped = new Set(groups.map(group => groupMeaning(understood, group)))
  return candidates.filter(candidate => grouped.has(candidate.meaning))
}

function groupingSetCount(select: SqlNode): number {
  const sets = select.group_sets
  return Array.isArray(sets) ? sets.length : 0
}

/** What a GROUP BY item means: an ordinal is the select item in that place, an alias stands for its expression. */
function groupMeaning({ select, scope }: UnderstoodSelect, group: SqlNode): string {
  const ordinal = group.class === 'CONSTANT' ? Number((group.value as SqlNode).value) : Number.NaN
  const items = nodesAt(select, 'select_list')
  // An ordinal after a star counts the star's columns too: it is left unknown.
  const starred = items.slice(0, ordinal).some(item => item.class === 'STAR')
  const item = Number.isNaN(ordinal) || starred ? group : (items[ordinal - 1] ?? group)
  return meaning(scope, expandAliases(item, { ...scope, aliases: selectAliases(select) }))
}

/** Of `candidates` those by which every window function of the query is partitioned. */
export function partitionColumns(
  understood: UnderstoodSelect,
  candidates: readonly KeyColumn[],
): readonly KeyColumn[] {
  const { select, scope } = understood
  let kept = candidates
  walk([select.select_list ?? null, select.qualify ?? null], node => {
    if (node.class !== 'WINDOW') return true
    const partitions = new Set(
      nodesAt(node, 'partitions').map(item => meaning(scope, expandAliases(item, scope))),
    )
    const remaining = kept.filter(candidate => partitions.has(candidate.meaning))
    if (remaining.length === 0) throw new NotIncremental(partitionRefusal(node), node)
    kept = remaining
    return true
  })
  return kept
}

function partitionRefusal(window: SqlNode): string {
  return has(window, 'partitions')
    ? 'its window functions share no PARTITION BY expression that is an output column'
    : 'it has a window function over all rows (no PARTITION BY)'
}

/** Names of the plain column that `expression` is, outermost first; undefined for anything else. */
export function plainColumn(expression: SqlNode): readonly string[] | undefined {
  return expression.class === 'COLUMN_REF' ? textsAt(expression, 'column_names') : undefined
}
