import type { LocatedField } from '../format/schema.ts'
import { isSameForReaders, type SchemaDiff } from '../format/schema-diff.ts'
import { parseJson } from '../json.ts'
import type { EngineResult } from '../table/engine.ts'
import type { RowCounts } from '../table/row-diff.ts'
import { toSqlType } from '../table/sql-types.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { DiffPoints } from './diff-points.ts'
import type { TableAtPoint } from './table-at-point.ts'
import { formatJson } from './terminal.ts'
import { formatCount, formatTable, visible } from './text-table.ts'

/** How the rows of a table differ between two points. */
export interface ComparedRows {
  /** The columns by which a row is known; undefined: none. */
  readonly key: readonly string[] | undefined
  readonly counts: RowCounts
  /** As many of the rows as are to be shown; for machines one JSON text each. */
  readonly sample: EngineResult
}

/** A comparison as people read it. */
export function describeDiff(
  { from, to }: DiffPoints,
  schema: SchemaDiff,
  { key, counts, sample }: ComparedRows,
): readonly string[] {
  const lines = [`${formatIdentifier(to.identifier)}: ${describePoint(from)} → ${describePoint(to)}`]
  lines.push(
    `columns  ${isSameForReaders(schema) ? 'as they were' : describeSchema(schema).join('\n         ')}`,
  )
  lines.push(`rows     ${describeCounts(counts, key)}`)
  if (sample.rows.length === 0) return lines
  const [first, ...columns] = sample.columns
  const unnamed = first === undefined ? [] : [{ ...first, name: '' }]
  lines.push('', formatTable([...unnamed, ...columns], sample.rows))
  const differing = counts.added + counts.removed + 2 * (counts.changed ?? 0)
  if (differing > sample.rows.length)
    lines.push(`the first ${formatCount(sample.rows.length, 'row')} shown (--limit)`)
  return lines
}

function describePoint({ snapshot }: TableAtPoint): string {
  if (snapshot === undefined) return 'empty'
  return `snapshot ${snapshot['snapshot-id']} of ${new Date(snapshot['timestamp-ms']).toISOString()}`
}

function describeCounts({ added, removed, changed }: RowCounts, key: ComparedRows['key']): string {
  if (added + removed + (changed ?? 0) === 0) return 'as they were'
  const counts = [`${formatCount(added, 'row')} added`, `${formatCount(removed, 'row')} removed`]
  if (changed === undefined || key === undefined) return counts.join(', ')
  return `${counts.join(', ')}, ${formatCount(changed, 'row')} changed (by ${key.map(visible).join(', ')})`
}

function describeSchema({ added, removed, renamed, retyped }: SchemaDiff): readonly string[] {
  return [
    ...added.map(field => `+ ${nameOf(field)} ${typeOf(field)}`),
    ...removed.map(field => `- ${nameOf(field)} ${typeOf(field)}`),
    ...renamed.map(({ from, to }) => `${nameOf(from)} is renamed to ${nameOf(to)}`),
    ...retyped.map(({ from, to }) => `${nameOf(to)} was ${typeOf(from)} and is ${typeOf(to)}`),
  ]
}

const nameOf = ({ path }: LocatedField): string => visible(path.join('.'))

const typeOf = ({ field }: LocatedField): string =>
  `${toSqlType(field.type)}${field.required ? ' NOT NULL' : ''}`

/** A comparison for machines. */
export function diffToJson(
  { from, to }: DiffPoints,
  schema: SchemaDiff,
  { key, counts, sample }: ComparedRows,
): string {
  const column = (field: LocatedField) => ({ name: field.path.join('.'), type: typeOf(field) })
  return formatJson({
    table: formatIdentifier(to.identifier),
    from: pointToJson(from),
    to: pointToJson(to),
    columns: {
      added: schema.added.map(column),
      removed: schema.removed.map(column),
      renamed: schema.renamed.map(pair => ({ from: column(pair.from).name, to: column(pair.to).name })),
      retyped: schema.retyped.map(pair => ({ ...column(pair.to), from: typeOf(pair.from) })),
    },
    rows: { key: key ?? null, added: counts.added, removed: counts.removed, changed: counts.changed ?? null },
    sample: sample.rows.map(([text]) => parseJson(String(text))),
  })
}

function pointToJson({ snapshot }: TableAtPoint) {
  return snapshot === undefined
    ? null
    : { snapshotId: snapshot['snapshot-id'], at: new Date(snapshot['timestamp-ms']).toISOString() }
}
