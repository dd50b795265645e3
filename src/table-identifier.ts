/** The name of a table in a catalog: namespace levels from the outside in, then the table's own name. */
export interface TableIdentifier {
  readonly namespace: readonly string[]
  readonly name: string
}

/** For people: levels joined by dots. Two identifiers may print alike when their names contain dots: never a key. */
export function formatIdentifier(identifier: TableIdentifier): string {
  return [...identifier.namespace, identifier.name].join('.')
}

/** A key for maps: equal if and only if the identifiers are equal. */
export function identifierKey(identifier: TableIdentifier): string {
  return JSON.stringify([...identifier.namespace, identifier.name])
}

/** `silver.orders` as an identifier: the last part is the name, all before it the namespace. */
export function parseIdentifier(text: string): TableIdentifier {
  const parts = text.split('.')
  return { namespace: parts.slice(0, -1), name: parts.at(-1) ?? '' }
}
