import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Catalog } from '../../src/catalog/catalog.ts'
import type { DatabaseStore } from '../../src/catalog/database-store.ts'
import { createLibsqlStore } from '../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../src/catalog/local-catalog.ts'
import type { CatalogStore } from '../../src/catalog/store.ts'
import { systemRandom } from '../../src/random.ts'
import { createHttpApp } from '../../src/server/http-app.ts'
import { createIcebergRest } from '../../src/server/iceberg-rest.ts'
import { type HttpServer, serveHttp } from '../../src/server/serve-http.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { CatalogFixture } from './catalog-check.ts'
import { eagerClock } from './catalog-samples.ts'

/** A local catalog over a folder of its own; `open` gives another one over the same files, as another process has. */
export interface LocalFixture extends CatalogFixture {
  readonly folder: string
  open(): Promise<Catalog>
}

/** @param openStore the store of the catalog in this folder; left out: a file in it */
export async function openLocalFixture(
  openStore = (folder: string): Promise<CatalogStore> =>
    createLibsqlStore({ file: join(folder, 'catalog.db'), clock: eagerClock }),
): Promise<LocalFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-catalog-'))
  const io = createLocalFileIO()
  const root = `file://${folder}/lake`
  const opened: Catalog[] = []
  const open = async (): Promise<Catalog> => {
    const store = await openStore(folder)
    const catalog = createLocalCatalog({ store, io, clock: eagerClock, random: systemRandom, root })
    opened.push(catalog)
    return catalog
  }
  const catalog = await open()
  const dispose = async (): Promise<void> => {
    for (const each of opened) await each.close()
    await rm(folder, { recursive: true })
  }
  return { catalog, io, root, folder, open, dispose }
}

/** The REST server over a catalog, on a free port. */
export function serveCatalog(catalog: Catalog): Promise<HttpServer> {
  const metrics = createMetrics()
  const routes = [createIcebergRest({ catalog, random: systemRandom, metrics })]
  const app = createHttpApp({ metrics, log: createLog({ level: 'silent' }), routes })
  return serveHttp({ app, port: 0 })
}

/** Embedded stores over one new file. */
export interface LibsqlStores {
  readonly file: string
  open(): Promise<DatabaseStore>
  dispose(): Promise<void>
}

export async function openLibsqlStores(): Promise<LibsqlStores> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-store-'))
  const file = join(folder, 'catalog.db')
  const opened: DatabaseStore[] = []
  const open = async (): Promise<DatabaseStore> => {
    const store = await createLibsqlStore({ file, clock: eagerClock })
    opened.push(store)
    return store
  }
  const dispose = async (): Promise<void> => {
    for (const store of opened) await store.close()
    await rm(folder, { recursive: true })
  }
  return { file, open, dispose }
}
