import assert from 'node:assert/strict'
import { link, writeFile } from 'node:fs/promises'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import { createLibsqlStore } from '../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../src/catalog/local-catalog.ts'
import type { Clock } from '../src/clock.ts'
import type { DataFile } from '../src/format/manifest-types.ts'
import type { Platform } from '../src/platform.ts'
import { randomUuid } from '../src/random.ts'
import type { FileIO } from '../src/storage/file-io.ts'
import { createLocalFileIO } from '../src/storage/local-file-io.ts'
import { writeDataFiles } from '../src/table/data-files.ts'
import { createManifestCache } from '../src/table/manifest-cache.ts'
import type { TableContext } from '../src/table/staged-table.ts'

/** Time as the simulated writers see it: it passes when they say so. It begins now, as files carry the machine's time. */
export class DayClock implements Clock {
  #nowMs = Date.now()

  nowMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number): Promise<void> {
    this.pass(ms)
  }

  pass(ms: number): void {
    this.#nowMs += ms
  }
}

/**
 * A catalog of its own at simulated times, its pointers in memory, over real files that are not forced to the disk: a crash of the
 * machine is no matter here.
 */
export async function openDayContext(
  { context }: Platform,
  folder: string,
  clock: Clock,
): Promise<TableContext> {
  const io = withoutSync(createLocalFileIO())
  const { random } = context
  const store = await createLibsqlStore({ file: ':memory:', clock })
  const catalog = createLocalCatalog({ ...{ store, io, clock, random }, root: `file://${folder}/day` })
  await catalog.createNamespace(['bench'])
  return { io, catalog, clock, random, manifests: createManifestCache() }
}

function withoutSync(io: FileIO): FileIO {
  return {
    read: location => io.read(location),
    create: (location, bytes) => writeFile(io.toEnginePath(location), bytes, { flag: 'wx' }),
    sync: async () => undefined,
    stat: location => io.stat(location),
    list: prefix => io.list(prefix),
    remove: locations => io.remove(locations),
    makeFolder: folder => io.makeFolder(folder),
    realLocation: location => io.realLocation(location),
    toEnginePath: location => io.toEnginePath(location),
    fromEnginePath: path => io.fromEnginePath(path),
  }
}

/**
 * Data files of `rows` rows each. `bodies` of them are written, no two with the same rows; those after them are links to these, one
 * after the other.
 */
export async function prepareFiles(
  context: TableContext,
  { engine }: Platform,
  { metadata }: LoadedTable,
  { rows, bodies }: { readonly rows: number; readonly bodies: number },
): Promise<() => Promise<DataFile>> {
  const written = await engine.session({ label: 'bench' }, async session => {
    const files: DataFile[] = []
    for (let body = 0; body < bodies; body += 1) {
      const select = `SELECT range AS id, TIMESTAMP '2026-01-01' + to_seconds(range) AS at, 'name-' || hash(range) AS name, random() AS amount FROM range(${body * rows}, ${(body + 1) * rows})`
      files.push(...(await writeDataFiles(context, session, metadata, { select })))
    }
    return files
  })
  assert.equal(written.length, bodies)
  let next = 0
  return async () => {
    const body = written[next % bodies]
    assert(body)
    next += 1
    const filePath = `${metadata.location}/data/${randomUuid(context.random)}_0.parquet`
    await link(context.io.toEnginePath(body.filePath), context.io.toEnginePath(filePath))
    return { ...body, filePath }
  }
}
