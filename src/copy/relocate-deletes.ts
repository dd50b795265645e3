import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IngotError } from '../errors.ts'
import { type Random, randomUuid } from '../random.ts'
import { quoteLiteral } from '../sql-text.ts'
import { DELETE_FILE_PATH_ID, DELETE_POSITION_ID } from '../table/delete-columns.ts'
import type { Engine, EngineSession } from '../table/engine.ts'
import type { Relocation } from './relocation.ts'

export interface RelocateDeletesOptions {
  readonly engine: Engine
  readonly random: Random
  readonly relocation: Relocation
  /** By way of this folder every storage is read and written alike. */
  readonly tempFolder: string
  readonly signal: AbortSignal
}

/** The bytes of a Parquet file of deletes by position, with paths that are those of the copies. @throws UNSUPPORTED, ENGINE_… */
export async function relocateDeletes(
  bytes: Uint8Array,
  options: RelocateDeletesOptions,
): Promise<Uint8Array> {
  const { engine, tempFolder, random, signal, relocation } = options
  const name = randomUuid(random)
  const [before, after] = [
    join(tempFolder, `${name}-before.parquet`),
    join(tempFolder, `${name}-after.parquet`),
  ]
  try {
    await writeFile(before, bytes)
    await engine.session({ label: 'copy of deletes', signal }, session =>
      rewrite(session, { before, after }, relocation),
    )
    return await readFile(after)
  } finally {
    await Promise.all([before, after].map(path => rm(path, { force: true })))
  }
}

async function rewrite(
  session: EngineSession,
  { before, after }: { readonly before: string; readonly after: string },
  { from, to }: Relocation,
): Promise<void> {
  const inside = `starts_with(file_path, ${quoteLiteral(`${from}/`)})`
  const source = `read_parquet(${quoteLiteral(before)})`
  const outside = await session.query(`SELECT file_path FROM ${source} WHERE NOT ${inside} LIMIT 1`)
  const [path] = outside.rows[0] ?? []
  if (path !== undefined) {
    throw new IngotError('UNSUPPORTED', `a delete file names ${String(path)}, which is outside of the lake`, {
      hint: 'compact the table first, so that its deletes are gone, and let its history expire',
    })
  }
  // The order stays that of the paths: their beginnings, all alike, are replaced by one that is.
  await session.query(
    [
      `COPY (SELECT ${quoteLiteral(to)} || substr(file_path, ${[...from].length + 1}) AS file_path, pos FROM ${source})`,
      `TO ${quoteLiteral(after)} (FORMAT parquet, COMPRESSION zstd,`,
      `FIELD_IDS {file_path: ${DELETE_FILE_PATH_ID}, pos: ${DELETE_POSITION_ID}})`,
    ].join(' '),
  )
}
