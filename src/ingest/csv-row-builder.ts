import { IngotError } from '../errors.ts'
import { type CsvField, csvText } from './csv-record.ts'
import type { Field, FieldTable } from './field-shapes.ts'
import type { Span, UndeclaredFields } from './json-checker.ts'
import { undeclaredField } from './ndjson-reader.ts'
import { withoutExponent } from './number-checks.ts'
import type { CheckedRow } from './row-sink.ts'

export interface CsvRowOptions {
  readonly source: string
  /** What the fields of a record are called, in order: the header, or the declared columns. */
  readonly header: readonly string[]
  /** The columns to check against; undefined: every field is kept, as text. */
  readonly fields: FieldTable | undefined
  /** The columns that the header must name. */
  readonly required: readonly string[]
  readonly undeclared: UndeclaredFields
  /** An unquoted field of this text is null; an empty one always is, but for a column of text. @default '' */
  readonly nullText?: string
}

interface CsvColumn {
  readonly name: string
  readonly key: string
  /** Undefined: not declared. */
  readonly field: Field | undefined
  /** Of all that is called so, declared or not. */
  readonly counted: Field | undefined
}

/** Makes a JSON row of the fields of a CSV record: typed by the columns' checks, exact text otherwise. */
export class CsvRowBuilder {
  readonly #options: CsvRowOptions
  readonly #columns: readonly CsvColumn[]
  readonly #nullText: string

  /** @throws DATA_INVALID when the header lacks a declared column or has a name twice */
  constructor(options: CsvRowOptions) {
    this.#options = options
    this.#nullText = options.nullText ?? ''
    requireHeader(options)
    const declared = new Map(options.fields?.declared.map(field => [field.name, field]))
    this.#columns = options.header.map(name => ({
      name,
      key: `${JSON.stringify(name)}:`,
      field: declared.get(name),
      counted: options.fields?.find(name),
    }))
  }

  /** The row, or why the record is none. */
  build(bytes: Buffer, fields: readonly CsvField[], position: number): CheckedRow | string {
    const columns = this.#columns
    if (fields.length !== columns.length) {
      return `${fields.length} fields: the header has ${columns.length}`
    }
    const values: string[] = []
    const rescued: string[] = []
    for (let index = 0; index < columns.length; index += 1) {
      const column = columns[index]
      const field = fields[index]
      if (column === undefined || field === undefined) continue
      if (this.#isNull(bytes, field, column)) continue
      const value = this.#value(bytes, field, column)
      if (value !== undefined) {
        values.push(column.key + value)
        if (column.field !== undefined) column.field.valueCount += 1
      } else if (column.field !== undefined || this.#options.undeclared === 'rescue') {
        rescued.push(column.key + JSON.stringify(csvText(bytes, field)))
        if (column.counted !== undefined) column.counted.rescuedCount += 1
      } else if (this.#options.undeclared === 'fail') {
        throw undeclaredField(column.name, this.#options.source, position)
      }
    }
    return toRow(position, `{${values.join(',')}}`, rescued)
  }

  #isNull(bytes: Buffer, field: CsvField, column: CsvColumn): boolean {
    if (field.isQuoted) return false
    const isEmpty = field.start === field.end
    if (isEmpty)
      return this.#nullText === '' || (column.field !== undefined && column.field.shape.kind !== 'string')
    return this.#nullText !== '' && bytes.toString('utf8', field.start, field.end) === this.#nullText
  }

  /** The value as JSON; undefined when it is not of the column's type. */
  #value(bytes: Buffer, field: CsvField, column: CsvColumn): string | undefined {
    if (this.#options.fields === undefined) return JSON.stringify(csvText(bytes, field))
    const shape = column.field?.shape
    if (shape?.kind === 'string') return JSON.stringify(csvText(bytes, field))
    if (shape?.kind !== 'primitive') return undefined
    const text = csvText(bytes, field)
    if (shape.token === 'boolean') {
      const lower = text.toLowerCase()
      return lower === 'true' || lower === 'false' ? lower : undefined
    }
    if (!shape.check(bytes, field.start, field.end)) return undefined
    if (shape.token === 'number') return text
    const digits = shape.isDecimal ? withoutExponent(bytes, field.start, field.end) : undefined
    return `"${digits ?? text}"`
  }
}

function toRow(position: number, json: string, rescued: readonly string[]): CheckedRow {
  const end = Buffer.byteLength(json)
  const bytes = Buffer.from(rescued.length === 0 ? json : json + rescued.join(''))
  const spans: Span[] = []
  let start = end
  for (const text of rescued) {
    const next = start + Buffer.byteLength(text)
    spans.push({ start, end: next })
    start = next
  }
  return { position, bytes, start: 0, end, edits: [], rescued: spans }
}

function requireHeader({ header, fields, required, source }: CsvRowOptions): void {
  const twice = header.find((name, index) => header.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new IngotError(
      'DATA_INVALID',
      `the header of ${source} has the column ${JSON.stringify(twice)} twice`,
      {
        hint: 'give each column a name of its own',
        context: { source, header },
      },
    )
  }
  for (const field of fields?.declared ?? [])
    if (required.includes(field.name) || header.includes(field.name)) requireFlat(field, source)
  const missing = required.filter(name => !header.includes(name))
  if (missing.length === 0) return
  throw new IngotError(
    'DATA_INVALID',
    `the header of ${source} lacks ${missing.join(', ')}: it has ${header.join(', ') || 'no columns'}`,
    {
      hint: `declared are ${required.join(', ')}; name them as the header does`,
      context: { source, missing, header },
    },
  )
}

function requireFlat(field: Field, source: string): void {
  if (field.shape.kind === 'string' || field.shape.kind === 'primitive') return
  throw new IngotError('UNSUPPORTED', `column ${field.name} is nested, and ${source} is CSV`, {
    hint: 'declare it as t.string() and take it apart in a silver table',
    context: { source, column: field.name },
  })
}
