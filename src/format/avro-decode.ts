import {
  type AvroComplexSchema,
  type AvroSchema,
  type AvroValue,
  avroError,
  isUnion,
  namedTypes,
  pairOf,
} from './avro-schema.ts'

/** Reads one value at the reader's position. */
export type Decode = (reader: ByteReader) => AvroValue

/** A position in bytes that moves forward as values are read; running over the end is an error. */
export class ByteReader {
  readonly bytes: Buffer
  position = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

  readByte(): number {
    const byte = this.bytes[this.position]
    if (byte === undefined) throw avroError('it ends in the middle of a value')
    this.position += 1
    return byte
  }

  /** A zigzag varint of up to 64 bits. */
  readLong(): number | bigint {
    const start = this.position
    const first = this.bytes[start]
    if (first !== undefined && first < 0x80) {
      this.position = start + 1
      return (first >>> 1) ^ -(first & 1)
    }
    let zigzag = 0
    // Seven bytes hold 49 bits, which a number holds exactly.
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.readByte()
      zigzag += (byte & 0x7f) * scale
      if (byte < 0x80) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
    this.position = start
    return this.readBigLong()
  }

  private readBigLong(): number | bigint {
    let zigzag = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.readByte()
      zigzag |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        const value = BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n))
        const number = Number(value)
        return Number.isSafeInteger(number) ? number : value
      }
    }
    throw avroError('an integer has more than 64 bits')
  }

  /** A count of bytes or items that can be there: each takes a byte at least. */
  readLength(): number {
    const length = Number(this.readLong())
    if (length < 0 || length > this.remaining)
      throw avroError(`a length of ${length} with ${this.remaining} bytes left`)
    return length
  }

  /** A view, not a copy. */
  take(length: number): Buffer {
    if (length > this.remaining) throw avroError('it ends in the middle of a value')
    const taken = this.bytes.subarray(this.position, this.position + length)
    this.position += length
    return taken
  }

  readString(): string {
    const length = this.readLength()
    const text = this.bytes.toString('utf8', this.position, this.position + length)
    this.position += length
    return text
  }
}

const PRIMITIVES: ReadonlyMap<unknown, Decode> = new Map<unknown, Decode>([
  ['null', () => null],
  ['boolean', reader => reader.readByte() !== 0],
  ['int', reader => reader.readLong()],
  ['long', reader => reader.readLong()],
  ['float', reader => reader.take(4).readFloatLE(0)],
  ['double', reader => reader.take(8).readDoubleLE(0)],
  ['string', reader => reader.readString()],
  ['bytes', reader => reader.take(reader.readLength())],
])

/** The function that decodes values of a schema, put together once so that no schema is looked at while values are read. */
export function compileDecoder(schema: AvroSchema): Decode {
  const named = namedTypes(schema)
  const compiled = new Map<AvroComplexSchema, Decode>()

  const compile = (inner: AvroSchema): Decode => {
    if (isUnion(inner)) return decodeUnion(inner.map(compile))
    const primitive = PRIMITIVES.get(typeof inner === 'string' ? inner : inner.type)
    if (primitive !== undefined) return primitive
    const complex = typeof inner === 'string' ? named.get(inner) : inner
    if (complex === undefined) throw avroError(`no type is called ${JSON.stringify(inner)}`)
    const known = compiled.get(complex)
    if (known !== undefined) return known
    // A type may contain itself: inside, it is found here before it is complete.
    let complete: Decode | undefined
    compiled.set(complex, reader => {
      if (complete === undefined) throw avroError('a type consists of itself alone')
      return complete(reader)
    })
    complete = compileComplex(complex, compile)
    return complete
  }
  return compile(schema)
}

function compileComplex(schema: AvroComplexSchema, compile: (inner: AvroSchema) => Decode): Decode {
  switch (schema.type) {
    case 'record':
      return decodeRecord((schema.fields ?? []).map(field => compile(field.type)))
    case 'array':
      return compileArray(schema, compile)
    case 'map':
      return decodeMap(compile(required(schema.values, 'a map without values')))
    case 'fixed': {
      const size = required(schema.size, 'a fixed without a size')
      return reader => reader.take(size)
    }
    case 'enum': {
      const symbols = required(schema.symbols, 'an enum without symbols')
      return reader => required(symbols[Number(reader.readLong())], 'an enum value without a symbol')
    }
    default:
      if (typeof schema.type === 'string' && schema.type === schema.name) {
        throw avroError(`type ${schema.type} is defined by itself`)
      }
      return compile(schema.type)
  }
}

/** Maps whose keys are no texts are arrays of key and value (Iceberg spec, "Appendix A: Avro", map). */
function compileArray(schema: AvroComplexSchema, compile: (inner: AvroSchema) => Decode): Decode {
  const items = required(schema.items, 'an array without items')
  const pair = schema.logicalType === 'map' ? pairOf(items) : undefined
  if (pair === undefined) return decodeArray(compile(items))
  return decodePairs(compile(pair.key), compile(pair.value))
}

function decodePairs(decodeKey: Decode, decodeValue: Decode): Decode {
  return reader => {
    const members = new Map<AvroValue, AvroValue>()
    readBlocks(reader, () => members.set(decodeKey(reader), decodeValue(reader)))
    return members
  }
}

function required<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw avroError(problem)
  return value
}

function decodeUnion(branches: readonly Decode[]): Decode {
  return reader => {
    const branch = branches[Number(reader.readLong())]
    if (branch === undefined) throw avroError('a union value of no branch')
    return branch(reader)
  }
}

function decodeRecord(fields: readonly Decode[]): Decode {
  return reader => {
    const values: AvroValue[] = []
    for (const decode of fields) values.push(decode(reader))
    return values
  }
}

function decodeArray(decodeItem: Decode): Decode {
  return reader => {
    const items: AvroValue[] = []
    readBlocks(reader, () => items.push(decodeItem(reader)))
    return items
  }
}

function decodeMap(decodeValue: Decode): Decode {
  return reader => {
    const members = new Map<string, AvroValue>()
    readBlocks(reader, () => members.set(reader.readString(), decodeValue(reader)))
    return members
  }
}

/** Arrays and maps come in blocks: a count, its bytes when the count is negative, items; a count of 0 ends them. */
function readBlocks(reader: ByteReader, readItem: () => void): void {
  for (;;) {
    let count = Number(reader.readLong())
    if (count === 0) return
    if (count < 0) {
      count = -count
      reader.readLong()
    }
    if (count > reader.remaining) throw avroError(`${count} items with ${reader.remaining} bytes left`)
    for (let index = 0; index < count; index += 1) readItem()
  }
}
