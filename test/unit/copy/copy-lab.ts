import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Catalog } from '../../../src/catalog/catalog.ts'
import type { DatabaseStore } from '../../../src/catalog/database-store.ts'
import { createLibsqlStore } from '../../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../../src/catalog/local-catalog.ts'
import { systemClock } from '../../../src/clock.ts'
import { type CopyEvent, type CopyReport, type CopySide, copyLake } from '../../../src/copy/copy-lake.ts'
import { systemRandom } from '../../../src/random.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import type { Engine } from '../../../src/table/engine.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import type { TableContext } from '../../../src/table/staged-table.ts'
import { TableLab } from '../../support/table-lab.ts'

/** A lake of tables, and the folder that it is copied to. Dispose of it. */
export class CopyLab implements AsyncDisposable {
  readonly tables: TableLab
  /** Of the copy. */
  readonly folder: string
  readonly store: DatabaseStore
  readonly sourceStore: DatabaseStore

  private constructor(tables: TableLab, folder: string, store: DatabaseStore, sourceStore: DatabaseStore) {
    this.tables = tables
    this.folder = folder
    this.store = store
    this.sourceStore = sourceStore
  }

  static async open(): Promise<CopyLab> {
    const tables = await TableLab.open()
    const folder = await mkdtemp(join(tmpdir(), 'ingot-copy-'))
    const storeIn = (parent: string): Promise<DatabaseStore> =>
      createLibsqlStore({ file: join(parent, 'catalog.db'), clock: systemClock })
    return new CopyLab(tables, folder, await storeIn(folder), await storeIn(tables.folder))
  }

  /** `io` replaces the storage of the target. */
  async copy(io = createLocalFileIO(), onEvent?: (event: CopyEvent) => void): Promise<CopyReport> {
    return await this.copyTo(`file://${this.folder}`, this.store, io, onEvent)
  }

  async copyTo(
    root: string,
    store: DatabaseStore,
    io = createLocalFileIO(),
    onEvent: (event: CopyEvent) => void = () => undefined,
  ): Promise<CopyReport> {
    return await copyLake({
      source: this.#side(`file://${this.tables.folder}`, this.sourceStore, createLocalFileIO()),
      target: this.#side(root, store, io),
      random: systemRandom,
      tempFolder: join(this.tables.folder, 'temp'),
      signal: new AbortController().signal,
      onEvent,
    })
  }

  /** A side of the copy; both use the one session of the lab. */
  #side(root: string, store: DatabaseStore, io: TableContext['io']): CopySide {
    const engine: Engine = {
      session: (_options, work) => work(this.tables.session),
      workersMax: 1,
      close: async () => undefined,
    }
    return { root, store, engine, context: { io, manifests: createManifestCache() } }
  }

  /** The catalog of the copy, over its store. */
  copied(): Catalog {
    return createLocalCatalog({
      store: this.store,
      io: createLocalFileIO(),
      clock: systemClock,
      random: systemRandom,
      root: `file://${this.folder}`,
    })
  }

  /** Runs `work` while nothing is where the source was. */
  async withoutSource<T>(work: () => Promise<T>): Promise<T> {
    const aside = `${this.tables.folder}-aside`
    await rename(join(this.tables.folder, 'lab'), aside)
    try {
      return await work()
    } finally {
      await rename(aside, join(this.tables.folder, 'lab'))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sourceStore.close()
    await this.store.close()
    await this.tables.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
