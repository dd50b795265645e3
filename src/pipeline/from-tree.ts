import { nodeAt, nodesAt, type SqlNode, textAt } from '../lake/sql-tree.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { Scope } from './query-scope.ts'

/** One mention of an input table. A table mentioned twice has two slots: its changes are looked at in each of them apart. */
export interface TableSlot {
  readonly type: 'table'
  /** Its place in the order of mention. */
  readonly slot: number
  /** Its table's place in the inputs. */
  readonly input: number
  readonly alias: string
  readonly node: SqlNode
}

/** A derived table (a sub-query in FROM, or a CTE put in its place) that gives rows of its own FROM tree, row by row. */
interface DerivedRows {
  readonly type: 'derived'
  readonly node: SqlNode
  readonly select: SqlNode
  readonly from: FromTree
  /** What names in `select` mean. */
  readonly scope: Scope
}

/** Rows that no table gives: `unnest(…)`, or nothing at all. */
interface OtherRows {
  readonly type: 'other'
  readonly node: SqlNode
}

interface JoinedRows {
  readonly type: 'join'
  readonly kind: 'INNER' | 'LEFT'
  readonly node: SqlNode
  readonly left: FromTree
  readonly right: FromTree
}

/** A FROM clause of which every part is known: its rows are the combinations of rows of its slots. */
export type FromTree = TableSlot | DerivedRows | OtherRows | JoinedRows

/** Every slot in `tree`, left to right. `nullable` ones stand on the right of a left join. */
export function slotsOf(
  tree: FromTree,
  nullable = false,
): readonly (TableSlot & { readonly nullable: boolean })[] {
  switch (tree.type) {
    case 'table':
      return [{ ...tree, nullable }]
    case 'derived':
      return slotsOf(tree.from, nullable)
    case 'other':
      return []
    case 'join':
      return [...slotsOf(tree.left, nullable), ...slotsOf(tree.right, nullable || tree.kind === 'LEFT')]
  }
}

/** Conditions of joins and arguments of functions in a FROM clause; those within its own sub-queries are not among them. */
export function fromExpressions(tree: FromTree): readonly SqlNode[] {
  if (tree.type === 'other') return nodesAt(nodeAt(tree.node, 'function') ?? {}, 'children')
  if (tree.type !== 'join') return []
  const condition = nodeAt(tree.node, 'condition')
  return [
    ...(condition === undefined ? [] : [condition]),
    ...fromExpressions(tree.left),
    ...fromExpressions(tree.right),
  ]
}

/** Which version of an input a rendered slot reads: a table of the two snapshots, or the rows that changed between them. */
export type World = 'old' | 'new'

/** What a changed slot reads instead of its table; the rows that left are of the old world, those that came of the new. */
export interface Focus {
  readonly slot: number
  readonly changes: World
}

/** Names of the relations that a refresh makes beside the tables themselves: one a place in the inputs. */
export const OLD_SCHEMA = 'ingot_old'
export const REMOVED_SCHEMA = 'ingot_removed'
export const ADDED_SCHEMA = 'ingot_added'

/** The relation that has the rows by which input `input` changed, seen from `world`. */
export function changedRelation(input: number, world: World): TableIdentifier {
  return { namespace: [world === 'old' ? REMOVED_SCHEMA : ADDED_SCHEMA], name: String(input) }
}

/**
 * The FROM clause over the tables of `world`, with the focus slot reading its changed rows instead. Left of a left join
 * whose right side has the focus, only rows that meet a changed row stay, and then meet the whole right side of `world`: so
 * a row that gained or lost its partner is found, with its null-extended form.
 */
export function renderFrom(tree: FromTree, world: World, focus?: Focus): SqlNode {
  switch (tree.type) {
    case 'table':
      return renderSlot(
        tree,
        focus?.slot === tree.slot ? changedRelation(tree.input, focus.changes) : oldOrNew(tree, world),
      )
    case 'other':
      return tree.node
    case 'derived':
      return {
        ...tree.node,
        subquery: {
          ...(tree.node.subquery as SqlNode),
          node: { ...tree.select, from_table: renderFrom(tree.from, world, focus) },
        },
      }
    case 'join':
      return renderJoin(tree, world, focus)
  }
}

/**
 * The FROM clause over the tables of the new world, with `restrict` put around the smallest part that has all of `aliases` and whose
 * rows can be left out before they are joined: not where a left join would give nulls for them.
 */
export function renderRestricted(
  tree: FromTree,
  aliases: ReadonlySet<string>,
  restrict: (part: SqlNode) => SqlNode,
): SqlNode {
  if (tree.type === 'join' && aliases.size > 0) {
    const [left, right] = [aliasesOf(tree.left), aliasesOf(tree.right)]
    const node = withCondition(tree.node)
    if ([...aliases].every(alias => left.has(alias))) {
      const restricted = renderRestricted(tree.left, aliases, restrict)
      return { ...node, left: restricted, right: renderFrom(tree.right, 'new') }
    }
    if (tree.kind === 'INNER' && [...aliases].every(alias => right.has(alias))) {
      const restricted = renderRestricted(tree.right, aliases, restrict)
      return { ...node, left: renderFrom(tree.left, 'new'), right: restricted }
    }
  }
  return restrict(renderFrom(tree, 'new'))
}

/** What the tables and derived tables of a FROM clause are called, in lower case. */
function aliasesOf(tree: FromTree): ReadonlySet<string> {
  switch (tree.type) {
    case 'table':
      return new Set([tree.alias.toLowerCase()])
    case 'derived':
      return new Set([textAt(tree.node, 'alias').toLowerCase()])
    case 'other':
      return new Set()
    case 'join':
      return new Set([...aliasesOf(tree.left), ...aliasesOf(tree.right)])
  }
}

function renderJoin(tree: JoinedRows, world: World, focus: Focus | undefined): SqlNode {
  const node = withCondition(tree.node)
  const inRight = focus !== undefined && slotsOf(tree.right).some(({ slot }) => slot === focus.slot)
  if (tree.kind === 'INNER' || !inRight) {
    return { ...node, left: renderFrom(tree.left, world, focus), right: renderFrom(tree.right, world, focus) }
  }
  const partnered = {
    ...node,
    join_type: 'SEMI',
    left: renderFrom(tree.left, world),
    right: renderFrom(tree.right, focus.changes, focus),
  }
  return { ...node, left: partnered, right: renderFrom(tree.right, world) }
}

const ONE: SqlNode = {
  class: 'CONSTANT',
  type: 'VALUE_CONSTANT',
  alias: '',
  value: { type: { id: 'INTEGER', type_info: null }, is_null: false, value: 1 },
}

/** A cross join as a join with a condition: printed as a comma it would bind more weakly than a join that is put around it. */
function withCondition(node: SqlNode): SqlNode {
  if (node.ref_type !== 'CROSS') return node
  const always = { class: 'COMPARISON', type: 'COMPARE_EQUAL', alias: '', left: ONE, right: ONE }
  return { ...node, ref_type: 'REGULAR', condition: always }
}

function oldOrNew(slot: TableSlot, world: World): TableIdentifier | undefined {
  return world === 'old' ? { namespace: [OLD_SCHEMA], name: String(slot.input) } : undefined
}

function renderSlot(slot: TableSlot, relation: TableIdentifier | undefined): SqlNode {
  if (relation === undefined) return { ...slot.node, alias: slot.alias }
  return {
    ...slot.node,
    schema_name: relation.namespace[0] ?? '',
    table_name: relation.name,
    alias: slot.alias,
  }
}
