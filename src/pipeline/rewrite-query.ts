import { columnReference, nodeAt, nodesAt, type SqlNode, textsAt, walk, withAlias } from '../lake/sql-tree.ts'
import type { UnderstoodSelect } from './build-from-tree.ts'
import { type Focus, renderFrom, renderRestricted, slotsOf, type World } from './from-tree.ts'
import type { KeyColumn } from './output-keys.ts'
import { KEYS_RELATION, keyColumnName, type TouchedQuery } from './query-analysis.ts'
import { expandAliases, resolveColumn, type Scope } from './query-scope.ts'

const WORLDS: readonly World[] = ['old', 'new']

/** All rows of the select over the tables of the new world, with further columns. */
export function rowsQuery(understood: UnderstoodSelect, further: readonly SqlNode[]): SqlNode {
  return withSelectList(understood, further, renderFrom(understood.from, 'new'))
}

/** The rows that come of the rows which came to one slot. */
export function changedRowsQuery(
  understood: UnderstoodSelect,
  focus: Focus,
  further: readonly SqlNode[],
): SqlNode {
  return withSelectList(understood, further, renderFrom(understood.from, 'new', focus))
}

/**
 * The rows of the touched keys. The semi-join stands in the FROM clause, so that nothing else is grouped, windowed or sorted; and right
 * at the table that all keys are columns of, so that nothing else is joined: the engine does not move it there by itself.
 */
export function recomputedQuery(
  understood: UnderstoodSelect,
  keys: readonly KeyColumn[],
  castTypes: ReadonlyMap<string, SqlNode>,
  further: readonly SqlNode[],
): SqlNode {
  const conditions = keys.map((key, index) =>
    notDistinct(castKey(key, castTypes), columnReference(KEYS_RELATION, keyColumnName(index))),
  )
  const restricted = renderRestricted(understood.from, relationsOf(keys, understood.scope), part =>
    semiJoin(part, keysTable(), allOf(conditions)),
  )
  return withSelectList(understood, further, restricted)
}

/** The relations that the keys, which all resolve, are made of; by their aliases in lower case. */
function relationsOf(keys: readonly KeyColumn[], scope: Scope): ReadonlySet<string> {
  const aliases = new Set<string>()
  for (const { expression } of keys) {
    walk(expression, node => {
      if (node.class !== 'COLUMN_REF') return true
      const column = resolveColumn(scope, textsAt(node, 'column_names'))
      if (column !== undefined) aliases.add(column.relation.alias.toLowerCase())
      return true
    })
  }
  return aliases
}

function semiJoin(left: SqlNode, right: SqlNode, condition: SqlNode): SqlNode {
  return {
    type: 'JOIN',
    alias: '',
    sample: null,
    left,
    right,
    condition,
    join_type: 'SEMI',
    ref_type: 'REGULAR',
    using_columns: [],
    delim_flipped: false,
    duplicate_eliminated_columns: [],
  }
}

/**
 * The keys that changed rows touch, one query for each slot and version. A slot on the right of a left join is looked at with
 * either version's changes in either version of the rest: a row that came takes the place of nulls that the old rows had.
 */
export function touchedQueries(
  understood: UnderstoodSelect,
  keys: readonly KeyColumn[],
  castTypes: ReadonlyMap<string, SqlNode>,
): readonly TouchedQuery<SqlNode>[] {
  return slotsOf(understood.from).flatMap(({ slot, input, nullable }) =>
    WORLDS.flatMap(world =>
      WORLDS.filter(changes => nullable || changes === world).map(changes => ({
        input,
        changes,
        query: touchedQuery(understood, keys, castTypes, world, { slot, changes }),
      })),
    ),
  )
}

function touchedQuery(
  understood: UnderstoodSelect,
  keys: readonly KeyColumn[],
  castTypes: ReadonlyMap<string, SqlNode>,
  world: World,
  focus: Focus,
): SqlNode {
  const { select, scope } = understood
  const where = nodeAt(select, 'where_clause')
  return {
    ...select,
    modifiers: [{ type: 'DISTINCT_MODIFIER', distinct_on_targets: [] }],
    select_list: keys.map((key, index) => withAlias(castKey(key, castTypes), keyColumnName(index))),
    from_table: renderFrom(understood.from, world, focus),
    where_clause: where === undefined ? null : expandAliases(where, scope),
    group_expressions: [],
    group_sets: [],
    aggregate_handling: 'STANDARD_HANDLING',
    having: null,
    qualify: null,
  }
}

function withSelectList({ select }: UnderstoodSelect, further: readonly SqlNode[], from: SqlNode): SqlNode {
  const modifiers = nodesAt(select, 'modifiers').filter(({ type }) => type !== 'ORDER_MODIFIER')
  return {
    ...select,
    modifiers,
    select_list: [...nodesAt(select, 'select_list'), ...further],
    from_table: from,
  }
}

/** The key as the table's column holds it, so that keys of the query and of the table compare. */
function castKey({ name, expression }: KeyColumn, castTypes: ReadonlyMap<string, SqlNode>): SqlNode {
  const type = castTypes.get(name)
  const child = withAlias(expression, '')
  if (type === undefined) return child
  return { class: 'CAST', type: 'OPERATOR_CAST', alias: '', child, cast_type: type, try_cast: false }
}

function notDistinct(left: SqlNode, right: SqlNode): SqlNode {
  return { class: 'COMPARISON', type: 'COMPARE_NOT_DISTINCT_FROM', alias: '', left, right }
}

function allOf(conditions: readonly SqlNode[]): SqlNode {
  const [only] = conditions
  if (conditions.length === 1 && only !== undefined) return only
  return { class: 'CONJUNCTION', type: 'CONJUNCTION_AND', alias: '', children: conditions }
}

function keysTable(): SqlNode {
  return {
    type: 'BASE_TABLE',
    alias: '',
    sample: null,
    schema_name: '',
    table_name: KEYS_RELATION,
    column_name_alias: [],
    catalog_name: '',
    at_clause: null,
  }
}
