import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'

/** A node of the tree that the engine's `json_serialize_sql` gives. */
export type SyntaxNode = Readonly<Record<string, unknown>>

/** An SQL text as the engine parses it, or why it does not. */
export interface ParsedSql {
  readonly statements: readonly SyntaxNode[]
  readonly error?: { readonly message: string; readonly byteOffset: number }
  /** The tree as text without positions: equal for texts that differ in layout and comments alone. */
  readonly meaning: string
}

interface SerializedSql {
  readonly error: boolean
  readonly error_message?: string
  readonly position?: string
  readonly statements?: readonly { readonly node: SyntaxNode }[]
}

/** Parses all of `texts` in one statement, without running or binding any; in their order. */
export async function parseSql(
  session: EngineSession,
  texts: readonly string[],
): Promise<readonly ParsedSql[]> {
  if (texts.length === 0) return []
  const list = texts.map(text => quoteLiteral(text)).join(', ')
  const result = await session.query(
    `select json_serialize_sql(text) from (select unnest([${list}]) as text, unnest(range(${texts.length})) as place) order by place`,
  )
  return result.rows.map(([json]) => readSerialized(String(json)))
}

function readSerialized(json: string): ParsedSql {
  const serialized = JSON.parse(json) as SerializedSql
  const meaning = json.replace(/"query_location":\d+,?/g, '')
  if (serialized.error) {
    const error = {
      message: serialized.error_message ?? 'not SQL',
      byteOffset: Number(serialized.position ?? 0),
    }
    return { statements: [], error, meaning }
  }
  return { statements: (serialized.statements ?? []).map(({ node }) => node), meaning }
}

/** Every node within `value`, itself included, from the outside in. */
export function* nodesOf(value: unknown): Generator<SyntaxNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesOf(item)
  } else if (typeof value === 'object' && value !== null) {
    yield value as SyntaxNode
    for (const item of Object.values(value)) yield* nodesOf(item)
  }
}

/** Where `node` begins in its text, in bytes; 0 where the engine does not say. */
export function byteOffsetOf(node: SyntaxNode): number {
  const location = node.query_location
  return typeof location === 'number' && location < Number.MAX_SAFE_INTEGER ? location : 0
}

/** The text under `key`; empty when it is absent. */
export function textOf(node: SyntaxNode, key: string): string {
  const value = node[key]
  return typeof value === 'string' ? value : ''
}

/** The names of all common table expressions in `tree`, in lower case. */
function cteNames(tree: SyntaxNode): ReadonlySet<string> {
  const names = [...nodesOf(tree)].flatMap(node => {
    const map = node.cte_map as { readonly map?: readonly { readonly key: string }[] } | undefined
    return map?.map?.map(({ key }) => key.toLowerCase()) ?? []
  })
  return new Set(names)
}

/** The tables that `tree` reads, common table expressions apart, in the order of the text. */
export function tablesRead(tree: SyntaxNode): readonly SyntaxNode[] {
  const ctes = cteNames(tree)
  return [...nodesOf(tree)]
    .filter(node => node.type === 'BASE_TABLE')
    .filter(node => textOf(node, 'schema_name') !== '' || !ctes.has(textOf(node, 'table_name').toLowerCase()))
    .sort((a, b) => byteOffsetOf(a) - byteOffsetOf(b))
}

/** The leftmost table of the outermost FROM, which gives its rows their order and origin; undefined for anything else there. */
export function drivingTable(tree: SyntaxNode): SyntaxNode | undefined {
  let from = tree.from_table as SyntaxNode | undefined
  while (from?.type === 'JOIN') from = from.left as SyntaxNode | undefined
  return from?.type === 'BASE_TABLE' ? from : undefined
}

/** Whether each row of `tree` comes from one row of its FROM: no grouping, no DISTINCT, no set operation. */
export function isRowByRow(tree: SyntaxNode, aggregates: ReadonlySet<string>): boolean {
  const groups = tree.group_expressions
  const modifiers = Array.isArray(tree.modifiers) ? (tree.modifiers as readonly SyntaxNode[]) : []
  const isGrouped =
    (Array.isArray(groups) && groups.length > 0) ||
    tree.aggregate_handling === 'FORCE_AGGREGATES' ||
    Boolean(tree.having) ||
    hasAggregate([tree.select_list, tree.qualify], aggregates)
  const isDistinct = modifiers.some(({ type }) => type === 'DISTINCT_MODIFIER')
  return tree.type === 'SELECT_NODE' && !isGrouped && !isDistinct
}

function hasAggregate(expressions: unknown, aggregates: ReadonlySet<string>): boolean {
  return [...nodesOf(expressions)].some(
    node => node.class === 'FUNCTION' && aggregates.has(textOf(node, 'function_name').toLowerCase()),
  )
}
