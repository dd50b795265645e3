import { crc32 } from 'node:zlib'
import { IngotError } from '../errors.ts'
import type { DataFile } from './manifest-types.ts'
import { BitmapError, decodeBitmap, encodeBitmap } from './roaring-bitmap.ts'
import type { RowPositions } from './row-positions.ts'

// Puffin spec, "deletion-vector-v1 blob type":
//   u32 big endian: length of magic and bitmap
//   magic, then the bitmap: a 64-bit Roaring bitmap in the portable format
//   u32 big endian: CRC-32 of magic and bitmap
const MAGIC = Buffer.from([0xd1, 0xd3, 0x39, 0x64])
const LENGTH_BYTES = 4
const CHECKSUM_BYTES = 4

/** Whether an entry of a delete manifest is a deletion vector (Iceberg spec, "Deletion Vectors"). */
export function isDeletionVector({ content, fileFormat }: DataFile): boolean {
  return content === 'position-deletes' && fileFormat === 'PUFFIN'
}

/** Which deletion vector is read, for errors. */
export interface VectorSource {
  readonly puffinFile: string
  readonly dataFile: string
}

/** The rows that the blob of a deletion vector deletes. @throws METADATA_INVALID naming the Puffin file */
export function decodeDeletionVector(blob: Uint8Array, source: VectorSource): RowPositions {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength)
  if (bytes.length < LENGTH_BYTES + MAGIC.length + CHECKSUM_BYTES) {
    throw damagedVector(source, `it has ${bytes.length} bytes`)
  }
  const length = bytes.readUInt32BE(0)
  const body = bytes.subarray(LENGTH_BYTES, -CHECKSUM_BYTES)
  if (length !== body.length) throw damagedVector(source, `it states ${length} bytes and has ${body.length}`)
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw damagedVector(source, 'it has another magic number')
  const stated = bytes.readUInt32BE(bytes.length - CHECKSUM_BYTES)
  if (stated !== crc32(body)) throw damagedVector(source, 'its checksum does not match')
  try {
    return decodeBitmap(body.subarray(MAGIC.length))
  } catch (error) {
    if (error instanceof BitmapError) throw damagedVector(source, error.message)
    throw error
  }
}

/** The error for a deletion vector that cannot be what a writer meant. */
export function damagedVector({ puffinFile, dataFile }: VectorSource, reason: string): IngotError {
  return new IngotError(
    'METADATA_INVALID',
    `deletion vector of ${dataFile} in ${puffinFile} is damaged: ${reason}`,
    {
      hint: 'restore the file from a copy, or roll the table back to a snapshot before it',
      context: { file: puffinFile, dataFile },
    },
  )
}

/** The blob of a deletion vector. */
export function encodeDeletionVector(positions: RowPositions): Uint8Array {
  const body = Buffer.concat([MAGIC, encodeBitmap(positions)])
  const blob = Buffer.alloc(LENGTH_BYTES + body.length + CHECKSUM_BYTES)
  blob.writeUInt32BE(body.length, 0)
  body.copy(blob, LENGTH_BYTES)
  blob.writeUInt32BE(crc32(body), LENGTH_BYTES + body.length)
  return blob
}
