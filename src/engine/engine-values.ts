import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBGeometryValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantValue,
} from '@duckdb/node-api'
import type { EngineValue } from '../table/engine.ts'
import { formatDate, formatTimestamp, formatTimestampTz } from './temporal-text.ts'

/** A value of the binding as the Engine port documents it. A union gives the value of its member, a variant the value in it. */
export function toEngineValue(value: DuckDBValue): EngineValue {
  if (value === null || typeof value !== 'object') return value
  return toTemporalText(value) ?? toNestedValue(value) ?? toBytes(value) ?? value.toString()
}

type DuckDBObject = Extract<DuckDBValue, object>

function toTemporalText(value: DuckDBObject): string | undefined {
  if (value instanceof DuckDBDateValue) return formatDate(value.days)
  if (value instanceof DuckDBTimestampValue) return formatTimestamp(value.micros)
  if (value instanceof DuckDBTimestampTZValue) return formatTimestampTz(value.micros)
  if (value instanceof DuckDBTimestampMillisecondsValue) return formatScaled(value.millis, 1000n)
  if (value instanceof DuckDBTimestampNanosecondsValue && !value.isFinite) return formatTimestamp(value.nanos)
  if (value instanceof DuckDBTimestampSecondsValue) return formatScaled(value.seconds, 1_000_000n)
  return undefined
}

/** Infinity is the same number in every unit. */
function formatScaled(units: bigint, microsPerUnit: bigint): string {
  const infinite =
    units === DuckDBTimestampValue.PosInf.micros || units === DuckDBTimestampValue.NegInf.micros
  return formatTimestamp(infinite ? units : units * microsPerUnit)
}

function toNestedValue(value: DuckDBObject): EngineValue | undefined {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return value.items.map(toEngineValue)
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(
      Object.entries(value.entries).map(([name, field]) => [name, toEngineValue(field)]),
    )
  }
  if (value instanceof DuckDBMapValue) {
    return value.entries.map(entry => [toEngineValue(entry.key), toEngineValue(entry.value)])
  }
  if (value instanceof DuckDBUnionValue || value instanceof DuckDBVariantValue)
    return toEngineValue(value.value)
  return undefined
}

function toBytes(value: DuckDBObject): Uint8Array | undefined {
  // A copy: the binding's bytes may be a view of a vector that the next chunk overwrites.
  return value instanceof DuckDBBlobValue || value instanceof DuckDBGeometryValue
    ? Uint8Array.from(value.bytes)
    : undefined
}
