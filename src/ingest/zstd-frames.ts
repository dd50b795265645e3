import { open } from 'node:fs/promises'

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const RUN_LENGTH_BLOCK = 1

/** Reads `length` bytes at `position`; fewer at the end of the file. */
type ReadAt = (position: number, length: number) => Promise<Buffer>

/**
 * Whether the file is zstd frames from its beginning to its end (RFC 8878, section 3): the engine takes a file that was cut off
 * for one that ends there. Blocks are stepped over, not inflated.
 */
export async function isWholeZstd(path: string): Promise<boolean> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const readAt: ReadAt = async (position, length) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
      return buffer.subarray(0, bytesRead)
    }
    let at: number | undefined = 0
    while (at !== undefined && at < size) at = await frameEnd(readAt, at)
    return at === size
  } finally {
    await handle.close()
  }
}

/** The end of the frame at `start`; undefined when it is none, or cut off inside a header. */
async function frameEnd(readAt: ReadAt, start: number): Promise<number | undefined> {
  const head = await readAt(start, 8)
  if (head.length < 8) return undefined
  const magic = head.readUInt32LE(0)
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) return start + 8 + head.readUInt32LE(4)
  if (magic !== FRAME_MAGIC) return undefined
  const descriptor = head.readUInt8(4)
  const checksumBytes = (descriptor & 4) === 0 ? 0 : 4
  const blocksEnd = await lastBlockEnd(readAt, start + 5 + headerBytes(descriptor))
  return blocksEnd === undefined ? undefined : blocksEnd + checksumBytes
}

/** How long the window descriptor, the dictionary's id and the content's size are, by the frame header descriptor. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  return (isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes
}

async function lastBlockEnd(readAt: ReadAt, start: number): Promise<number | undefined> {
  for (let at = start; ; ) {
    const bytes = await readAt(at, 3)
    if (bytes.length < 3) return undefined
    const header = bytes.readUIntLE(0, 3)
    const isRunLength = ((header >> 1) & 3) === RUN_LENGTH_BLOCK
    at += 3 + (isRunLength ? 1 : header >> 3)
    if ((header & 1) === 1) return at
  }
}
