import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { IngotError } from '../errors.ts'

const CHUNK_BYTES = 1024 * 1024

/** The bytes of a file from `start` to `end` (exclusive). @throws SOURCE_CHANGED, retryable, when the file became shorter */
export async function* readBytes(path: string, start: number, end: number): AsyncGenerator<Buffer> {
  if (start >= end) return
  let sizeBytes = start
  for await (const chunk of createReadStream(path, { start, end: end - 1, highWaterMark: CHUNK_BYTES })) {
    const bytes: Buffer = chunk
    sizeBytes += bytes.length
    yield bytes
  }
  if (sizeBytes === end) return
  throw new IngotError(
    'SOURCE_CHANGED',
    `${path} became shorter while it was read: ${sizeBytes} of ${end} bytes`,
    {
      retryable: true,
      hint: 'write a file under another name and rename it when it is complete',
      context: { path, sizeBytes, expectedBytes: end },
    },
  )
}

/** Passes chunks on, and adds them to `hash`. */
export async function* hashing(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

/** The hash of a file's first `end` bytes, to which more can be added. */
export async function hashPrefix(path: string, end: number): Promise<Hash> {
  const hash = createHash('sha256')
  for await (const chunk of readBytes(path, 0, end)) hash.update(chunk)
  return hash
}
