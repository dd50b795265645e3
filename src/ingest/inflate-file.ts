import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { isIngotError } from '../errors.ts'
import { quoteLiteral } from '../sql-text.ts'
import type { Engine } from '../table/engine.ts'
import type { Compression } from './list-files.ts'
import { toSourceError } from './source-error.ts'
import { isWholeZstd } from './zstd-frames.ts'

/** Why a file cannot be read at all; the others of a run are not concerned. */
export class UnreadableFile extends Error {}

/** Text may shrink by this much; what shrinks more is made to fill a disk. */
const INFLATION_MAX = 250
const INFLATED_BYTES_ALWAYS = 128 * 1024 * 1024

/**
 * Writes the content of a compressed text file to `target`, so that a file that is damaged at its end is found before
 * any row of it is taken.
 * @throws UnreadableFile
 */
export async function inflateFile(
  engine: Engine,
  path: string,
  compression: Exclude<Compression, 'none'>,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (compression === 'gzip') await gunzip(path, target, signal)
  else await inflateZstd(engine, path, target, signal)
}

async function gunzip(path: string, target: string, signal: AbortSignal | undefined): Promise<void> {
  const bytesMax = Math.max(INFLATED_BYTES_ALWAYS, (await stat(path)).size * INFLATION_MAX)
  const limit = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sizeBytes = 0
    for await (const chunk of chunks) {
      sizeBytes += chunk.length
      if (sizeBytes > bytesMax) throw new UnreadableFile(`it inflates to more than ${bytesMax} bytes`)
      yield chunk
    }
  }
  const options = signal === undefined ? {} : { signal }
  try {
    await pipeline(
      createReadStream(path),
      createGunzip(),
      limit,
      createWriteStream(target, { flags: 'wx' }),
      options,
    )
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code.startsWith('Z_'))
      throw new UnreadableFile(`damaged gzip: ${(error as Error).message}`, { cause: error })
    throw isReadOf(path, error) ? toSourceError(error, path) : error
  }
}

/** Told from a failure to write what it inflates to. */
function isReadOf(path: string, error: unknown): boolean {
  return error instanceof Error && 'path' in error && error.path === path
}

const ZSTD_LINE_BYTES_MAX = 64 * 1024 * 1024

/** Four control characters that no text has in this order: the engine's reader must cut lines into fields somewhere. */
const NO_DELIMITER = '\x1f\x1e\x1f\x1e'

/**
 * Node's own zlib has no zstd before version 22.15, so the engine inflates. Its reader leaves out empty lines: positions in
 * such a file do not count them.
 */
async function inflateZstd(
  engine: Engine,
  path: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(await isWholeZstd(path))) throw new UnreadableFile('damaged zstd: it ends inside a frame')
  const dialect = `delim = '${NO_DELIMITER}', quote = '', escape = '', header = false, auto_detect = false`
  const limits = `new_line = '\\n', max_line_size = ${ZSTD_LINE_BYTES_MAX}, buffer_size = ${2 * ZSTD_LINE_BYTES_MAX}, strict_mode = false, nullstr = '\x1e\x1e'`
  const lines = `read_csv(${quoteLiteral(path)}, columns = {l: 'VARCHAR'}, ${dialect}, ${limits}, compression = 'zstd')`
  const output = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '${NO_DELIMITER}'`
  try {
    await engine.session({ label: `inflate ${path}`, ...(signal && { signal }) }, session =>
      session.query(`COPY (SELECT l FROM ${lines}) TO ${quoteLiteral(target)} (${output})`),
    )
  } catch (error) {
    if (!isIngotError(error, 'ENGINE_FAILED')) throw error
    throw new UnreadableFile(`zstd that cannot be read as text: ${error.message}`, { cause: error })
  }
}
