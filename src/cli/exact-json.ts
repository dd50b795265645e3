import { quoteIdentifier } from '../sql-text.ts'
import type { EngineColumn } from '../table/engine.ts'

/** Types whose values JSON readers round, as JavaScript does beyond 2^53 and beyond 17 digits. */
const WIDE_TYPE =
  /"(?:[^"]|"")*"|'(?:[^']|'')*'|\bU?(?:BIG|HUGE)INT\b|\bBIGNUM\b|\bDECIMAL(?:\(\d+,\s*\d+\))?/g

/**
 * The query with its BIGINT, HUGEINT and DECIMAL values as text, nested ones too, so that its JSON is exact for every reader.
 * Decided by the type, never by the value: a column looks the same in every row and every result.
 */
export function exactJsonSql(sql: string, columns: readonly EngineColumn[]): string {
  if (columns.every(({ type }) => textType(type) === type)) return sql
  const places = columns.map((_, index) => `c${index}`)
  const values = columns.map(({ name, type }, index) => {
    const text = textType(type)
    const value = text === type ? `c${index}` : `CAST(c${index} AS ${text})`
    return `${value} AS ${quoteIdentifier(name)}`
  })
  return `SELECT ${values.join(', ')} FROM (${sql}\n) AS result(${places.join(', ')})`
}

/** The type with VARCHAR for each wide one in it; quoted names and enum values are left alone. */
function textType(type: string): string {
  return type.replace(WIDE_TYPE, part => (/^["']/.test(part) ? part : 'VARCHAR'))
}
