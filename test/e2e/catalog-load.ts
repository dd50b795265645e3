import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Catalog, LoadedTable, TableChange } from '../../src/catalog/catalog.ts'
import { RestAppender } from '../../src/catalog/rest-appender.ts'
import { createRestCatalog } from '../../src/catalog/rest-catalog.ts'
import { RestClient } from '../../src/catalog/rest-client.ts'
import { systemClock } from '../../src/clock.ts'
import { isIngotError } from '../../src/errors.ts'
import type { DataFile } from '../../src/format/manifest-types.ts'
import { currentSnapshot } from '../../src/format/snapshot.ts'
import { systemRandom } from '../../src/random.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import { loadEntries, loadManifests } from '../../src/table/manifests.ts'
import { openTable } from '../../src/table/stage.ts'
import { stageAppend } from '../../src/table/stage-delta.ts'
import { tableRequest } from '../conformance/catalog-samples.ts'
import {
  awaitCatalog,
  checkLogicalCommits,
  commitLogically,
  createCountedTables,
  type WriterTally,
} from '../support/logical-commits.ts'
import { until } from './ingot-process.ts'

/** The storage that clients and catalogs have in common. */
const FILES = { io: createLocalFileIO(), manifests: createManifestCache() }
const APPENDED = { namespace: ['counted'], name: 'appended' }

/** How many clients do what at once. */
interface Clients {
  /** Each commits to the same two tables in one transaction, and meets the others. */
  readonly committers: number
  /** Each hands in files for a third table. */
  readonly appenders: number
}

/**
 * Clients that write through catalogs, each request by the next of them, as fast as they are answered. What each was told is
 * done is remembered, to be compared with what is there in the end.
 */
export class CatalogLoad {
  readonly tally: WriterTally = { conflicts: 0, unavailable: 0, unknown: 0 }
  readonly #catalogs: readonly Catalog[]
  readonly #appenders: readonly RestAppender[]
  readonly #committed: string[] = []
  readonly #appended: string[] = []
  readonly #clients: Promise<unknown>
  #turn = 0
  #isOver = false

  /** @param urls of catalogs over one lake, which has no such tables yet */
  static async begin(urls: readonly string[], clients: Clients): Promise<CatalogLoad> {
    const [catalog] = clientsOf(urls)
    assert(catalog)
    await createCountedTables(catalog)
    return new CatalogLoad(urls, clients, await catalog.createTable(tableRequest(APPENDED)))
  }

  private constructor(urls: readonly string[], clients: Clients, appended: LoadedTable) {
    this.#catalogs = clientsOf(urls)
    this.#appenders = urls.map(url => new RestAppender(new RestClient(patienceOf(url))))
    const start = (count: number, work: (client: number) => Promise<void>): Promise<void>[] =>
      Array.from({ length: count }, (_, client) => work(client))
    this.#clients = Promise.all([
      ...start(clients.committers, client => this.#commit(client)),
      ...start(clients.appenders, () => this.#append(appended)),
    ])
    // One that fails ends the others; `end` says why.
    this.#clients.catch(() => {
      this.#isOver = true
    })
  }

  /** How much was done so far. */
  get count(): number {
    return this.#committed.length + this.#appended.length
  }

  /** Resolves when so much more is done; rejects with what made a client fail. */
  async untilDone(more: number): Promise<void> {
    const wanted = this.count + more
    const done = until(`${more} more commits or appends`, () => (this.count >= wanted ? true : undefined))
    await Promise.race([this.#clients, done])
  }

  /** Each client ends what it is at. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#clients
  }

  /** Nothing that was acknowledged is lost, nothing is there twice, and nothing else is there. */
  async check(): Promise<void> {
    const [catalog] = this.#catalogs
    assert(catalog)
    await checkLogicalCommits(catalog, this.#committed)
    const { metadata } = await catalog.loadTable(APPENDED)
    const manifests = await loadManifests(FILES, currentSnapshot(metadata))
    const entries = await Promise.all(manifests.map(manifest => loadEntries(FILES, metadata, manifest)))
    assert.deepEqual(
      entries
        .flat()
        .map(({ file }) => file.filePath)
        .toSorted(),
      this.#appended.toSorted(),
    )
  }

  async #commit(client: number): Promise<void> {
    const stage = (table: LoadedTable): Promise<TableChange> => this.#stageFile(table)
    for (let commit = 0; !this.#isOver; commit += 1) {
      // The name's length says in which order it names the tables.
      const logicalId = `${'c'.repeat(client + 1)}-${String(commit).padStart(6, '0')}`
      await commitLogically(() => this.#next(this.#catalogs), logicalId, this.tally, stage)
      this.#committed.push(logicalId)
    }
  }

  /** An append whose manifests are written, of a file that nobody reads. */
  async #stageFile(table: LoadedTable): Promise<TableChange> {
    const catalog = this.#next(this.#catalogs)
    const context = { ...FILES, catalog, clock: systemClock, random: systemRandom }
    const files = [dataFile(newPath(table))]
    const { identifier, requirements, updates } = await stageAppend(
      context,
      openTable(table, Date.now()),
      files,
    )
    return { identifier, requirements, updates }
  }

  async #append(table: LoadedTable): Promise<void> {
    while (!this.#isOver) {
      const filePath = newPath(table)
      await this.#appendFile(table, filePath)
      this.#appended.push(filePath)
    }
  }

  /** Under one key until it is answered: what is unknown is settled by asking again. */
  async #appendFile(table: LoadedTable, filePath: string): Promise<void> {
    const append = {
      idempotencyKey: randomUUID(),
      beganAtMs: Date.now(),
      files: [dataFile(filePath)],
    }
    for (;;) {
      try {
        await this.#next(this.#appenders).append(table, append)
        return
      } catch (error) {
        if (isIngotError(error, 'COMMIT_STATE_UNKNOWN')) {
          this.tally.unknown += 1
        } else {
          await awaitCatalog(error)
          this.tally.unavailable += 1
        }
      }
    }
  }

  #next<T>(these: readonly T[]): T {
    this.#turn += 1
    return these[this.#turn % these.length] ?? assert.fail('there is a catalog')
  }
}

function newPath({ metadata }: LoadedTable): string {
  return `${metadata.location}/data/${randomUUID()}.parquet`
}

function dataFile(filePath: string): DataFile {
  const facts = { recordCount: 1, fileSizeBytes: 1000, partition: [] }
  return { content: 'data', fileFormat: 'PARQUET', filePath, ...facts }
}

/** The clients here see each loss themselves. */
function patienceOf(url: string) {
  const defaults = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch }
  return { url, ...defaults, attemptsMax: 1, timeoutMs: 60_000 }
}

function clientsOf(urls: readonly string[]): readonly Catalog[] {
  return urls.map(url => createRestCatalog(patienceOf(url)))
}
