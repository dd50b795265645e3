import {
  blobValue,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  listValue,
  mapValue,
  structValue,
  uuidValue,
} from '@duckdb/node-api'
import { parseDate, parseTime, parseTimestamp } from './temporal-text.ts'

// How a value of a user's `map` function becomes a column's, one meaning a type and nothing rounded in silence:
//
// | Iceberg                        | a row that `map` receives          | what `map` may return besides                          |
// |--------------------------------|------------------------------------|--------------------------------------------------------|
// | int                            | number                             | bigint in range                                        |
// | long                           | bigint                             | number that is a safe integer                          |
// | float, double                  | number (NaN, Infinity included)    |                                                        |
// | decimal(p, s)                  | text with s decimals: `12.50`      | bigint; number whose shortest text has at most s decimals |
// | boolean                        | boolean                            |                                                        |
// | string                         | string                             |                                                        |
// | date                           | text: `2024-02-29`                 | Date at midnight UTC                                   |
// | time                           | text: `12:00:00.5`                 |                                                        |
// | timestamp                      | text: `2024-02-29 12:00:00.5`      | ISO 8601 text, Date                                    |
// | timestamptz                    | text: `2024-02-29 12:00:00.5+00`   | ISO 8601 text, Date                                    |
// | uuid                           | text                               |                                                        |
// | binary, fixed                  | Uint8Array                         |                                                        |
// | list                           | array                              |                                                        |
// | struct                         | object                             | a field left out is null                               |
// | map                            | array of [key, value]              | Map                                                    |
//
// null and undefined are null everywhere. Text has microseconds, which a Date has not: that is why rows carry text.

/** A value that does not fit its column; `message` names the place and the value. */
export class MapValueError extends Error {
  override readonly name = 'MapValueError'
}

/**
 * `value` as the binding's value of `type`.
 * @throws MapValueError naming `path`, as in `route.points[3].at`
 */
export function toDuckdbValue(value: unknown, type: DuckDBType, path: string): DuckDBValue {
  if (value === null || value === undefined) return null
  if (type instanceof DuckDBListType) return toList(value, type, path)
  if (type instanceof DuckDBStructType) return toStruct(value, type, path)
  if (type instanceof DuckDBMapType) return toMap(value, type, path)
  const converted = type instanceof DuckDBDecimalType ? toDecimal(value, type) : toScalar(value, type.typeId)
  if (converted === undefined) throw new MapValueError(`${path} is ${describeValue(value)}, not a ${type}`)
  return converted
}

function toList(value: unknown, type: DuckDBListType, path: string): DuckDBValue {
  if (!Array.isArray(value)) throw new MapValueError(`${path} is ${describeValue(value)}, not an array`)
  return listValue(value.map((item, index) => toDuckdbValue(item, type.valueType, `${path}[${index}]`)))
}

function toStruct(value: unknown, type: DuckDBStructType, path: string): DuckDBValue {
  if (!isPlainObject(value)) throw new MapValueError(`${path} is ${describeValue(value)}, not an object`)
  assertKnownNames(value, type.entryNames, path)
  const fields = type.entryNames.map((name, index) => {
    const fieldType = type.entryTypes[index]
    return [name, fieldType ? toDuckdbValue(value[name], fieldType, `${path}.${name}`) : null] as const
  })
  return structValue(Object.fromEntries(fields))
}

function toMap(value: unknown, type: DuckDBMapType, path: string): DuckDBValue {
  const pairs: unknown = value instanceof Map ? [...value] : value
  if (!Array.isArray(pairs)) throw new MapValueError(`${path} is ${describeValue(value)}, not a Map or pairs`)
  const keys = new Set<string>()
  const entries = pairs.map((pair: unknown, index) => {
    const place = `${path}[${index}]`
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new MapValueError(`${place} is not a [key, value] pair`)
    const key = toDuckdbValue(pair[0], type.keyType, `${place} key`)
    if (key === null || keys.has(String(key))) {
      throw new MapValueError(`${place} has the key ${describeValue(pair[0])}: keys are unique and not null`)
    }
    keys.add(String(key))
    return { key, value: toDuckdbValue(pair[1], type.valueType, `${place} value`) }
  })
  return mapValue(entries)
}

/** @throws MapValueError when `value` has a field that the table has not, which a slip of the pen would otherwise lose */
export function assertKnownNames(value: object, names: readonly string[], path: string): void {
  const unknown = Object.keys(value).find(name => !names.includes(name))
  if (unknown === undefined) return
  throw new MapValueError(`${path} has ${JSON.stringify(unknown)}, which is none of: ${names.join(', ')}`)
}

/** Whether `value` is an object with fields rather than an array, bytes, a Map or a Date. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** What a type that is not nested makes of a value; undefined when it does not fit. */
const SCALARS: Partial<Record<DuckDBTypeId, (value: unknown) => DuckDBValue | undefined>> = {
  [DuckDBTypeId.BOOLEAN]: value => (typeof value === 'boolean' ? value : undefined),
  [DuckDBTypeId.INTEGER]: value => toNumberOrNothing(toInteger(value, 32)),
  [DuckDBTypeId.BIGINT]: value => toInteger(value, 64),
  [DuckDBTypeId.FLOAT]: value => (typeof value === 'number' ? value : undefined),
  [DuckDBTypeId.DOUBLE]: value => (typeof value === 'number' ? value : undefined),
  [DuckDBTypeId.VARCHAR]: value => (typeof value === 'string' && isWellFormed(value) ? value : undefined),
  [DuckDBTypeId.BLOB]: value => (value instanceof Uint8Array ? blobValue(value) : undefined),
  [DuckDBTypeId.UUID]: value => (typeof value === 'string' ? toUuid(value) : undefined),
  [DuckDBTypeId.DATE]: value => wrap(toDays(value), days => new DuckDBDateValue(days)),
  [DuckDBTypeId.TIME]: value =>
    wrap(typeof value === 'string' ? parseTime(value) : undefined, micros => new DuckDBTimeValue(micros)),
  [DuckDBTypeId.TIMESTAMP]: value => wrap(toMicros(value), micros => new DuckDBTimestampValue(micros)),
  [DuckDBTypeId.TIMESTAMP_TZ]: value => wrap(toMicros(value), micros => new DuckDBTimestampTZValue(micros)),
}

function toScalar(value: unknown, typeId: DuckDBTypeId): DuckDBValue | undefined {
  return SCALARS[typeId]?.(value)
}

function wrap<From, To>(value: From | undefined, make: (value: From) => To): To | undefined {
  return value === undefined ? undefined : make(value)
}

function toInteger(value: unknown, bits: number): bigint | undefined {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return undefined
  const integer = BigInt(value as bigint | number)
  return BigInt.asIntN(bits, integer) === integer ? integer : undefined
}

function toNumberOrNothing(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value)
}

function toDecimal(value: unknown, type: DuckDBDecimalType): DuckDBDecimalValue | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined
  const match = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(String(value))
  if (!match) return undefined
  const [, sign, whole = '', fraction = ''] = match
  const kept = fraction.replace(/0+$/, '')
  if (kept.length > type.scale) return undefined
  const magnitude = BigInt(whole + kept.padEnd(type.scale, '0'))
  if (magnitude >= 10n ** BigInt(type.width)) return undefined
  return new DuckDBDecimalValue(sign === '-' ? -magnitude : magnitude, type.width, type.scale)
}

function toUuid(text: string): DuckDBValue | undefined {
  return /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(text)
    ? uuidValue(BigInt(`0x${text.replaceAll('-', '')}`))
    : undefined
}

const MS_PER_DAY = 86_400_000

function toDays(value: unknown): number | undefined {
  if (typeof value === 'string') return parseDate(value)
  if (!(value instanceof Date)) return undefined
  const days = value.getTime() / MS_PER_DAY
  // A Date with a time of day is a different thing, and which day it is depends on a zone.
  return Number.isInteger(days) ? days : undefined
}

function toMicros(value: unknown): bigint | undefined {
  if (typeof value === 'string') return parseTimestamp(value)
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) return undefined
  return BigInt(value.getTime()) * 1000n
}

/** Whether `text` has no half of a surrogate pair, which UTF-8 cannot hold. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

const SHOWN_LENGTH_MAX = 60

function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    const text = JSON.stringify(value)
    return `the text ${text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text}`
  }
  if (typeof value === 'object' && value !== null) {
    return value instanceof Date
      ? `the Date ${String(value.getTime())}`
      : `a ${value.constructor?.name ?? 'object'}`
  }
  return `the ${typeof value} ${String(value)}`
}
