import { IngotError } from '../errors.ts'
import type { PrimitiveType, Transform, Type } from '../format/types.ts'

/**
 * The partition value of `expression` (an SQL expression of type `type`) as SQL text of type VARCHAR, null for null
 * and for an infinite date or timestamp.
 * The text is what `parsePartitionText` reads: integers for dates and times (days, microseconds), upper-case hex for
 * bytes, the unscaled integer for decimals, and the engine's own print for the rest (Iceberg spec, "Partition Transforms").
 */
export function partitionTextSql(transform: Transform, type: PrimitiveType, expression: string): string {
  const text = `CAST(${transformSql(transform, type, expression)} AS VARCHAR)`
  return canBeInfinite(type) ? `CASE WHEN isfinite(${expression}) THEN ${text} END` : text
}

/** Whether the engine has values of this type, `infinity`, that Iceberg has no place for. */
export function canBeInfinite(type: PrimitiveType): boolean {
  return type === 'date' || type === 'timestamp' || type === 'timestamptz'
}

function transformSql(transform: Transform, type: PrimitiveType, expression: string): string {
  if (transform === 'void') return 'NULL'
  if (transform === 'identity') return carrierSql(type, expression)
  if (transform === 'year' || transform === 'month' || transform === 'day' || transform === 'hour') {
    return timeTransformSql(transform, type, expression)
  }
  const width = Number(/\[(\d+)\]$/.exec(transform)?.[1])
  if (transform.startsWith('bucket[')) {
    return `((ingot_murmur3(${bucketBytesSql(type, expression)}) & 2147483647) % ${width})`
  }
  if (transform.startsWith('truncate[')) return truncateSql(type, expression, width)
  throw new IngotError('UNSUPPORTED', `partition transform ${transform} is not supported`, {
    hint: 'use identity, bucket, truncate, year, month, day, hour or void',
    context: { transform },
  })
}

/** A value of the same order and equality whose text is exact: what the engine prints for times depends on ranges. */
function carrierSql(type: PrimitiveType, expression: string): string {
  if (type === 'date') return daysSql(expression)
  if (type === 'time' || type === 'timestamp' || type === 'timestamptz') return `epoch_us(${expression})`
  if (type === 'binary' || type.startsWith('fixed[')) return `hex(${expression})`
  const scale = decimalScale(type)
  return scale === undefined ? expression : unscaledSql(expression, scale)
}

function daysSql(expression: string): string {
  return `(${expression} - DATE '1970-01-01')`
}

function timeTransformSql(
  transform: 'year' | 'month' | 'day' | 'hour',
  type: PrimitiveType,
  expression: string,
): string {
  // Iceberg transforms are in UTC whatever the session's time zone.
  const local = type === 'timestamptz' ? `timezone('UTC', ${expression})` : expression
  if (transform === 'year') return `(year(${local}) - 1970)`
  if (transform === 'month') return `((year(${local}) - 1970) * 12 + month(${local}) - 1)`
  if (transform === 'day') return daysSql(`CAST(${local} AS DATE)`)
  return floorDivideSql(`epoch_us(${local})`, 3_600_000_000n)
}

/** Integer division that rounds towards minus infinity, as the transforms ask for (`//` rounds towards zero). */
function floorDivideSql(expression: string, divisor: bigint): string {
  return `((${expression} - (${floorModuloSql(expression, divisor)})) // ${divisor})`
}

function floorModuloSql(expression: string, divisor: bigint | number): string {
  return `((${expression} % ${divisor}) + ${divisor}) % ${divisor}`
}

function truncateSql(type: PrimitiveType, expression: string, width: number): string {
  if (type === 'string') return `left(${expression}, ${width})`
  // The hex text of the first bytes; the engine cuts no BLOB.
  if (type === 'binary' || type.startsWith('fixed[')) return `left(hex(${expression}), ${2 * width})`
  if (type === 'int' || type === 'long') {
    const truncated = `(${expression}::HUGEINT - (${floorModuloSql(`${expression}::HUGEINT`, width)}))`
    return wrapSql(truncated, type === 'int' ? 32n : 64n)
  }
  const scale = decimalScale(type)
  if (scale === undefined) throw unsupportedSource('truncate', type)
  const unscaled = unscaledSql(expression, scale)
  return `(${unscaled} - (${floorModuloSql(unscaled, width)}))`
}

/** Below the least integer, Iceberg's implementations wrap around, as the integers of their languages do. */
function wrapSql(expression: string, bits: bigint): string {
  const half = 2n ** (bits - 1n)
  return `(${floorModuloSql(`(${expression} + ${half})`, 2n * half)} - ${half})`
}

/** The bytes that the bucket transform hashes (Iceberg spec, "Appendix B: 32-bit Hash Requirements"). */
function bucketBytesSql(type: PrimitiveType, expression: string): string {
  if (type === 'string') return `encode(${expression})`
  if (type === 'uuid') return `unhex(replace(CAST(${expression} AS VARCHAR), '-', ''))`
  if (type === 'binary' || type.startsWith('fixed[')) return expression
  if (type === 'int' || type === 'long') return longBytesSql(`${expression}::BIGINT`)
  if (type === 'date' || type === 'time' || type === 'timestamp' || type === 'timestamptz') {
    return longBytesSql(`(${carrierSql(type, expression)})::BIGINT`)
  }
  const scale = decimalScale(type)
  if (scale === undefined) throw unsupportedSource('bucket', type)
  return decimalBytesSql(unscaledSql(expression, scale))
}

function longBytesSql(expression: string): string {
  const pairs = '(..)'.repeat(8)
  return `unhex(regexp_replace(lpad(hex(${expression}), 16, '0'), '${pairs}', '\\8\\7\\6\\5\\4\\3\\2\\1'))`
}

/**
 * Shortest big-endian two's complement. A negative number is the complement of its complement (`-n - 1`, which is
 * not negative), so that one rule finds the length: a leading digit of 8 or more needs one more byte for the sign.
 */
function decimalBytesSql(unscaled: string): string {
  const complementIfNegative = `CASE WHEN u < 0 THEN -1 - u ELSE u END`
  const even = `CASE WHEN length(h) % 2 = 1 THEN '0' || h WHEN h >= '8' THEN '00' || h ELSE h END`
  const digits = `list_transform(list_transform([hex(${complementIfNegative})], lambda h: ${even}), lambda h: CASE WHEN u < 0 THEN translate(h, '0123456789ABCDEF', 'FEDCBA9876543210') ELSE h END)[1]`
  return `unhex(list_transform([${unscaled}], lambda u: ${digits})[1])`
}

/** By text, so that no digit is lost to an intermediate type of fewer digits. */
function unscaledSql(expression: string, scale: number): string {
  return scale === 0
    ? `CAST(${expression} AS HUGEINT)`
    : `CAST(replace(CAST(${expression} AS VARCHAR), '.', '') AS HUGEINT)`
}

function decimalScale(type: Type): number | undefined {
  const match = typeof type === 'string' ? /^decimal\(\d+, ?(\d+)\)$/.exec(type) : null
  return match === null ? undefined : Number(match[1])
}

function unsupportedSource(transform: string, type: PrimitiveType): IngotError {
  return new IngotError(
    'UNSUPPORTED',
    `partition transform ${transform} does not take a column of type ${type}`,
    {
      hint: 'partition by another column or transform',
      context: { transform, type },
    },
  )
}
