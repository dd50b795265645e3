import type { TableIdentifier } from './table-identifier.ts'

/** `name` as a quoted SQL identifier; every name is quoted, so that keywords, dots and quotes in it mean nothing. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** `text` as an SQL string literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A table's name in the SQL of a lake: its namespace as one schema, then its own name. */
export function quoteTable({ namespace, name }: TableIdentifier): string {
  return `${quoteIdentifier(namespace.join('.'))}.${quoteIdentifier(name)}`
}
