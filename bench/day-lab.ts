import { link, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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

/** A catalog of its own at simulated times, over real files that are not forced to the disk: a crash of the machine is no matter here. */
export async function openDayContext(
  { context }: Platform,
  folder: string,
  clock: Clock,
): Promise<TableContext> {
  const io = withoutSync(createLocalFileIO())
  const { random } = context
  const store = await createLibsqlStore({ file: join(folder, 'day.db'), clock })
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

/** Data files of `rows` rows: one is written, and each further one is a link to it. */
export async function prepareFiles(
  context: TableContext,
  { engine }: Platform,
  { metadata }: LoadedTable,
  rows: number,
): Promise<() => Promise<DataFile>> {
  const select = `SELECT range AS id, TIMESTAMP '2026-01-01' + to_seconds(range) AS at, 'name-' || hash(range) AS name, random() AS amount FROM range(${rows})`
  const [written] = await engine.session({ label: 'bench' }, session =>
    writeDataFiles(context, session, metadata, { select }),
  )
  if (written === undefined) throw new Error('no file was written')
  return async () => {
    const filePath = `${metadata.location}/data/${randomUuid(context.random)}_0.parquet`
    await link(context.io.toEnginePath(written.filePath), context.io.toEnginePath(filePath))
    return { ...written, filePath }
  }
}
