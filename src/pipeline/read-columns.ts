import { has, type SqlNode, textsAt, walk } from '../lake/sql-tree.ts'
import type { UnderstoodSelect } from './build-from-tree.ts'
import { type FromTree, fromExpressions, type TableSlot } from './from-tree.ts'
import type { ReadColumns } from './query-analysis.ts'
import { expandAliases, type ResolvedColumn, resolveColumn, type Scope } from './query-scope.ts'
import { starredColumns } from './select-list.ts'

/** One SELECT of a query: its own, or that of a derived table. */
interface Level {
  readonly select: SqlNode
  readonly from: FromTree
  readonly scope: Scope
  /** Select items beside those of the SELECT. */
  readonly further: readonly SqlNode[]
}

/**
 * The columns of each input that a query reads: its rows follow from the rows of these alone, so that rows which differ in others
 * did not change for it. Where a name is not certain, all columns of the tables that it may be of are read.
 */
export function readColumns(understood: UnderstoodSelect, further: readonly SqlNode[]): ReadColumns {
  const reads = new Map<number, Set<string> | 'all'>()
  for (const level of levelsOf({ ...understood, further })) addLevel(reads, level)
  return reads
}

function levelsOf(level: Level): readonly Level[] {
  return [level, ...derivedTables(level.from).flatMap(derived => levelsOf({ ...derived, further: [] }))]
}

function derivedTables(tree: FromTree): readonly Extract<FromTree, { type: 'derived' }>[] {
  if (tree.type === 'join') return [...derivedTables(tree.left), ...derivedTables(tree.right)]
  return tree.type === 'derived' ? [tree] : []
}

function joinsOf(tree: FromTree): readonly Extract<FromTree, { type: 'join' }>[] {
  return tree.type === 'join' ? [tree, ...joinsOf(tree.left), ...joinsOf(tree.right)] : []
}

function tablesOf(tree: FromTree): readonly TableSlot[] {
  if (tree.type === 'join') return [...tablesOf(tree.left), ...tablesOf(tree.right)]
  return tree.type === 'table' ? [tree] : []
}

function addLevel(reads: Map<number, Set<string> | 'all'>, level: Level): void {
  const tables = tablesOf(level.from)
  const names = namesRead(level)
  for (const { input, alias, node } of tables) {
    const before = reads.get(input) ?? new Set()
    // Names in the order of the columns: where some are left out, the others would be called otherwise.
    const isWhole = names === 'all' || has(node, 'column_name_alias')
    if (isWhole || before === 'all') {
      reads.set(input, 'all')
      continue
    }
    const own = names.filter(({ relation }) => relation === undefined || relation === alias.toLowerCase())
    reads.set(input, new Set([...before, ...own.map(({ column }) => column)]))
  }
}

/** A column by names in lower case; of any relation that has it, where none is named. */
interface NameRead {
  readonly relation: string | undefined
  readonly column: string
}

function namesRead({ select, from, scope, further }: Level): readonly NameRead[] | 'all' {
  const joins = joinsOf(from)
  if (joins.some(({ node }) => node.ref_type === 'NATURAL')) return 'all'
  const names: NameRead[] = joins
    .flatMap(({ node }) => textsAt(node, 'using_columns'))
    .map(column => ({ relation: undefined, column: column.toLowerCase() }))
  let isCertain = true
  const add = (columns: readonly ResolvedColumn[] | undefined): void => {
    if (columns === undefined) isCertain = false
    for (const { relation, column } of columns ?? [])
      names.push({ relation: relation.alias.toLowerCase(), column: column.toLowerCase() })
  }
  for (const expression of [...expressionsOf(select), ...fromExpressions(from), ...further]) {
    walk(expandAliases(expression, scope), node => {
      if (node.class === 'STAR') add(starredColumns(node, scope))
      if (node.class === 'COLUMN_REF') {
        const column = resolveColumn(scope, textsAt(node, 'column_names'))
        add(column && [column])
      }
      return isCertain
    })
  }
  return isCertain ? names : 'all'
}

/** Everything in a SELECT that is computed for a row or a group; its ORDER BY orders nothing that is kept. */
function expressionsOf(select: SqlNode): readonly SqlNode[] {
  const keys = ['select_list', 'where_clause', 'group_expressions', 'having', 'qualify'] as const
  return keys.flatMap(key => {
    const value = select[key]
    return (Array.isArray(value) ? value : [value ?? null]).filter(
      (item): item is SqlNode => typeof item === 'object' && item !== null && !Array.isArray(item),
    )
  })
}
