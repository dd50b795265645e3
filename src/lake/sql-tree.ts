// The syntax tree that DuckDB's json_serialize_sql gives, as plain JSON. It has no published grammar: readers take what
// they know and refuse the rest (see pipeline/analyze-query.ts).

export type SqlJson = null | boolean | number | bigint | string | readonly SqlJson[] | SqlNode

export interface SqlNode {
  readonly [key: string]: SqlJson
}

function isNode(value: SqlJson | undefined): value is SqlNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object under `key`; undefined when there is none. */
export function nodeAt(node: SqlNode, key: string): SqlNode | undefined {
  const value = node[key]
  return isNode(value) ? value : undefined
}

/** The objects of the array under `key`; none when it is absent. */
export function nodesAt(node: SqlNode, key: string): readonly SqlNode[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter(isNode) : []
}

/** The text under `key`; empty when it is absent. */
export function textAt(node: SqlNode, key: string): string {
  const value = node[key]
  return typeof value === 'string' ? value : ''
}

/** The texts of the array under `key`. */
export function textsAt(node: SqlNode, key: string): readonly string[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** Whether `key` holds something: not absent, null, false, empty text, an empty array or object. */
export function has(node: SqlNode, key: string): boolean {
  const value = node[key]
  if (Array.isArray(value)) return value.length > 0
  if (isNode(value)) return Object.keys(value).length > 0
  return value !== undefined && value !== null && value !== false && value !== ''
}

/** Calls `visit` for `value` and everything in it; where it answers false, what is inside is left out. */
export function walk(value: SqlJson | undefined, visit: (node: SqlNode) => boolean): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit)
  } else if (isNode(value) && visit(value)) {
    for (const item of Object.values(value)) walk(item, visit)
  }
}

/** Every object within `value`, itself included, from the outside in. */
export function* nodesOf(value: SqlJson | undefined): Generator<SqlNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesOf(item)
  } else if (isNode(value)) {
    yield value
    for (const item of Object.values(value)) yield* nodesOf(item)
  }
}

/** Where `node` begins in its text, in bytes; 0 where the engine does not say. */
export function byteOffsetOf(node: SqlNode): number {
  const location = node.query_location
  return typeof location === 'number' ? location : 0
}

/** A copy in which `replace` decided every object, from the outside in: undefined keeps it and goes on inside. */
export function rewrite(value: SqlNode, replace: (node: SqlNode) => SqlNode | undefined): SqlNode
export function rewrite(value: SqlJson, replace: (node: SqlNode) => SqlNode | undefined): SqlJson
export function rewrite(value: SqlJson, replace: (node: SqlNode) => SqlNode | undefined): SqlJson {
  if (Array.isArray(value)) return value.map(item => rewrite(item, replace))
  if (!isNode(value)) return value
  const replaced = replace(value)
  if (replaced !== undefined) return replaced
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rewrite(item, replace)]))
}

/** A text that is equal for trees that differ only in where they were written. */
export function fingerprint(value: SqlJson): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (key === 'query_location') return undefined
    return typeof item === 'bigint' ? `${item}n` : item
  })
}

export function columnReference(...names: readonly string[]): SqlNode {
  return { class: 'COLUMN_REF', type: 'COLUMN_REF', alias: '', column_names: names }
}

/** `node` under another name in a select list. */
export function withAlias(node: SqlNode, alias: string): SqlNode {
  return { ...node, alias }
}
