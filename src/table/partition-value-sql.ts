import type { PrimitiveValue } from '../format/manifest-types.ts'
import { decimalText } from '../format/single-value-json.ts'
import type { PrimitiveType } from '../format/types.ts'
import { quoteLiteral } from '../sql-text.ts'
import { toSqlType } from './sql-types.ts'

/** A value of an identity partition as an SQL expression of the column's type. */
export function partitionValueSql(type: PrimitiveType, value: PrimitiveValue | null): string {
  const carrier = value === null ? 'NULL' : carrierSql(type, value)
  return `CAST(${carrier} AS ${toSqlType(type)})`
}

function carrierSql(type: PrimitiveType, value: PrimitiveValue): string {
  if (value instanceof Uint8Array) return `unhex('${Buffer.from(value).toString('hex')}')`
  if (type === 'date') return `DATE '1970-01-01' + CAST(${value} AS INTEGER)`
  if (type === 'time') return `TIME '00:00:00' + to_microseconds(${value})`
  if (type === 'timestamp') return `make_timestamp(${value})`
  if (type === 'timestamptz') return `make_timestamptz(${value})`
  const scale = /^decimal\(\d+,\s*(\d+)\)$/.exec(type)?.[1]
  return quoteLiteral(scale === undefined ? String(value) : decimalText(Number(scale), BigInt(String(value))))
}
