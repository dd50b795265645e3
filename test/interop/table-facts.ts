import assert from 'node:assert/strict'
import { isPrimitive, type NestedField, type PrimitiveType, type Type } from '../../src/format/types.ts'
import { quoteIdentifier } from '../../src/sql-text.ts'

/** What two readers of a table must agree on: of each column how many values, the least, the greatest, and a sum. */
export interface TableFacts {
  readonly rows: string
  /** Text as the engine prints it; of times in microseconds. The sum of texts and bytes is that of their lengths. */
  readonly columns: Readonly<Record<string, readonly (string | null)[]>>
}

/** SQL that differs between the engines. */
export interface Dialect {
  quote(name: string): string
  text(sql: string): string
  list(items: readonly string[]): string
  daysOf(date: string): string
  microsOf(timestamp: string): string
}

export const DUCKDB: Dialect = {
  quote: quoteIdentifier,
  text: sql => `CAST(${sql} AS VARCHAR)`,
  list: items => `to_json([${items.join(', ')}])`,
  daysOf: date => `date_diff('day', DATE '1970-01-01', ${date})`,
  microsOf: timestamp => `epoch_us(${timestamp})`,
}

export const SPARK: Dialect = {
  quote: name => `\`${name.replaceAll('`', '``')}\``,
  text: sql => `CAST(${sql} AS STRING)`,
  list: items => `array(${items.join(', ')})`,
  daysOf: date => `unix_date(${date})`,
  microsOf: timestamp => `unix_micros(CAST(${timestamp} AS TIMESTAMP))`,
}

const FACTS_PER_COLUMN = 4

/** An aggregate over a table that gives one list of texts, for `readFacts`. */
export function factsSql(fields: readonly NestedField[], dialect: Dialect): string {
  const facts = fields.flatMap(field => columnFacts(dialect.quote(field.name), field.type, dialect))
  return dialect.list(['count(*)', ...facts].map(fact => dialect.text(fact)))
}

function columnFacts(column: string, type: Type, dialect: Dialect): readonly string[] {
  const count = `count(${column})`
  if (!isPrimitive(type)) return [count, 'NULL', 'NULL', 'NULL']
  const number = numberOf(column, type, dialect)
  const sum = isFloating(type) ? `sum(${number})` : `sum(CAST(${number} AS DECIMAL(38, ${scaleOf(type)})))`
  if (isBytes(type)) return [count, 'NULL', 'NULL', sum]
  const value = type === 'string' || type === 'uuid' ? column : number
  return [count, `min(${value})`, `max(${value})`, sum]
}

function numberOf(column: string, type: PrimitiveType, dialect: Dialect): string {
  if (type === 'string') return `length(${column})`
  if (type === 'uuid') return `length(${dialect.text(column)})`
  if (isBytes(type)) return `octet_length(${column})`
  if (type === 'boolean') return `CAST(${column} AS INT)`
  if (type === 'date') return dialect.daysOf(column)
  if (type.startsWith('time')) return dialect.microsOf(column)
  return column
}

const isFloating = (type: Type): boolean => type === 'float' || type === 'double'
const isBytes = (type: PrimitiveType): boolean => type === 'binary' || type.startsWith('fixed')
const scaleOf = (type: PrimitiveType): number =>
  type.startsWith('decimal') ? Number(/,\s*(\d+)/.exec(type)?.[1] ?? 0) : 0

/** The facts in the list that `factsSql` gives. */
export function readFacts(fields: readonly NestedField[], list: readonly (string | null)[]): TableFacts {
  const [rows = null, ...facts] = list
  assert(rows !== null)
  const columns = fields.map((field, index) => {
    const start = index * FACTS_PER_COLUMN
    return [field.name, facts.slice(start, start + FACTS_PER_COLUMN)] as const
  })
  return { rows, columns: Object.fromEntries(columns) }
}

/** Sums of doubles depend on the order in which they are added; all else must be the same text. */
const TOLERANCE = 1e-9

/** Fails unless both readers saw the same, naming the column. */
export function assertSameFacts(
  fields: readonly NestedField[],
  actual: TableFacts,
  expected: TableFacts,
  what: string,
): void {
  assert.equal(actual.rows, expected.rows, `rows of ${what}`)
  for (const { name, type } of fields) {
    const [own, others] = [actual.columns[name], expected.columns[name]]
    assert(own !== undefined && others !== undefined, `column ${name} of ${what}`)
    if (!isFloating(type)) assert.deepEqual(own, others, `column ${name} of ${what}`)
    else for (const [index, text] of own.entries()) assertClose(text, others[index], `${name} of ${what}`)
  }
}

function assertClose(text: string | null, other: string | null | undefined, what: string): void {
  if (text === null || other === null || other === undefined) {
    assert.equal(text, other, what)
    return
  }
  const [a, b] = [Number(text), Number(other)]
  assert(Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b)), `${what}: ${text}, ${other}`)
}
