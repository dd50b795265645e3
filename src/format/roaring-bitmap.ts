import {
  BITMAP_BYTES,
  CHUNK_ROWS,
  chunkSize,
  type RowChunk,
  type RowPositions,
  runsOf,
} from './row-positions.ts'

// The portable format of 64-bit bitmaps (https://github.com/RoaringBitmap/RoaringFormatSpec), little endian:
//   u64 count of bitmaps, then for each: u32 key (the high half of its values), a 32-bit bitmap
// A 32-bit bitmap:
//   u32 cookie: 12346, then u32 count of chunks; or 12347 with count - 1 in its high half, then a bit a chunk: is it one of runs
//   for each chunk: u16 number, u16 count of values - 1
//   for each chunk: u32 where it starts; left out when there are runs and fewer than 4 chunks
//   the chunks: u16 values; or, of more than 4096 values, a bitmap; or u16 count of runs, then u16 first, u16 further values

const COOKIE_WITHOUT_RUNS = 12_346
const COOKIE_WITH_RUNS = 12_347
const CHUNKS_WITHOUT_STARTS_MAX = 3
const ARRAY_VALUES_MAX = 4096
const CHUNKS_PER_KEY = 65_536
/** Row numbers up to 2^53, which a JS number holds exactly. */
const KEYS_MAX = 2 ** 21

/** What is wrong with bytes that are no bitmap; whoever knows which file they are of says so. */
export class BitmapError extends Error {}

/** Reads a 64-bit bitmap in the portable format. Takes memory in proportion to the bytes, whatever they claim. @throws BitmapError */
export function decodeBitmap(bytes: Uint8Array): RowPositions {
  const reader = new BitmapReader(bytes)
  const count = reader.u64()
  const chunks = new Map<number, RowChunk>()
  let lastKey = -1
  for (let index = 0n; index < count; index += 1n) {
    const key = reader.u32()
    if (key <= lastKey || key >= KEYS_MAX) throw new BitmapError(`it has key ${key} after ${lastKey}`)
    lastKey = key
    decodeBitmapOfKey(reader, key, chunks)
  }
  reader.end()
  return chunks
}

interface ChunkHeader {
  readonly number: number
  readonly size: number
  readonly isRuns: boolean
}

function decodeBitmapOfKey(reader: BitmapReader, key: number, into: Map<number, RowChunk>): void {
  const headers = readHeaders(reader)
  for (const [index, header] of headers.entries()) {
    const before = headers[index - 1]
    if (before !== undefined && before.number >= header.number) {
      throw new BitmapError(`chunk ${header.number} comes after ${before.number}`)
    }
    const chunk = readChunk(reader, header)
    if (chunkSize(chunk) !== header.size) {
      throw new BitmapError(
        `chunk ${header.number} has ${chunkSize(chunk)} values, ${header.size} by its header`,
      )
    }
    into.set(key * CHUNKS_PER_KEY + header.number, chunk)
  }
}

function readHeaders(reader: BitmapReader): ChunkHeader[] {
  const cookie = reader.u32()
  const hasRuns = (cookie & 0xffff) === COOKIE_WITH_RUNS
  if (!hasRuns && cookie !== COOKIE_WITHOUT_RUNS) throw new BitmapError(`its cookie is ${cookie}`)
  const count = hasRuns ? (cookie >>> 16) + 1 : reader.u32()
  if (count > CHUNKS_PER_KEY) throw new BitmapError(`it claims ${count} chunks`)
  const runFlags = hasRuns ? reader.bytes(Math.ceil(count / 8)) : new Uint8Array()
  reader.require(count * 4)
  const headers = Array.from({ length: count }, (_, index) => ({
    number: reader.u16(),
    size: reader.u16() + 1,
    isRuns: (((runFlags[index >> 3] ?? 0) >> (index & 7)) & 1) === 1,
  }))
  // The chunks follow one another: where they start is told for random access only.
  if (!hasRuns || count > CHUNKS_WITHOUT_STARTS_MAX) reader.bytes(4 * count)
  return headers
}

function readChunk(reader: BitmapReader, { size, isRuns }: ChunkHeader): RowChunk {
  if (isRuns) {
    const chunk = { kind: 'runs', pairs: reader.u16s(2 * reader.u16()) } as const
    let previousEnd = -1
    for (const [first, end] of runsOf(chunk)) {
      if (first <= previousEnd || end > CHUNK_ROWS)
        throw new BitmapError(`it has a run from ${first} to ${end}`)
      previousEnd = end
    }
    return chunk
  }
  if (size > ARRAY_VALUES_MAX) return { kind: 'bitmap', bits: reader.bytes(BITMAP_BYTES) }
  const values = reader.u16s(size)
  const unordered = values.findIndex((value, index) => index > 0 && value <= (values[index - 1] ?? 0))
  if (unordered >= 0) throw new BitmapError(`value ${values[unordered]} does not ascend`)
  return { kind: 'array', values }
}

/** Reads little-endian numbers, never beyond the end. */
class BitmapReader {
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  require(count: number): void {
    if (this.#offset + count > this.#view.byteLength) {
      throw new BitmapError(`it ends at byte ${this.#view.byteLength}, within ${count} more`)
    }
  }

  end(): void {
    const rest = this.#view.byteLength - this.#offset
    if (rest > 0) throw new BitmapError(`${rest} bytes follow its end`)
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true)
  }

  u16s(count: number): Uint16Array {
    this.require(2 * count)
    return Uint16Array.from({ length: count }, () => this.u16())
  }

  bytes(count: number): Uint8Array {
    const start = this.#take(count)
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, count)
  }

  #take(count: number): number {
    this.require(count)
    this.#offset += count
    return this.#offset - count
  }
}

/** The bytes of a 64-bit bitmap in the portable format. */
export function encodeBitmap(positions: RowPositions): Uint8Array {
  const byKey = new Map<number, (readonly [number, RowChunk])[]>()
  for (const [number, chunk] of positions) {
    const key = Math.floor(number / CHUNKS_PER_KEY)
    const chunks = byKey.get(key) ?? []
    chunks.push([number % CHUNKS_PER_KEY, chunk])
    byKey.set(key, chunks)
  }
  const count = Buffer.alloc(8)
  count.writeBigUInt64LE(BigInt(byKey.size))
  return Buffer.concat([
    count,
    ...[...byKey].flatMap(([key, chunks]) => [u32(key), ...encodeBitmapOfKey(chunks)]),
  ])
}

function encodeBitmapOfKey(chunks: readonly (readonly [number, RowChunk])[]): Uint8Array[] {
  const hasRuns = chunks.some(([, chunk]) => chunk.kind === 'runs')
  const flags = Buffer.alloc(Math.ceil(chunks.length / 8))
  for (const [index, [, chunk]] of chunks.entries()) {
    if (chunk.kind === 'runs') flags[index >> 3] = (flags[index >> 3] ?? 0) | (1 << (index & 7))
  }
  const cookie = hasRuns
    ? [u32(COOKIE_WITH_RUNS + (chunks.length - 1) * 0x10000), flags]
    : [u32(COOKIE_WITHOUT_RUNS), u32(chunks.length)]
  const headers = chunks.map(([number, chunk]) => u16s([number, chunkSize(chunk) - 1]))
  const bodies = chunks.map(([, chunk]) => encodeChunk(chunk))
  const beforeStarts = [...cookie, ...headers]
  if (hasRuns && chunks.length <= CHUNKS_WITHOUT_STARTS_MAX) return [...beforeStarts, ...bodies]
  let start = beforeStarts.reduce((sum, bytes) => sum + bytes.length, 4 * chunks.length)
  const starts = bodies.map(body => {
    start += body.length
    return u32(start - body.length)
  })
  return [...beforeStarts, ...starts, ...bodies]
}

function encodeChunk(chunk: RowChunk): Uint8Array {
  if (chunk.kind === 'bitmap') return chunk.bits
  if (chunk.kind === 'array') return u16s(chunk.values)
  return u16s([chunk.pairs.length / 2, ...chunk.pairs])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u16s(values: Iterable<number>): Buffer {
  const all = [...values]
  const bytes = Buffer.alloc(2 * all.length)
  for (const [index, value] of all.entries()) bytes.writeUInt16LE(value, 2 * index)
  return bytes
}
