import type { EngineFunctions } from '../lake/engine-functions.ts'
import { hasAggregate } from '../lake/select-shape.ts'
import { has, nodeAt, nodesAt, type SqlNode, textAt, textsAt } from '../lake/sql-tree.ts'
import { identifierKey } from '../table-identifier.ts'
import { type FromTree, fromExpressions } from './from-tree.ts'
import { hasWindow, ROW_FUNCTIONS, requireKnownExpressions } from './function-facts.ts'
import { NotIncremental } from './not-incremental.ts'
import { KEYS_RELATION, keyColumnName } from './query-analysis.ts'
import { expandAliases, resolvesIn, type Scope, type ScopeRelation } from './query-scope.ts'
import { outputNames, selectAliases } from './select-list.ts'

/** An input of a query: its place among the inputs, and the columns that it has. */
interface QueryInput {
  readonly input: number
  readonly columns: readonly string[]
}

/** What a query's names can mean before its own FROM clause is read. */
export interface QueryWorld {
  /** By identifierKey. */
  readonly inputs: ReadonlyMap<string, QueryInput>
  readonly functions: EngineFunctions
}

/** A SELECT whose FROM clause is understood. */
export interface UnderstoodSelect {
  readonly select: SqlNode
  readonly from: FromTree
  readonly scope: Scope
}

interface Cte {
  readonly select: SqlNode
  readonly columnAliases: readonly string[]
  readonly visible: CteMap
}

type CteMap = ReadonlyMap<string, Cte>

interface Part {
  readonly tree: FromTree
  readonly relations: readonly ScopeRelation[]
  readonly shared: readonly string[]
}

/** Parts of a SELECT that this analysis knows; one that it does not know makes the query one to recompute. */
const SELECT_KEYS: ReadonlySet<string> = new Set([
  'type',
  'modifiers',
  'cte_map',
  'select_list',
  'from_table',
  'where_clause',
  'group_expressions',
  'group_sets',
  'aggregate_handling',
  'having',
  'sample',
  'qualify',
  'query_location',
])

const SET_OPERATIONS: Readonly<Record<string, string>> = {
  SET_OPERATION_NODE: 'it combines queries (UNION, INTERSECT or EXCEPT)',
  RECURSIVE_CTE_NODE: 'it has a recursive CTE',
}

/**
 * Reads the FROM clause of `select` into a tree of slots, with CTEs put in the place of their names. @throws NotIncremental for
 * what is not known to follow the changes of its tables.
 */
export function understandSelect(select: SqlNode, world: QueryWorld): UnderstoodSelect {
  const builder = new FromTreeBuilder(world)
  return builder.understand(select, new Map())
}

/** Numbers the slots of one query while its FROM clauses are read, from the outside in. */
class FromTreeBuilder {
  readonly #world: QueryWorld
  #slotCount = 0

  constructor(world: QueryWorld) {
    this.#world = world
  }

  understand(select: SqlNode, outer: CteMap): UnderstoodSelect {
    requireKnownSelect(select)
    const ctes = readCtes(select, outer)
    const part = this.#part(nodeAt(select, 'from_table') ?? { type: 'EMPTY' }, ctes)
    requireDistinctAliases(part.relations, select)
    requireNoKeyNames(part.relations, select)
    const scope = {
      relations: part.relations,
      shared: new Set(part.shared),
      aliases: selectAliases(select),
    }
    for (const key of ['select_list', 'where_clause', 'group_expressions', 'having', 'qualify'] as const)
      requireKnownExpressions(select[key] ?? null, this.#world.functions)
    return { select: { ...select, cte_map: { map: [] } }, from: part.tree, scope }
  }

  #part(node: SqlNode, ctes: CteMap): Part {
    if (has(node, 'sample')) throw new NotIncremental('it samples rows', node)
    switch (node.type) {
      case 'BASE_TABLE':
        return this.#table(node, ctes)
      case 'SUBQUERY':
        return this.#derived(node, nodeAt(nodeAt(node, 'subquery') ?? {}, 'node') ?? {}, ctes)
      case 'TABLE_FUNCTION':
        return this.#rowFunction(node)
      case 'EMPTY':
        return { tree: { type: 'other', node }, relations: [], shared: [] }
      case 'JOIN':
        return this.#join(node, ctes)
      default:
        throw new NotIncremental(
          `its FROM clause has a ${textAt(node, 'type') || 'part'} that is not known here`,
          node,
        )
    }
  }

  #table(node: SqlNode, ctes: CteMap): Part {
    if (has(node, 'at_clause')) throw new NotIncremental('it reads a table as of another time', node)
    const name = textAt(node, 'table_name')
    const cte = textAt(node, 'schema_name') === '' ? ctes.get(name.toLowerCase()) : undefined
    if (cte !== undefined) return this.#inline(node, cte)
    const input = this.#world.inputs.get(identifierKey({ namespace: [textAt(node, 'schema_name')], name }))
    if (input === undefined) throw new NotIncremental(`it reads ${name}, which is none of its inputs`, node)
    const alias = textAt(node, 'alias') || name
    const tree: FromTree = { type: 'table', slot: this.#slotCount, input: input.input, alias, node }
    this.#slotCount += 1
    return {
      tree,
      relations: [{ alias, columns: renamed(input.columns, textsAt(node, 'column_name_alias')) }],
      shared: [],
    }
  }

  #inline(reference: SqlNode, cte: Cte): Part {
    const names = textsAt(reference, 'column_name_alias')
    const node = {
      type: 'SUBQUERY',
      alias: textAt(reference, 'alias') || textAt(reference, 'table_name'),
      sample: null,
      query_location: reference.query_location ?? null,
      subquery: { node: cte.select, named_param_map: [] },
      column_name_alias: names.length > 0 ? names : cte.columnAliases,
    }
    return this.#derived(node, cte.select, cte.visible)
  }

  #derived(node: SqlNode, inner: SqlNode, ctes: CteMap): Part {
    const { select, from, scope } = this.understand(inner, ctes)
    requireRowByRow(select, this.#world.functions, node)
    const read = [
      ...nodesAt(select, 'select_list'),
      ...optional(nodeAt(select, 'where_clause')),
      ...fromExpressions(from),
    ]
    for (const item of read)
      if (!resolvesIn(scope, expandAliases(item, scope)))
        throw new NotIncremental('it has a sub-query in FROM that may read more than its own tables', node)
    const columns = outputNames(select, scope)
    const alias = textAt(node, 'alias')
    return {
      tree: { type: 'derived', node, select: { ...select, modifiers: [] }, from, scope },
      relations: [{ alias, columns: columns && renamed(columns, textsAt(node, 'column_name_alias')) }],
      shared: [],
    }
  }

  #rowFunction(node: SqlNode): Part {
    const call = nodeAt(node, 'function') ?? {}
    const name = textAt(call, 'function_name').toLowerCase()
    if (!ROW_FUNCTIONS.has(name)) throw new NotIncremental(`it reads from the function ${name}()`, node)
    requireKnownExpressions(call.children ?? null, this.#world.functions)
    const names = textsAt(node, 'column_name_alias')
    return {
      tree: { type: 'other', node },
      relations: [{ alias: textAt(node, 'alias') || name, columns: names.length > 0 ? names : [name] }],
      shared: [],
    }
  }

  #join(node: SqlNode, ctes: CteMap): Part {
    const kind = joinKind(node)
    requireKnownExpressions(node.condition ?? null, this.#world.functions)
    const left = this.#part(nodeAt(node, 'left') ?? {}, ctes)
    const right = this.#part(nodeAt(node, 'right') ?? {}, ctes)
    if (kind === 'LEFT' && hasLeftJoin(right.tree))
      throw new NotIncremental('it has a left join on the right side of a left join', node)
    const natural = node.ref_type === 'NATURAL' ? commonColumns(left, right, node) : []
    return {
      tree: { type: 'join', kind, node, left: left.tree, right: right.tree },
      relations: [...left.relations, ...right.relations],
      shared: [...left.shared, ...right.shared, ...natural, ...textsAt(node, 'using_columns')].map(name =>
        name.toLowerCase(),
      ),
    }
  }
}

/** Refuses what could be taken for the touched keys, which stand beside the FROM clause when rows are recomputed. */
function requireNoKeyNames(relations: readonly ScopeRelation[], select: SqlNode): void {
  const prefix = keyColumnName(0).slice(0, -1)
  for (const { alias, columns = [] } of relations) {
    const name = [alias, ...columns].find(
      candidate => candidate.toLowerCase() === KEYS_RELATION || candidate.toLowerCase().startsWith(prefix),
    )
    if (name !== undefined)
      throw new NotIncremental(`it uses the name ${name}, which refreshing needs itself`, select)
  }
}

function optional(node: SqlNode | undefined): readonly SqlNode[] {
  return node === undefined ? [] : [node]
}

function renamed(columns: readonly string[], names: readonly string[]): readonly string[] {
  return columns.map((column, index) => names[index] ?? column)
}

function readCtes(select: SqlNode, outer: CteMap): CteMap {
  const visible = new Map(outer)
  for (const entry of nodesAt(nodeAt(select, 'cte_map') ?? {}, 'map')) {
    const cte = nodeAt(entry, 'value') ?? {}
    const inner = nodeAt(nodeAt(cte, 'query') ?? {}, 'node') ?? {}
    // Each CTE sees those before it: a copy, so that a later one with the name of a table changes nothing in it.
    visible.set(textAt(entry, 'key').toLowerCase(), {
      select: inner,
      columnAliases: textsAt(cte, 'aliases'),
      visible: new Map(visible),
    })
  }
  return visible
}

function requireKnownSelect(select: SqlNode): void {
  const type = textAt(select, 'type')
  if (type !== 'SELECT_NODE')
    throw new NotIncremental(
      SET_OPERATIONS[type] ?? `it has a ${type || 'query'} that is not known here`,
      select,
    )
  for (const key of Object.keys(select))
    if (!SELECT_KEYS.has(key) && has(select, key))
      throw new NotIncremental(`it has a ${key} clause that is not known here`, select)
  if (has(select, 'sample')) throw new NotIncremental('it samples rows', select)
  for (const modifier of nodesAt(select, 'modifiers')) requireKnownModifier(modifier, select)
}

function requireKnownModifier(modifier: SqlNode, select: SqlNode): void {
  const type = textAt(modifier, 'type')
  if (type === 'LIMIT_MODIFIER' || type === 'LIMIT_PERCENT_MODIFIER')
    throw new NotIncremental(
      'it has a LIMIT or OFFSET',
      nodeAt(modifier, 'limit') ?? nodeAt(modifier, 'offset') ?? select,
    )
  if (type === 'DISTINCT_MODIFIER' && has(modifier, 'distinct_on_targets'))
    throw new NotIncremental('it has a DISTINCT ON', nodesAt(modifier, 'distinct_on_targets')[0] ?? select)
  if (type !== 'ORDER_MODIFIER' && type !== 'DISTINCT_MODIFIER')
    throw new NotIncremental(`it has a ${type} that is not known here`, select)
}

function requireDistinctAliases(relations: readonly ScopeRelation[], select: SqlNode): void {
  const seen = new Set<string>()
  for (const { alias } of relations) {
    const name = alias.toLowerCase()
    if (name !== '' && seen.has(name))
      throw new NotIncremental(`two tables of its FROM clause are called ${alias}`, select)
    seen.add(name)
  }
}

function requireRowByRow(select: SqlNode, functions: EngineFunctions, at: SqlNode): void {
  const list = select.select_list ?? null
  const grouped = has(select, 'group_expressions') || select.aggregate_handling === 'FORCE_AGGREGATES'
  if (grouped || has(select, 'having') || hasAggregate(list, functions))
    throw new NotIncremental('it has a sub-query or CTE that aggregates: make it a table of its own', at)
  if (has(select, 'qualify') || hasWindow(list))
    throw new NotIncremental(
      'it has a sub-query or CTE with window functions: make it a table of its own',
      at,
    )
  if (nodesAt(select, 'modifiers').some(({ type }) => type === 'DISTINCT_MODIFIER'))
    throw new NotIncremental('it has a sub-query or CTE with DISTINCT: make it a table of its own', at)
}

const JOIN_REFUSALS: Readonly<Record<string, string>> = {
  RIGHT: 'it has a RIGHT JOIN',
  FULL: 'it has a FULL JOIN',
  SEMI: 'it has a SEMI JOIN',
  ANTI: 'it has an ANTI JOIN',
  ASOF: 'it has an ASOF JOIN',
  POSITIONAL: 'it has a POSITIONAL JOIN',
}

function joinKind(node: SqlNode): 'INNER' | 'LEFT' {
  const reference = textAt(node, 'ref_type')
  if (!['REGULAR', 'CROSS', 'NATURAL'].includes(reference))
    throw new NotIncremental(JOIN_REFUSALS[reference] ?? `it has a ${reference} join`, node)
  const type = textAt(node, 'join_type')
  if (type === 'INNER' || type === 'LEFT') return type
  throw new NotIncremental(JOIN_REFUSALS[type] ?? `it has a ${type} join`, node)
}

function hasLeftJoin(tree: FromTree): boolean {
  if (tree.type === 'derived') return hasLeftJoin(tree.from)
  return tree.type === 'join' && (tree.kind === 'LEFT' || hasLeftJoin(tree.left) || hasLeftJoin(tree.right))
}

function commonColumns(left: Part, right: Part, node: SqlNode): readonly string[] {
  const columnsOf = (part: Part): readonly string[] =>
    part.relations.flatMap(({ columns }) => {
      if (columns === undefined)
        throw new NotIncremental('it has a NATURAL JOIN over columns that are not known', node)
      return columns.map(column => column.toLowerCase())
    })
  const names = new Set(columnsOf(right))
  return columnsOf(left).filter(column => names.has(column))
}
