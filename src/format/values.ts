import { IngotError } from '../errors.ts'
import { daysFromCivil } from './civil-date.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import type { PrimitiveType } from './types.ts'

/**
 * The value that a text of DuckDB's stands for: statistics, partition keys, casts to VARCHAR. Bytes are hexadecimal.
 * Undefined for an infinite date or timestamp, which no Iceberg value stands for.
 * @throws DATA_INVALID when the text is no value of the type
 */
export function parseValue(type: PrimitiveType, text: string): PrimitiveValue | undefined {
  const value = parse(type, text)
  if (value !== null) return value
  throw new IngotError('DATA_INVALID', `${JSON.stringify(text)} is no value of type ${type}`)
}

/** Null: not a value of the type. Undefined: infinite. */
function parse(type: PrimitiveType, text: string): PrimitiveValue | undefined | null {
  switch (type) {
    case 'boolean':
      return parseBoolean(text)
    case 'int':
      return /^-?\d{1,10}$/.test(text) ? Number(text) : null
    case 'long':
      return /^-?\d{1,19}$/.test(text) ? BigInt(text) : null
    case 'float':
    case 'double':
      return parseDouble(text)
    case 'date':
      return INFINITE.test(text) ? undefined : parseDays(text)
    case 'time':
      return parseMicrosOfDay(text)
    case 'timestamp':
    case 'timestamptz':
      return INFINITE.test(text) ? undefined : parseTimestamp(text)
    case 'string':
      return text
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : null
    default:
      return type.startsWith('decimal') ? parseUnscaled(type, text) : parseHex(text)
  }
}

const INFINITE = /^-?infinity$/

function parseBoolean(text: string): boolean | null {
  if (text === 'true' || text === '1') return true
  return text === 'false' || text === '0' ? false : null
}

function parseDouble(text: string): number | null {
  if (/^[+-]?nan$/i.test(text)) return Number.NaN
  if (/^-?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null
}

function parseHex(text: string): Uint8Array | null {
  return /^([0-9a-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex') : null
}

function parseUnscaled(type: PrimitiveType, text: string): bigint | null {
  const scale = Number(/,\s*(\d+)\)$/.exec(type)?.[1] ?? 0)
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text)
  if (match === null || (match[2] === '' && !match[3])) return null
  const fraction = match[3] ?? ''
  if (fraction.length > scale) return null
  const unscaled = BigInt((match[2] ?? '') + fraction.padEnd(scale, '0'))
  return match[1] === '-' ? -unscaled : unscaled
}

const DATE = /^(\d{1,7})-(\d\d)-(\d\d)( \(BC\))?/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?/
const OFFSET = /^([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/

function parseDays(text: string): number | null {
  const match = DATE.exec(text)
  return match !== null && match[0].length === text.length ? daysOfDate(match) : null
}

function daysOfDate(match: RegExpExecArray): number {
  const year = match[4] === undefined ? Number(match[1]) : 1 - Number(match[1])
  return daysFromCivil({ year, month: Number(match[2]), day: Number(match[3]) })
}

function parseMicrosOfDay(text: string): bigint | null {
  const match = TIME.exec(text)
  return match !== null && match[0].length === text.length ? microsOfTime(match) : null
}

function microsOfTime(match: RegExpExecArray): bigint {
  const seconds = (Number(match[1]) * 60 + Number(match[2])) * 60 + Number(match[3])
  return BigInt(seconds) * 1_000_000n + BigInt((match[4] ?? '').padEnd(6, '0'))
}

/** `2024-02-11 15:00:00.123456`, with ` (BC)` after the date or at the end, with an offset or without. */
function parseTimestamp(text: string): bigint | null {
  const isTrailingBc = / \(BC\)$/.test(text) && text.indexOf(':') > 0
  const plain = isTrailingBc ? text.slice(0, -' (BC)'.length) : text
  const date = DATE.exec(isTrailingBc ? plain.replace(/^(\d+-\d\d-\d\d)/, '$1 (BC)') : plain)
  if (date === null) return null
  const dateLength = isTrailingBc ? date[0].length - ' (BC)'.length : date[0].length
  const dayMicros = BigInt(daysOfDate(date)) * 86_400_000_000n
  if (dateLength === plain.length) return dayMicros
  if (!/[ T]/.test(plain.charAt(dateLength))) return null
  const rest = plain.slice(dateLength + 1)
  const time = TIME.exec(rest)
  if (time === null) return null
  const offsetMicros = parseOffset(rest.slice(time[0].length))
  return offsetMicros === null ? null : dayMicros + microsOfTime(time) - offsetMicros
}

function parseOffset(text: string): bigint | null {
  if (text === '' || text === 'Z') return 0n
  const match = OFFSET.exec(text)
  if (match === null) return null
  const seconds = (Number(match[2]) * 60 + Number(match[3] ?? 0)) * 60 + Number(match[4] ?? 0)
  return BigInt(match[1] === '-' ? -seconds : seconds) * 1_000_000n
}

/**
 * The order of two values of a type: negative, 0 or positive. Texts are in the order of their UTF-8 bytes (which JS's `<`
 * is not), uuids and bytes unsigned; NaN is greater than every number, as in SQL engines; the zeros are equal.
 */
export function compareValues(type: PrimitiveType, a: PrimitiveValue, b: PrimitiveValue): number {
  return compareComparable(comparableOf(type, a), comparableOf(type, b))
}

/** A value in the form in which it is compared: texts and uuids as bytes. */
export type Comparable = number | bigint | boolean | Uint8Array

/** The comparable form of a value; of one type, all have the same form (or are numbers and bigints mixed). */
export function comparableOf(type: PrimitiveType, value: PrimitiveValue): Comparable {
  if (typeof value !== 'string') return value
  return type === 'uuid' ? Buffer.from(value.replaceAll('-', ''), 'hex') : Buffer.from(value, 'utf8')
}

/** The order of two comparable forms of values of one type. */
export function compareComparable(a: Comparable, b: Comparable): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if (a < b) return -1
  if (a > b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}
