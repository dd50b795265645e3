import assert from 'node:assert/strict'
import {
  type AvroComplexSchema,
  type AvroSchema,
  type AvroValue,
  isUnion,
  namedTypes,
} from './avro-schema.ts'

/** Appends one value to a writer. */
export type Encode = (writer: ByteWriter, value: AvroValue) => void

/** Bytes that grow at their end. */
export class ByteWriter {
  private buffer = Buffer.allocUnsafe(64 * 1024)
  private length = 0

  get sizeBytes(): number {
    return this.length
  }

  writeByte(byte: number): void {
    this.reserve(1)
    this.buffer[this.length] = byte
    this.length += 1
  }

  /** A zigzag varint. */
  writeLong(value: number | bigint): void {
    if (typeof value === 'number' && value >= -(2 ** 30) && value < 2 ** 30) {
      let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
      for (; zigzag > 0x7f; zigzag >>>= 7) this.writeByte((zigzag & 0x7f) | 0x80)
      this.writeByte(zigzag)
      return
    }
    const big = BigInt(value)
    let zigzag = BigInt.asUintN(64, (big << 1n) ^ (big >> 63n))
    for (; zigzag > 0x7fn; zigzag >>= 7n) this.writeByte(Number(zigzag & 0x7fn) | 0x80)
    this.writeByte(Number(zigzag))
  }

  writeRaw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  writeBytes(bytes: Uint8Array): void {
    this.writeLong(bytes.length)
    this.writeRaw(bytes)
  }

  writeString(text: string): void {
    const byteCount = Buffer.byteLength(text)
    this.writeLong(byteCount)
    this.reserve(byteCount)
    this.buffer.write(text, this.length)
    this.length += byteCount
  }

  writeFloat(value: number): void {
    this.reserve(4)
    this.length = this.buffer.writeFloatLE(value, this.length)
  }

  writeDouble(value: number): void {
    this.reserve(8)
    this.length = this.buffer.writeDoubleLE(value, this.length)
  }

  /** A copy of all that was written. */
  toBytes(): Uint8Array {
    return Uint8Array.from(this.buffer.subarray(0, this.length))
  }

  private reserve(byteCount: number): void {
    if (this.length + byteCount <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + byteCount))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

const PRIMITIVES: ReadonlyMap<unknown, Encode> = new Map<unknown, Encode>([
  ['null', () => {}],
  ['boolean', (writer, value) => writer.writeByte(value ? 1 : 0)],
  ['int', (writer, value) => writer.writeLong(asInteger(value))],
  ['long', (writer, value) => writer.writeLong(asInteger(value))],
  ['float', (writer, value) => writer.writeFloat(Number(value))],
  ['double', (writer, value) => writer.writeDouble(Number(value))],
  ['string', (writer, value) => writer.writeString(String(value))],
  ['bytes', (writer, value) => writer.writeBytes(asBytes(value))],
])

function asInteger(value: AvroValue): number | bigint {
  assert(typeof value === 'bigint' || Number.isSafeInteger(value), `not an integer: ${String(value)}`)
  return value as number | bigint
}

function asBytes(value: AvroValue): Uint8Array {
  assert(value instanceof Uint8Array, 'not bytes')
  return value
}

function asArray(value: AvroValue): readonly AvroValue[] {
  assert(Array.isArray(value), 'not an array')
  return value
}

/** The function that encodes values of a schema, put together once. Unions are of null and one other type. */
export function compileEncoder(schema: AvroSchema): Encode {
  const named = namedTypes(schema)
  const compile = (inner: AvroSchema): Encode => {
    if (isUnion(inner)) return encodeOptional(inner, compile)
    const primitive = PRIMITIVES.get(typeof inner === 'string' ? inner : inner.type)
    if (primitive !== undefined) return primitive
    const complex = typeof inner === 'string' ? named.get(inner) : inner
    assert(complex, `no type is called ${JSON.stringify(inner)}`)
    return compileComplex(complex, compile)
  }
  return compile(schema)
}

function compileComplex(schema: AvroComplexSchema, compile: (inner: AvroSchema) => Encode): Encode {
  switch (schema.type) {
    case 'record':
      return encodeRecord((schema.fields ?? []).map(field => compile(field.type)))
    case 'array':
      assert(schema.items, 'an array has items')
      return encodeArray(compile(schema.items))
    case 'map':
      assert(schema.values, 'a map has values')
      return encodeMap(compile(schema.values))
    case 'fixed':
      return (writer, value) => {
        const bytes = asBytes(value)
        assert.equal(bytes.length, schema.size, 'bytes of a fixed')
        writer.writeRaw(bytes)
      }
    default:
      throw new assert.AssertionError({ message: `avro type ${String(schema.type)} is not written` })
  }
}

function encodeOptional(union: readonly AvroSchema[], compile: (inner: AvroSchema) => Encode): Encode {
  const nullBranch = union.indexOf('null')
  const other = union[1 - nullBranch]
  assert(union.length === 2 && nullBranch >= 0 && other, 'a union is of null and one other type')
  const encodeOther = compile(other)
  return (writer, value) => {
    writer.writeLong(value === null ? nullBranch : 1 - nullBranch)
    if (value !== null) encodeOther(writer, value)
  }
}

function encodeRecord(fields: readonly Encode[]): Encode {
  return (writer, value) => {
    const values = asArray(value)
    assert(values.length === fields.length, 'values of a record')
    let index = 0
    for (const encode of fields) {
      encode(writer, values[index] ?? null)
      index += 1
    }
  }
}

function encodeArray(encodeItem: Encode): Encode {
  return (writer, value) => {
    // An array with the logical type of a map: its items are records of key and value.
    const items = value instanceof Map ? [...(value as ReadonlyMap<AvroValue, AvroValue>)] : asArray(value)
    if (items.length > 0) writer.writeLong(items.length)
    for (const item of items) encodeItem(writer, item)
    writer.writeLong(0)
  }
}

function encodeMap(encodeValue: Encode): Encode {
  return (writer, value) => {
    assert(value instanceof Map, 'not a map')
    if (value.size > 0) writer.writeLong(value.size)
    for (const [key, member] of value as ReadonlyMap<string, AvroValue>) {
      writer.writeString(key)
      encodeValue(writer, member)
    }
    writer.writeLong(0)
  }
}
