import {
  type AvroComplexSchema,
  type AvroField,
  type AvroSchema,
  type AvroValue,
  avroError,
  isUnion,
} from './avro-schema.ts'
import { decodeUnscaled, encodeUnscaledIn, formatUuid } from './bounds.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import type { PartitionColumn } from './partition-spec.ts'
import type { PrimitiveType } from './types.ts'

/** The record that holds a file's partition in a manifest (Iceberg spec, "Manifests", field 102; types as in "Appendix A: Avro"). */
export function partitionAvroSchema(columns: readonly PartitionColumn[]): AvroComplexSchema {
  return {
    type: 'record',
    name: 'r102',
    fields: columns.map(({ field, type }) => ({
      name: avroName(field.name),
      type: ['null', avroTypeOf(type, field['field-id'])],
      default: null,
      'field-id': field['field-id'],
    })),
  }
}

/** Avro names have letters, digits and underscores only; the rest is spelled out as Iceberg's implementations do. */
function avroName(name: string): string {
  const spelled = [...name].map(character => {
    if (/[A-Za-z0-9_]/.test(character)) return character
    return `_x${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}`
  })
  const joined = spelled.join('')
  return /^[A-Za-z_]/.test(joined) ? joined : `_${joined}`
}

/** Fixed types have names, which must be unique in the file: the field id makes them so. */
function avroTypeOf(type: PrimitiveType, fieldId: number): AvroSchema {
  switch (type) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return type
    case 'binary':
      return 'bytes'
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': type === 'timestamptz' }
    case 'uuid':
      return { type: 'fixed', size: 16, name: `uuid_fixed_${fieldId}`, logicalType: 'uuid' }
    default:
      return avroFixedOf(type, fieldId)
  }
}

function avroFixedOf(type: PrimitiveType, fieldId: number): AvroSchema {
  const [precision = 0, scale = 0] = (type.match(/\d+/g) ?? []).map(Number)
  if (type.startsWith('fixed'))
    return { type: 'fixed', size: precision, name: `fixed_${precision}_${fieldId}` }
  return {
    type: 'fixed',
    size: decimalByteCount(precision),
    name: `decimal_${precision}_${scale}_${fieldId}`,
    logicalType: 'decimal',
    precision,
    scale,
  }
}

/** The fewest bytes that hold every unscaled value of a precision (Iceberg spec, "Appendix A: Avro", decimal). */
function decimalByteCount(precision: number): number {
  let byteCount = 1
  while (2n ** BigInt(8 * byteCount - 1) < 10n ** BigInt(precision)) byteCount += 1
  return byteCount
}

/** A partition value as the Avro value of its field. */
export function toAvro(type: PrimitiveType, value: PrimitiveValue | null): AvroValue {
  if (value === null) return null
  if (type === 'uuid') return Buffer.from(String(value).replaceAll('-', ''), 'hex')
  if (!type.startsWith('decimal')) return value
  const precision = Number(/\d+/.exec(type)?.[0])
  return encodeUnscaledIn(decimalByteCount(precision), BigInt(value as bigint | number))
}

/** Turns an Avro value of a field into a partition value. */
export type FromAvro = (value: AvroValue) => PrimitiveValue | null

/** How values of a field are read, by the schema that they were written with. */
export function fromAvro(field: AvroField, named: ReadonlyMap<string, AvroComplexSchema>): FromAvro {
  const union = isUnion(field.type) ? field.type : [field.type]
  const schema = union.find(branch => branch !== 'null')
  const complex = typeof schema === 'string' ? named.get(schema) : schema
  const convert = converterOf(
    complex !== undefined && !isUnion(complex) ? complex : { type: schema ?? 'null' },
  )
  return value => (value === null ? null : convert(value))
}

function converterOf(schema: AvroComplexSchema): (value: AvroValue) => PrimitiveValue {
  if (schema.logicalType === 'decimal') return value => decodeUnscaled(asBytes(value))
  if (schema.logicalType === 'uuid')
    return value => (typeof value === 'string' ? value : formatUuid(asBytes(value)))
  if (schema.type === 'long') return value => BigInt(value as number | bigint)
  return value => {
    if (typeof value === 'object' && !(value instanceof Uint8Array))
      throw avroError('a partition value is not a primitive')
    return value as PrimitiveValue
  }
}

function asBytes(value: AvroValue): Uint8Array {
  if (value instanceof Uint8Array && value.length > 0) return value
  throw avroError('a partition value is not bytes')
}
