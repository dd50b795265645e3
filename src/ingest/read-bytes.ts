import { createHash, type Hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { IngotError } from '../errors.ts'
import { readingSource } from './source-error.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * The bytes of a file from `start` to `end` (exclusive). A chunk is only there until the next one is asked for.
 * @throws SOURCE_CHANGED, retryable, when the file became shorter or is gone; STORAGE_FAILED
 */
export async function* readBytes(path: string, start: number, end: number): AsyncGenerator<Buffer> {
  if (start >= end) return
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - start))
  const handle = await readingSource(path, () => open(path, 'r'))
  try {
    for (let at = start; at < end; ) {
      const length = Math.min(buffer.length, end - at)
      const { bytesRead } = await readingSource(path, () => handle.read(buffer, 0, length, at))
      if (bytesRead === 0) throw becameShorter(path, at, end)
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

function becameShorter(path: string, sizeBytes: number, expectedBytes: number): IngotError {
  return new IngotError(
    'SOURCE_CHANGED',
    `${path} became shorter while it was read: ${sizeBytes} of ${expectedBytes} bytes`,
    {
      retryable: true,
      hint: 'write a file under another name and rename it when it is complete',
      context: { path, sizeBytes, expectedBytes },
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
  return await hashOn(createHash('sha256'), path, 0, end)
}

/** Adds a file's bytes from `start` to `end` (exclusive) to `hash`. */
export async function hashOn(hash: Hash, path: string, start: number, end: number): Promise<Hash> {
  for await (const chunk of readBytes(path, start, end)) hash.update(chunk)
  return hash
}
