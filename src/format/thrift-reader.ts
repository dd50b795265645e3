/** The header of a value: in a struct with its field's id, in a list with -1. */
export interface ThriftField {
  readonly id: number
  readonly type: number
}

// Thrift, "compact protocol": types of fields. In lists, either number of a boolean stands for one byte.
const TRUE = 1
const FALSE = 2
const BYTE = 3
const I16 = 4
const I64 = 6
const DOUBLE = 7
const BINARY = 8
const LIST = 9
const SET = 10
const MAP = 11
const STRUCT = 12

const DEPTH_MAX = 100

/** Reads Thrift's compact form, value after value: each that is met must be read or skipped. All methods throw RangeError for damaged bytes. */
export class ThriftReader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The fields of the struct that lies here. */
  *fields(): Generator<ThriftField> {
    let id = 0
    for (;;) {
      const header = this.#byte()
      if (header === 0) return
      const delta = header >> 4
      id = delta === 0 ? this.#zigzag() : id + delta
      yield { id, type: header & 15 }
    }
  }

  structOf({ type }: ThriftField): Generator<ThriftField> {
    if (type !== STRUCT) throw new RangeError(`a struct is expected, not type ${type}`)
    return this.fields()
  }

  list<T>({ type }: ThriftField, read: (item: ThriftField) => T): T[] {
    if (type !== LIST) throw new RangeError(`a list is expected, not type ${type}`)
    const { count, item } = this.#listHeader()
    const items: T[] = []
    while (items.length < count) items.push(read(item))
    return items
  }

  /** Of up to 32 bits. */
  integer({ type }: ThriftField): number {
    if (type < I16 || type > I64) throw new RangeError(`an integer is expected, not type ${type}`)
    return this.#zigzag()
  }

  text({ type }: ThriftField): string {
    if (type !== BINARY) throw new RangeError(`a text is expected, not type ${type}`)
    const length = this.#varint()
    return this.#bytes.toString('utf8', this.#position, this.#advance(length))
  }

  skip({ id, type }: ThriftField, depth = 0): void {
    if (depth > DEPTH_MAX) throw new RangeError(`it nests more than ${DEPTH_MAX} levels deep`)
    const isInList = id < 0
    if (type === TRUE || type === FALSE) this.#advance(isInList ? 1 : 0)
    else if (type === BYTE) this.#advance(1)
    else if (type >= I16 && type <= I64) this.#varint()
    else if (type === DOUBLE) this.#advance(8)
    else if (type === BINARY) this.#advance(this.#varint())
    else if (type === LIST || type === SET) this.#skipList(depth)
    else if (type === MAP) this.#skipMap(depth)
    else if (type === STRUCT) for (const field of this.fields()) this.skip(field, depth + 1)
    else throw new RangeError(`there is no type ${type}`)
  }

  #skipList(depth: number): void {
    const { count, item } = this.#listHeader()
    for (let index = 0; index < count; index += 1) this.skip(item, depth + 1)
  }

  #skipMap(depth: number): void {
    const count = this.#varint()
    if (count === 0) return
    const types = this.#byte()
    for (let index = 0; index < count; index += 1) {
      this.skip({ id: -1, type: types >> 4 }, depth + 1)
      this.skip({ id: -1, type: types & 15 }, depth + 1)
    }
  }

  #listHeader(): { readonly count: number; readonly item: ThriftField } {
    const header = this.#byte()
    const count = header >> 4 === 15 ? this.#varint() : header >> 4
    return { count, item: { id: -1, type: header & 15 } }
  }

  #zigzag(): number {
    const value = this.#varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** What is larger than a number holds exactly is only ever skipped. */
  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte()
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw new RangeError('an integer has more than 10 bytes')
  }

  #byte(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw new RangeError('it ends too early')
    this.#position += 1
    return byte
  }

  /** Goes on by `length` bytes: the new position. */
  #advance(length: number): number {
    if (length > this.#bytes.length - this.#position) throw new RangeError('it ends too early')
    this.#position += length
    return this.#position
  }
}
