import { createHash } from 'node:crypto'
import type { LakeColumn } from './lake.ts'
import type { TableDraft } from './lake-draft.ts'
import type { ParsedLake } from './parse-lake.ts'

/**
 * A hash that changes exactly when what the table's rows would be changes. It covers the columns, and:
 * for a query its syntax tree without positions (layout, comments and letter case of keywords are nothing); for a map its `version`
 * and input; key, order, deletes, and the checks that take rows out (`warn` does not). For bronze, how records become rows: `onNewColumn`
 * and the formats. Not which files are read: a glob that is moved or widened leaves the rows there are as they are. Nor partitioning, descriptions
 * and the name of the export.
 */
export function definitionHash(
  table: TableDraft,
  columns: readonly LakeColumn[],
  parsed: ParsedLake,
): string {
  const definition = {
    columns: columns.map(({ name, type }) => [name, type]),
    ...definitionOf(table, parsed),
  }
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex')
}

function definitionOf(table: TableDraft, parsed: ParsedLake): object {
  const { declaration } = table
  if (declaration.kind === 'bronze') {
    const formats = declaration.sources.map(({ format, csv }) => [
      format,
      csv?.delimiter,
      csv?.header,
      csv?.nullText,
    ])
    return {
      kind: 'bronze',
      onNewColumn: declaration.onNewColumn,
      formats: [...new Set(formats.map(item => JSON.stringify(item)))].sort(),
    }
  }
  const taking = new Map(declaration.checks.map(({ name, otherwise }) => [name, otherwise]))
  const expressions = table.expressions
    .map(
      item => [item.kind, item.name, taking.get(item.name), parsed.expressions.get(item)?.meaning] as const,
    )
    .filter(([kind, , otherwise]) => kind !== 'check' || otherwise !== 'warn')
  const derived = { kind: declaration.kind, key: declaration.key, expressions }
  return declaration.kind === 'query'
    ? { ...derived, query: parsed.queries.get(table)?.meaning }
    : { ...derived, version: declaration.version, from: declaration.from?.id }
}
