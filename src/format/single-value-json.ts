import { FloatingNumber } from '../json.ts'
import { civilFromDays, floorDivide } from './civil-date.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import { isFloating, type PrimitiveType } from './types.ts'
import { parseValue } from './values.ts'

const DAY_MICROS = 86_400_000_000n

/** A value as JSON (Iceberg spec, "JSON single-value serialization"); NaN and infinities, which JSON has no number for, as text. */
export function valueToJson(type: PrimitiveType, value: PrimitiveValue | null): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex').toUpperCase()
  if (isFloating(type)) return Number.isFinite(value) ? new FloatingNumber(Number(value)) : String(value)
  switch (type) {
    case 'date':
      return dateText(Number(value))
    case 'time':
      return timeText(BigInt(value))
    case 'timestamp':
      return timestampText(BigInt(value))
    case 'timestamptz':
      return `${timestampText(BigInt(value))}+00:00`
    default:
      return type.startsWith('decimal') ? decimalText(scaleOf(type), BigInt(value)) : value
  }
}

/**
 * The value of a type that JSON stands for. What engines write as well is read: whole numbers for dates (days) and times
 * (microseconds), numbers for decimals and texts for numbers, times of another zone or of none, which are UTC.
 * @returns undefined when it stands for no value of the type; null has none, and NaN is compared with nothing
 */
export function valueFromJson(type: PrimitiveType, json: unknown): PrimitiveValue | undefined {
  if (type === 'boolean') return typeof json === 'boolean' ? json : undefined
  if (isFloating(type)) return floatingFromJson(type, json)
  if (typeof json === 'string') {
    const isWhole = (type === 'int' || type === 'long') && /^-?\d{1,19}$/.test(json)
    return isWhole ? valueFromJson(type, BigInt(json)) : valueFromText(type, json)
  }
  if (typeof json !== 'bigint' && typeof json !== 'number') return undefined
  if (type.startsWith('decimal')) return valueFromText(type, String(json))
  return isInteger(json) ? valueFromInteger(type, json) : undefined
}

const NUMBER_TEXT = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

function floatingFromJson(type: PrimitiveType, json: unknown): number | undefined {
  const isNumber = typeof json === 'number' || typeof json === 'bigint'
  if (!isNumber && !(typeof json === 'string' && NUMBER_TEXT.test(json))) return undefined
  return type === 'float' ? Math.fround(Number(json)) : Number(json)
}

function isInteger(json: number | bigint): boolean {
  return typeof json === 'bigint' ? BigInt.asIntN(64, json) === json : Number.isSafeInteger(json)
}

/** An int may be out of range: it can be compared all the same. */
function valueFromInteger(type: PrimitiveType, json: number | bigint): PrimitiveValue | undefined {
  switch (type) {
    case 'int':
      return Number(json)
    case 'date':
      return Math.abs(Number(json)) < 2 ** 31 ? Number(json) : undefined
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return BigInt(json)
    default:
      return undefined
  }
}

const DATE_TEXT = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])/
const TIME_TEXT = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?/
const ZONE_TEXT = /^(Z|[+-]\d\d:\d\d)?$/

function valueFromText(type: PrimitiveType, text: string): PrimitiveValue | undefined {
  if (!isWellFormed(type, text)) return undefined
  try {
    return parseValue(type, text)
  } catch {
    // The caller says what the text was to be.
    return undefined
  }
}

/** Whether a text that stands for a day or a time names one that there is. */
function isWellFormed(type: PrimitiveType, text: string): boolean {
  if (type === 'time') return TIME_TEXT.exec(text)?.[0] === text
  const length = /^fixed\[(\d+)\]$/.exec(type)?.[1]
  if (length !== undefined) return text.length === 2 * Number(length)
  if (type !== 'date' && !type.startsWith('timestamp')) return true
  const date = DATE_TEXT.exec(text)?.[0]
  if (date === undefined || dateText(Number(parseValue('date', date))) !== date) return false
  const rest = text.slice(date.length)
  if (rest === '' || type === 'date') return rest === ''
  const time = TIME_TEXT.exec(rest.slice(1))?.[0]
  if (time === undefined || !/^[T ]/.test(rest)) return false
  const zone = rest.slice(1 + time.length)
  return type === 'timestamp' ? zone === '' : ZONE_TEXT.test(zone)
}

function dateText(days: number): string {
  const { year, month, day } = civilFromDays(days)
  const digits = String(Math.abs(year)).padStart(4, '0')
  const sign = year < 0 ? '-' : digits.length > 4 ? '+' : ''
  return `${sign}${digits}-${padded(month)}-${padded(day)}`
}

function timeText(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n)
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map(padded)
    .join(':')
  return `${clock}.${String(micros % 1_000_000n).padStart(6, '0')}`
}

function timestampText(micros: bigint): string {
  const days = floorDivide(micros, DAY_MICROS)
  return `${dateText(Number(days))}T${timeText(micros - days * DAY_MICROS)}`
}

function padded(value: number): string {
  return String(value).padStart(2, '0')
}

function scaleOf(type: PrimitiveType): number {
  return Number(/,\s*(\d+)\)$/.exec(type)?.[1] ?? 0)
}

/** A decimal from its unscaled value: -5 with scale 3 is `-0.005`. */
export function decimalText(scale: number, unscaled: bigint): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  if (scale === 0) return `${sign}${digits}`
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
