import { IngotError } from '../errors.ts'
import { encodeValue } from './bounds.ts'
import { civilFromDays, floorDivide } from './civil-date.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import { murmur3 } from './murmur3.ts'
import type { PrimitiveType, Transform } from './types.ts'

const DAY_MICROS = 86_400_000_000n
const HOUR_MICROS = 3_600_000_000n
const PARAMETER_MAX = 2 ** 31 - 1

/** A transform taken apart; `parameter` is the number of buckets or the width of a truncation, else 0. */
interface TransformParts {
  readonly name: string
  readonly parameter: number
}

const PARAMETERISED = /^(bucket|truncate)\[\s*(\d+)\s*\]$/

function partsOf(transform: string): TransformParts {
  const match = PARAMETERISED.exec(transform)
  return match === null
    ? { name: transform, parameter: 0 }
    : { name: match[1] ?? '', parameter: Number(match[2]) }
}

/** A transform from its text (Iceberg spec, "Partition Transforms"). @throws DATA_INVALID for any other text */
export function parseTransform(text: string): Transform {
  const { name, parameter } = partsOf(text)
  switch (name) {
    case 'identity':
    case 'void':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
      return name
    case 'bucket':
    case 'truncate':
      if (parameter >= 1 && parameter <= PARAMETER_MAX) return `${name}[${parameter}]`
  }
  throw new IngotError('DATA_INVALID', `${JSON.stringify(text)} is not a partition transform`, {
    hint: 'use identity, bucket[N], truncate[W], year, month, day, hour or void',
  })
}

const SOURCES_OF_BUCKET =
  /^(int|long|date|time|timestamp|timestamptz|string|uuid|binary|fixed\[\d+\]|decimal\(.*\))$/
const SOURCES_OF_TRUNCATE = /^(int|long|string|binary|decimal\(.*\))$/
const SOURCES_OF_DATES = /^(date|timestamp|timestamptz)$/
const SOURCES_OF_HOUR = /^(timestamp|timestamptz)$/

/**
 * The type of what a transform yields from a column. `day` yields a date, as Iceberg's own implementations have it.
 * @throws DATA_INVALID when the transform does not take columns of that type
 */
export function transformResultType(transform: Transform, sourceType: PrimitiveType): PrimitiveType {
  const { name } = partsOf(transform)
  switch (name) {
    case 'bucket':
      if (SOURCES_OF_BUCKET.test(sourceType)) return 'int'
      break
    case 'truncate':
      if (SOURCES_OF_TRUNCATE.test(sourceType)) return sourceType
      break
    case 'year':
    case 'month':
      if (SOURCES_OF_DATES.test(sourceType)) return 'int'
      break
    case 'day':
      if (SOURCES_OF_DATES.test(sourceType)) return 'date'
      break
    case 'hour':
      if (SOURCES_OF_HOUR.test(sourceType)) return 'int'
      break
    default:
      return sourceType
  }
  throw new IngotError('DATA_INVALID', `transform ${transform} does not take a column of type ${sourceType}`)
}

/** What a transform yields from a value of `type`; null from null. Values before 1970 and negative ones are floored. */
export function applyTransform(
  transform: Transform,
  type: PrimitiveType,
  value: PrimitiveValue | null,
): PrimitiveValue | null {
  if (value === null || transform === 'void') return null
  const { name, parameter } = partsOf(transform)
  switch (name) {
    case 'bucket':
      return (hashValue(type, value) & 0x7fffffff) % parameter
    case 'truncate':
      return truncate(type, value, parameter)
    case 'year':
      return civilFromDays(daysOf(value)).year - 1970
    case 'month': {
      const { year, month } = civilFromDays(daysOf(value))
      return (year - 1970) * 12 + month - 1
    }
    case 'day':
      return daysOf(value)
    case 'hour':
      return Number(floorDivide(BigInt(value as bigint), HOUR_MICROS))
    default:
      return value
  }
}

/** The hash that buckets are made of: integers, dates and times as 8 bytes (Iceberg spec, "Appendix B"). */
export function hashValue(type: PrimitiveType, value: PrimitiveValue): number {
  return murmur3(encodeValue(type === 'int' || type === 'date' ? 'long' : type, value))
}

function truncate(type: PrimitiveType, value: PrimitiveValue, width: number): PrimitiveValue {
  if (typeof value === 'string') return firstCodePoints(value, width)
  if (value instanceof Uint8Array) return value.subarray(0, width)
  if (typeof value === 'bigint') {
    const floored = value - modulo(value, BigInt(width))
    return type === 'long' ? BigInt.asIntN(64, floored) : floored
  }
  const number = Number(value)
  // Wraps as 32-bit integers do, since nothing wider fits the column.
  return (number - (((number % width) + width) % width)) | 0
}

/** The first `count` code points of a text. */
function firstCodePoints(text: string, count: number): string {
  let end = 0
  for (let taken = 0; taken < count && end < text.length; taken += 1) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  }
  return text.slice(0, end)
}

/** Days since 1970 of a date (a number of days) or a timestamp (microseconds). */
function daysOf(value: PrimitiveValue): number {
  return typeof value === 'bigint' ? Number(floorDivide(value, DAY_MICROS)) : Number(value)
}

function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by
}
