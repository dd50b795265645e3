import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isIngotError } from '../../../src/errors.ts'
import { decodeDeletionVector, encodeDeletionVector } from '../../../src/format/deletion-vector.ts'
import {
  CHUNK_ROWS,
  chunkSize,
  countPositions,
  positionsOf,
  type RowPositions,
  runsOf,
} from '../../../src/format/row-positions.ts'

const SOURCE = { puffinFile: 'dv.puffin', dataFile: 'a.parquet' }

function rowsOf(positions: RowPositions): number[] {
  const rows: number[] = []
  for (const [number, chunk] of positions) {
    for (const [first, end] of runsOf(chunk)) {
      for (let row = first; row < end; row += 1) rows.push(number * CHUNK_ROWS + row)
    }
  }
  return rows
}

const decode = (blob: Uint8Array) => decodeDeletionVector(blob, SOURCE)

/** Rows that make chunks of every form: scattered ones, dense ones and runs, near the beginning and far away. */
const rowSets = fc
  .array(
    fc.oneof(
      fc.array(fc.nat({ max: 300_000 }), { maxLength: 50 }),
      fc
        .tuple(fc.nat({ max: 200_000 }), fc.integer({ min: 1, max: 70_000 }))
        .map(([first, length]) => Array.from({ length }, (_, index) => first + index)),
      fc
        .tuple(fc.nat({ max: 100_000 }), fc.integer({ min: 4000, max: 9000 }))
        .map(([first, length]) => Array.from({ length }, (_, index) => first + 3 * index)),
      fc.array(fc.integer({ min: 2 ** 32 - 2, max: 2 ** 32 + 70_000 }), { maxLength: 5 }),
      fc.constant([2 ** 53 - 1]),
    ),
    { maxLength: 4 },
  )
  .map(sets => [...new Set(sets.flat())].sort((a, b) => a - b))

test('row numbers of every form come back from a deletion vector as they were', () => {
  fc.assert(
    fc.property(rowSets, rows => {
      const positions = positionsOf(rows)
      assert.equal(countPositions(positions), rows.length)
      assert.deepEqual(rowsOf(decode(encodeDeletionVector(positions))), rows)
    }),
    { numRuns: 60 },
  )
})

test('each chunk takes the form of the fewest bytes', () => {
  const every = (step: number, count: number) => Array.from({ length: count }, (_, index) => index * step)
  const kinds = (rows: number[]) => [...positionsOf(rows).values()].map(chunk => chunk.kind)
  assert.deepEqual(kinds(every(2, 4096)), ['array'])
  assert.deepEqual(kinds(every(2, 4097)), ['bitmap'])
  assert.deepEqual(kinds(every(1, 3 * CHUNK_ROWS)), ['runs', 'runs', 'runs'])
  assert.deepEqual([...positionsOf(every(1, CHUNK_ROWS)).values()].map(chunkSize), [CHUNK_ROWS])
})

test('the bytes are those of the spec: an empty vector and one of the rows 1, 5 and 4294967296', () => {
  const hex = (rows: number[]) => Buffer.from(encodeDeletionVector(positionsOf(rows))).toString('hex')
  assert.equal(hex([]), '0000000c' + 'd1d33964' + '0000000000000000' + 'bf18480c')
  assert.equal(
    hex([1, 5, 2 ** 32]).slice(8, -8),
    [
      'd1d33964',
      '0200000000000000',
      '00000000' + '3a300000' + '01000000' + '0000' + '0100' + '10000000' + '0100' + '0500',
      '01000000' + '3a300000' + '01000000' + '0000' + '0000' + '10000000' + '0000',
    ].join(''),
  )
})

const SAMPLE = positionsOf([
  ...Array.from({ length: 70_000 }, (_, index) => index),
  ...Array.from({ length: 5000 }, (_, index) => 140_000 + 5 * index),
  400_000,
])

test('a vector that is cut or changed anywhere is refused with the names of its files', () => {
  const blob = encodeDeletionVector(SAMPLE)
  const isDamaged = (error: unknown) =>
    isIngotError(error, 'METADATA_INVALID') &&
    error.message.startsWith('deletion vector of a.parquet in dv.puffin is damaged: ')
  for (let length = 0; length < blob.length; length += 97) {
    assert.throws(() => decode(blob.slice(0, length)), isDamaged, `cut at ${length}`)
  }
  for (let index = 0; index < blob.length; index += 53) {
    const changed = Uint8Array.from(blob)
    changed[index] = (changed[index] ?? 0) ^ 0x10
    assert.throws(() => decode(changed), isDamaged, `changed at ${index}`)
  }
})

/** A vector of any bitmap bytes, with the length and the checksum that they want. */
function vectorOf(bitmap: Uint8Array): Uint8Array {
  // The checksum by way of the encoder's own framing would not do: it frames bitmaps that are right.
  const body = Buffer.concat([Buffer.from('d1d33964', 'hex'), bitmap])
  const blob = Buffer.alloc(body.length + 8)
  blob.writeUInt32BE(body.length, 0)
  body.copy(blob, 4)
  blob.writeUInt32BE(crc32Of(body), 4 + body.length)
  return blob
}

function crc32Of(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

test('bitmaps that lie under a checksum that holds are refused', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['ffffffffffffffff', /ends at byte 8/],
    ['0100000000000000' + '00002000' + '3a300000' + '00000000', /key 2097152/],
    ['0200000000000000' + '01000000' + '3a300000' + '00000000' + '01000000', /key 1 after 1/],
    ['0100000000000000' + '00000000' + 'ff300000' + '00000000', /cookie/],
    ['0100000000000000' + '00000000' + '3a300000' + 'ffffffff', /claims 4294967295 chunks/],
    ['0100000000000000' + '00000000' + '3a300000' + '00000100' + '0000', /ends at byte/],
    [
      '0100000000000000' + '00000000' + '3a300000' + '01000000' + '0000' + '0100' + '10000000' + '05000500',
      /ascend/,
    ],
    [
      '0100000000000000' + '00000000' + '3b300000' + '01' + '0000' + '0900' + '0100' + '0000' + '0300',
      /has 4 values, 10 by/,
    ],
    [
      '0100000000000000' + '00000000' + '3b300000' + '01' + '0000' + '0900' + '0100' + 'ffff' + '0900',
      /run from 65535/,
    ],
    ['0000000000000000' + '00', /1 bytes follow/],
  ]
  for (const [hex, reason] of cases) {
    assert.throws(
      () => decode(vectorOf(Buffer.from(hex, 'hex'))),
      { code: 'METADATA_INVALID', message: reason },
      hex,
    )
  }
  const twice = '3a300000' + '02000000' + '01000000' + '01000000' + '18000000' + '1a000000' + '0000' + '0000'
  assert.throws(
    () => decode(vectorOf(Buffer.from(`010000000000000000000000${twice}`, 'hex'))),
    /chunk 1 comes after 1/,
  )
})

test('random bytes are refused or read, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), bytes => {
      try {
        decode(vectorOf(bytes))
      } catch (error) {
        assert(isIngotError(error, 'METADATA_INVALID'), String(error))
      }
    }),
    { numRuns: 500 },
  )
})
