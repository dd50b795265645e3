/** `name` as a quoted SQL identifier; every name is quoted, so that keywords, dots and quotes in it mean nothing. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** `text` as an SQL string literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
