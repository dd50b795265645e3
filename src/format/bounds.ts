import { IngotError } from '../errors.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import type { PrimitiveType } from './types.ts'
import { parseValue } from './values.ts'

/** How much of a text or of bytes a bound keeps, in code points or bytes; as Iceberg's default `truncate(16)` metrics. */
const BOUND_LENGTH_MAX = 16

/** A value as single-value binary (Iceberg spec, "Appendix D: Single-value serialization"). */
export function encodeValue(type: PrimitiveType, value: PrimitiveValue): Uint8Array {
  switch (type) {
    case 'boolean':
      return Uint8Array.of(value ? 1 : 0)
    case 'int':
    case 'date':
      return fixedWidth(4, view => view.setInt32(0, Number(value), true))
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return fixedWidth(8, view => view.setBigInt64(0, BigInt(value as number | bigint), true))
    case 'float':
      return fixedWidth(4, view => view.setFloat32(0, Number(value), true))
    case 'double':
      return fixedWidth(8, view => view.setFloat64(0, Number(value), true))
    case 'string':
      return Buffer.from(String(value), 'utf8')
    case 'uuid':
      return Buffer.from(String(value).replaceAll('-', ''), 'hex')
    default:
      if (value instanceof Uint8Array) return value
      if (type.startsWith('decimal')) return encodeUnscaled(BigInt(value as number | bigint))
      throw new IngotError('UNSUPPORTED', `values of type ${type} are not known`)
  }
}

/**
 * The value in single-value binary; of a column that was widened since, the narrower form is read as well.
 * @throws METADATA_INVALID when the bytes are no value of the type
 */
export function decodeValue(type: PrimitiveType, bytes: Uint8Array): PrimitiveValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (type) {
    case 'boolean':
      if (bytes.length === 1) return bytes[0] !== 0
      break
    case 'int':
    case 'date':
      if (bytes.length === 4) return view.getInt32(0, true)
      break
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      if (bytes.length === 8) return view.getBigInt64(0, true)
      if (bytes.length === 4 && type === 'long') return BigInt(view.getInt32(0, true))
      break
    case 'float':
    case 'double':
      if (bytes.length === 4) return view.getFloat32(0, true)
      if (bytes.length === 8 && type === 'double') return view.getFloat64(0, true)
      break
    case 'string':
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    case 'uuid':
      if (bytes.length === 16) return formatUuid(bytes)
      break
    case 'binary':
      return bytes
    default:
      if (type.startsWith('fixed')) return bytes
      if (type.startsWith('decimal') && bytes.length > 0) return decodeUnscaled(bytes)
  }
  throw new IngotError('METADATA_INVALID', `${bytes.length} bytes are no value of type ${type}`)
}

function fixedWidth(byteCount: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(byteCount)
  write(new DataView(bytes.buffer))
  return bytes
}

/** An unscaled decimal in the fewest bytes that hold it, two's complement, most significant byte first. */
function encodeUnscaled(unscaled: bigint): Uint8Array {
  let byteCount = 1
  while (BigInt.asIntN(8 * byteCount, unscaled) !== unscaled) byteCount += 1
  return encodeUnscaledIn(byteCount, unscaled)
}

/** As encodeUnscaled, in `byteCount` bytes. */
export function encodeUnscaledIn(byteCount: number, unscaled: bigint): Uint8Array {
  const hex = BigInt.asUintN(8 * byteCount, unscaled).toString(16)
  return Buffer.from(hex.padStart(2 * byteCount, '0'), 'hex')
}

/** The inverse of encodeUnscaled, for any number of bytes. */
export function decodeUnscaled(bytes: Uint8Array): bigint {
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
}

/** The text form of 16 bytes. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The lower bound to store for a column whose least value is at least `value`; undefined when there is none (NaN). */
export function lowerBound(type: PrimitiveType, value: PrimitiveValue): Uint8Array | undefined {
  if (Number.isNaN(value)) return undefined
  if (value === 0 && (type === 'float' || type === 'double')) return encodeValue(type, -0)
  if (type === 'string')
    return encodeValue(type, codePointsOf(String(value)).slice(0, BOUND_LENGTH_MAX).join(''))
  const bytes = encodeValue(type, value)
  return type === 'binary' ? bytes.subarray(0, BOUND_LENGTH_MAX) : bytes
}

/**
 * The upper bound to store for a column whose greatest value is at most `value`; a text or bytes that are cut are rounded
 * up. Undefined when there is none (NaN, nothing to round up).
 */
export function upperBound(type: PrimitiveType, value: PrimitiveValue): Uint8Array | undefined {
  if (Number.isNaN(value)) return undefined
  if (value === 0 && (type === 'float' || type === 'double')) return encodeValue(type, 0)
  if (type === 'string') {
    const rounded = roundUpText(String(value))
    return rounded === undefined ? undefined : encodeValue(type, rounded)
  }
  const bytes = encodeValue(type, value)
  return type === 'binary' ? roundUpBytes(bytes) : bytes
}

function codePointsOf(text: string): readonly string[] {
  // No more than the first few code points are ever looked at, and none is longer than two units.
  return [...text.slice(0, 2 * BOUND_LENGTH_MAX + 2)]
}

function roundUpText(text: string): string | undefined {
  const points = codePointsOf(text)
  if (points.length <= BOUND_LENGTH_MAX) return text
  for (let index = BOUND_LENGTH_MAX - 1; index >= 0; index -= 1) {
    const next = nextCodePoint(points[index]?.codePointAt(0) ?? 0)
    if (next !== undefined) return points.slice(0, index).join('') + String.fromCodePoint(next)
  }
  return undefined
}

function nextCodePoint(codePoint: number): number | undefined {
  if (codePoint === 0x10ffff) return undefined
  // Surrogates are no characters of UTF-8.
  return codePoint === 0xd7ff ? 0xe000 : codePoint + 1
}

function roundUpBytes(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length <= BOUND_LENGTH_MAX) return bytes
  for (let index = BOUND_LENGTH_MAX - 1; index >= 0; index -= 1) {
    const byte = bytes[index] ?? 0xff
    if (byte < 0xff) return Uint8Array.of(...bytes.subarray(0, index), byte + 1)
  }
  return undefined
}

/** What a data file's lower_bounds and upper_bounds get for one column. */
export interface Bounds {
  readonly lower?: Uint8Array
  readonly upper?: Uint8Array
}

/**
 * The bounds of a column from the texts that DuckDB's `COPY … (RETURN_STATS)` gives as its min and max; undefined where it
 * gives none. Infinite dates and NaN yield no bound; a min or max of zero covers both zeros.
 * @throws DATA_INVALID when a text is no value of the type
 */
export function boundsFromText(
  type: PrimitiveType,
  minText: string | undefined,
  maxText: string | undefined,
): Bounds {
  const min = minText === undefined ? undefined : parseValue(type, minText)
  const max = maxText === undefined ? undefined : parseValue(type, maxText)
  const lower = min === undefined ? undefined : lowerBound(type, min)
  const upper = max === undefined ? undefined : upperBound(type, max)
  return { ...(lower && { lower }), ...(upper && { upper }) }
}
