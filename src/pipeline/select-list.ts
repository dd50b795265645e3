import { columnReference, has, nodesAt, type SqlNode, textAt, textsAt } from '../lake/sql-tree.ts'
import type { ResolvedColumn, Scope, ScopeRelation } from './query-scope.ts'

/** The name that a select item gives its column: its alias, or the last name of a plain column; undefined for others. */
export function itemName(item: SqlNode): string | undefined {
  const alias = textAt(item, 'alias')
  if (alias !== '') return alias
  return item.class === 'COLUMN_REF' ? textsAt(item, 'column_names').at(-1) : undefined
}

/** Items with an alias by its name in lower case; the first of a name counts. */
export function selectAliases(select: SqlNode): ReadonlyMap<string, SqlNode> {
  const aliases = new Map<string, SqlNode>()
  for (const item of nodesAt(select, 'select_list')) {
    const alias = textAt(item, 'alias').toLowerCase()
    if (alias !== '' && !aliases.has(alias)) aliases.set(alias, item)
  }
  return aliases
}

/** The columns that `select` gives, or undefined where some are not known. */
export function outputNames(select: SqlNode, scope: Scope): readonly string[] | undefined {
  const names: string[] = []
  for (const item of nodesAt(select, 'select_list')) {
    const columns = item.class === 'STAR' ? starColumns(item, scope) : [itemName(item)]
    for (const column of columns ?? [undefined]) {
      if (column === undefined) return undefined
      names.push(column)
    }
  }
  return names
}

function isPlainStar(item: SqlNode): boolean {
  return (
    item.class === 'STAR' &&
    !['columns', 'replace_list', 'rename_list', 'qualified_exclude_list', 'expr', 'unpacked'].some(key =>
      has(item, key),
    )
  )
}

function starRelations(star: SqlNode, scope: Scope): readonly ScopeRelation[] {
  const relation = textAt(star, 'relation_name').toLowerCase()
  return scope.relations.filter(({ alias }) => relation === '' || alias.toLowerCase() === relation)
}

/** The columns that a star stands for, one of USING once for each relation that has it; undefined where that is not certain. */
export function starredColumns(star: SqlNode, scope: Scope): readonly ResolvedColumn[] | undefined {
  if (!isPlainStar(star)) return undefined
  const excluded = new Set(textsAt(star, 'exclude_list').map(name => name.toLowerCase()))
  const relations = starRelations(star, scope)
  // The fields of a struct column, when no relation has the name.
  if (relations.length === 0) return undefined
  const starred: ResolvedColumn[] = []
  for (const relation of relations) {
    if (relation.columns === undefined) return undefined
    for (const column of relation.columns)
      if (!excluded.has(column.toLowerCase())) starred.push({ relation, column })
  }
  return starred
}

function starColumns(star: SqlNode, scope: Scope): readonly string[] | undefined {
  const names: string[] = []
  for (const { column } of starredColumns(star, scope) ?? []) {
    const name = column.toLowerCase()
    if (!scope.shared.has(name) || !names.some(other => other.toLowerCase() === name)) names.push(column)
  }
  return starredColumns(star, scope) && names
}

/** What the output column `name` is computed from, or undefined where that is not certain. */
export function outputExpression(select: SqlNode, scope: Scope, name: string): SqlNode | undefined {
  const wanted = name.toLowerCase()
  const items = nodesAt(select, 'select_list')
  const named = items.filter(item => item.class !== 'STAR' && itemName(item)?.toLowerCase() === wanted)
  const stars = items.filter(item => item.class === 'STAR')
  const starred = stars.filter(
    star => starColumns(star, scope)?.some(column => column.toLowerCase() === wanted) ?? true,
  )
  if (named.length + starred.length !== 1) return undefined
  const [item] = named
  if (item !== undefined) return item
  const [star] = starred
  if (star === undefined || !isPlainStar(star)) return undefined
  const owner = starRelations(star, scope).find(({ columns }) =>
    columns?.some(column => column.toLowerCase() === wanted),
  )
  if (owner === undefined) return undefined
  return owner.alias === '' || scope.shared.has(wanted)
    ? columnReference(name)
    : columnReference(owner.alias, name)
}
