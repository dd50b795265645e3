// Row numbers as Roaring bitmaps keep them (https://roaringbitmap.org): in chunks of 65,536, each in the form that suits it.

export const CHUNK_ROWS = 65_536
/** Bytes of a chunk as a bitmap. */
export const BITMAP_BYTES = CHUNK_ROWS / 8

/** Rows of one chunk, by their last 16 bits. */
export type RowChunk =
  /** Ascending. */
  | { readonly kind: 'array'; readonly values: Uint16Array }
  /** BITMAP_BYTES bytes; the first row is the lowest bit of the first byte. */
  | { readonly kind: 'bitmap'; readonly bits: Uint8Array }
  /** Pairs of the first row and how many follow it, ascending and apart. */
  | { readonly kind: 'runs'; readonly pairs: Uint16Array }

/** Row numbers of one file: chunks, none empty, by their number (row number / 65,536), ascending. */
export type RowPositions = ReadonlyMap<number, RowChunk>

/** The positions of row numbers that ascend; a number that occurs twice counts once. */
export function positionsOf(ascending: Iterable<number>): RowPositions {
  const chunks = new Map<number, RowChunk>()
  let number = -1
  let values: number[] = []
  const finish = (): void => {
    if (values.length > 0) chunks.set(number, compact(bitsOfValues(values)))
    values = []
  }
  for (const row of ascending) {
    const chunkNumber = Math.floor(row / CHUNK_ROWS)
    if (chunkNumber !== number) finish()
    number = chunkNumber
    values.push(row % CHUNK_ROWS)
  }
  finish()
  return chunks
}

/** How many row numbers there are. */
export function countPositions(positions: RowPositions): number {
  let count = 0
  for (const chunk of positions.values()) count += chunkSize(chunk)
  return count
}

/** How many rows a chunk has. */
export function chunkSize(chunk: RowChunk): number {
  if (chunk.kind === 'array') return chunk.values.length
  let size = 0
  for (const [first, end] of runsOf(chunk)) size += end - first
  return size
}

/** The rows of a chunk as runs, each from its first row to before its end. */
export function* runsOf(chunk: RowChunk): Generator<readonly [number, number]> {
  if (chunk.kind === 'runs') {
    for (let index = 0; index < chunk.pairs.length; index += 2) {
      const first = chunk.pairs[index] ?? 0
      yield [first, first + (chunk.pairs[index + 1] ?? 0) + 1]
    }
    return
  }
  let first = -1
  let end = -1
  for (const value of chunk.kind === 'array' ? chunk.values : valuesOfBits(chunk.bits)) {
    if (value !== end) {
      if (first >= 0) yield [first, end]
      first = value
    }
    end = value + 1
  }
  if (first >= 0) yield [first, end]
}

function* valuesOfBits(bits: Uint8Array): Generator<number> {
  for (let index = 0; index < bits.length; index += 1) {
    const byte = bits[index] ?? 0
    if (byte === 0) continue
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) yield index * 8 + bit
  }
}

function bitsOfValues(values: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(BITMAP_BYTES)
  for (const value of values) bits[value >> 3] = (bits[value >> 3] ?? 0) | (1 << (value & 7))
  return bits
}

/** The form that takes the fewest bytes. */
function compact(bits: Uint8Array): RowChunk {
  const bitmap: RowChunk = { kind: 'bitmap', bits }
  const runs = [...runsOf(bitmap)]
  const size = runs.reduce((sum, [first, end]) => sum + end - first, 0)
  if (2 + 4 * runs.length < Math.min(2 * size, BITMAP_BYTES)) {
    return { kind: 'runs', pairs: Uint16Array.from(runs.flatMap(([first, end]) => [first, end - first - 1])) }
  }
  return 2 * size <= BITMAP_BYTES ? { kind: 'array', values: Uint16Array.from(valuesOfBits(bits)) } : bitmap
}
