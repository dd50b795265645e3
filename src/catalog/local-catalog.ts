import type { Clock } from '../clock.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { newTableMetadata } from '../format/table-metadata.ts'
import { type Random, randomFraction, randomUuid } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import type {
  Catalog,
  CommitMember,
  CommitOptions,
  CommitResult,
  CreateTableRequest,
  LoadedTable,
  MutationOptions,
  NamespaceUpdate,
  NamespaceUpdateResult,
  PointInHistory,
  TableChange,
  TableVersion,
  TransactionQuery,
  TransactionRecord,
  VersionsOfTable,
} from './catalog.ts'
import {
  checkChanges,
  type PreparedChange,
  prepareChanges,
  writeChanges,
  writtenLocations,
} from './commit-tables.ts'
import { checkIdentifier, checkNamespace } from './identifier-rules.ts'
import { type KeyedRequest, keyedRequest, replayOf } from './keyed-request.ts'
import { MetadataFiles } from './metadata-files.ts'
import type { CatalogStore, PointerChange, StoreOutcome, StoreTransaction } from './store.ts'
import { namespaceNotFound, refusal, tableExists, tableNotFound } from './store-refusals.ts'
import { assignLocation, locationInside } from './table-location.ts'

const NOTE_CHARACTERS_MAX = 64 * 1024

/** How often a change is tried again after another one was faster, when it is still allowed then. */
const ATTEMPTS_MAX = 10
const ATTEMPT_DELAY_MS = 20

/** What a local catalog is made of. */
export interface LocalCatalogOptions {
  /** Closed with the catalog. */
  readonly store: CatalogStore
  readonly io: FileIO
  readonly clock: Clock
  readonly random: Random
  /** The location that every table lies in. */
  readonly root: string
}

/** The Catalog that decides by itself: metadata files on `io`, pointers in `store`. Several may share one store. */
export function createLocalCatalog(options: LocalCatalogOptions): Catalog {
  return new LocalCatalog(options)
}

class LocalCatalog implements Catalog {
  readonly #store: CatalogStore
  readonly #io: FileIO
  readonly #clock: Clock
  readonly #random: Random
  readonly #root: string
  readonly #files: MetadataFiles

  constructor(options: LocalCatalogOptions) {
    this.#store = options.store
    this.#io = options.io
    this.#clock = options.clock
    this.#random = options.random
    this.#root = options.root
    this.#files = new MetadataFiles(options.io, options.random)
  }

  async listNamespaces(): Promise<readonly (readonly string[])[]> {
    const records = await this.#store.namespaces()
    return records.map(record => record.namespace).sort(compareLevels)
  }

  async createNamespace(
    namespace: readonly string[],
    properties: Readonly<Record<string, string>> = {},
    options: MutationOptions = {},
  ): Promise<void> {
    checkNamespace(namespace)
    const request = this.#keyed('create-namespace', { namespace, properties }, options)
    const outcome = await this.#apply(request, {
      namespaceChange: { type: 'create', namespace, properties },
      pointers: [],
    })
    settle(outcome, request)
  }

  async namespaceProperties(namespace: readonly string[]): Promise<Readonly<Record<string, string>>> {
    return (await this.#requireNamespace(namespace)).properties
  }

  async updateNamespace(
    namespace: readonly string[],
    update: NamespaceUpdate,
  ): Promise<NamespaceUpdateResult> {
    const { updates = {}, removals = [] } = update
    const both = removals.find(key => Object.hasOwn(updates, key))
    if (both !== undefined) {
      throw new IngotError('REQUEST_INVALID', `property ${both} is both set and removed`)
    }
    const before = await this.namespaceProperties(namespace)
    const request = this.#keyed('update-namespace', { namespace, updates, removals }, {})
    const namespaceChange = { type: 'update', namespace, updates, removals } as const
    settle(await this.#apply(request, { namespaceChange, pointers: [] }), request)
    return {
      updated: Object.keys(updates),
      removed: removals.filter(key => Object.hasOwn(before, key)),
      missing: removals.filter(key => !Object.hasOwn(before, key)),
    }
  }

  async dropNamespace(namespace: readonly string[], options: MutationOptions = {}): Promise<void> {
    const request = this.#keyed('drop-namespace', { namespace }, options)
    settle(
      await this.#apply(request, { namespaceChange: { type: 'drop', namespace }, pointers: [] }),
      request,
    )
  }

  async listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    await this.#requireNamespace(namespace)
    const tables = await this.#store.tables(namespace)
    return tables.toSorted((a, b) => compareText(a.name, b.name))
  }

  async createTable(request: CreateTableRequest, options: MutationOptions = {}): Promise<LoadedTable> {
    const { identifier } = request
    const keyed = this.#keyed('create-table', request, options)
    const replay = await this.#findReplay(keyed, options)
    if (replay !== undefined) return onlyTable(await this.#replayResult(replay), identifier)
    let metadata: TableMetadata
    try {
      metadata = await this.stageTable(request)
    } catch (error) {
      return onlyTable(await this.#replayResult(await this.#replayAfter(error, keyed)), identifier)
    }
    const metadataLocation = await this.#files.write(metadata, null)
    const outcome = await this.#applyOrDiscard(
      keyed,
      { pointers: [{ identifier, expected: null, next: metadataLocation }] },
      [metadataLocation],
    )
    if (outcome.type === 'applied') return { identifier, metadataLocation, metadata }
    if (outcome.type === 'pointer-moved') throw tableExists(identifier)
    return onlyTable(await this.#replayResult(requireTransaction(outcome, keyed)), identifier)
  }

  async stageTable(request: CreateTableRequest): Promise<TableMetadata> {
    const { identifier } = request
    checkIdentifier(identifier)
    await this.#requireNamespace(identifier.namespace)
    if ((await this.#store.pointer(identifier)) !== undefined) throw tableExists(identifier)
    const metadata = newTableMetadata({
      uuid: randomUuid(this.#random),
      location:
        request.location === undefined
          ? assignLocation(this.#root, identifier, this.#random)
          : locationInside(this.#root, request.location),
      schema: request.schema,
      nowMs: this.#clock.nowMs(),
      ...(request.partitionSpec && { partitionSpec: request.partitionSpec }),
      ...(request.sortOrder && { sortOrder: request.sortOrder }),
      ...(request.properties && { properties: request.properties }),
      ...(request.formatVersion && { formatVersion: request.formatVersion }),
    })
    // Some engines write into a table's folders without making them (the DuckDB iceberg extension on local disks).
    await this.#io.makeFolder(`${metadata.location}/data`)
    await this.#io.makeFolder(`${metadata.location}/metadata`)
    return metadata
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    return this.#loadFrom(identifier, await this.#store.pointer(identifier))
  }

  async loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable> {
    return this.#loadFrom(identifier, await this.#store.pointerAt(identifier, point))
  }

  async dropTable(identifier: TableIdentifier, options: MutationOptions = {}): Promise<void> {
    await this.#movePointers('drop-table', { identifier }, options, identifier, expected => [
      { identifier, expected, next: null },
    ])
  }

  async renameTable(
    from: TableIdentifier,
    to: TableIdentifier,
    options: MutationOptions = {},
  ): Promise<void> {
    checkIdentifier(to)
    await this.#movePointers('rename-table', { from, to }, options, from, expected => [
      { identifier: to, expected: null, next: expected },
      { identifier: from, expected, next: null },
    ])
  }

  async commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    checkChanges(changes)
    checkNote(options.note)
    for (const change of changes) checkIdentifier(change.identifier)
    const request = this.#keyed('commit', changes, options)
    const replay = await this.#findReplay(request, options)
    if (replay !== undefined) return this.#replayResult(replay)
    for (let attempt = 1; ; attempt++) {
      let prepared: readonly PreparedChange[]
      try {
        prepared = await prepareChanges(this.#prepareContext(), changes)
      } catch (error) {
        return this.#replayResult(await this.#replayAfter(error, request))
      }
      const tables = await writeChanges(this.#files, prepared)
      const outcome = await this.#commitWritten(request, options, prepared, tables)
      if (outcome.type === 'applied') {
        // From memory: a read that fails now would pass for a commit that failed.
        return {
          transactionId: requireTransaction(outcome, request).transactionId,
          tables: tables.filter((_, index) => !prepared[index]?.change.isDrop),
        }
      }
      if (outcome.type !== 'pointer-moved') return this.#replayResult(requireTransaction(outcome, request))
      if (attempt === ATTEMPTS_MAX) throw refusal(outcome)
      // Another commit was faster. The requirements decide whether this one may still follow it.
      await this.#pause(attempt)
    }
  }

  async findCommit(idempotencyKey: string): Promise<CommitResult | undefined> {
    const record = await this.#store.giveUpKey(idempotencyKey, this.#clock.nowMs())
    if (record.type === 'given-up' || record.transaction === undefined) return undefined
    return this.#toResult(record.transaction)
  }

  async findMember(member: CommitMember): Promise<CommitResult | undefined> {
    const record = await this.#store.findKey(member.idempotencyKey)
    const transaction = record && replayOf(record, member)
    return transaction && this.#replayResult(transaction)
  }

  transactions(query: TransactionQuery = {}): Promise<readonly TransactionRecord[]> {
    return this.#store.transactions(query)
  }

  tableVersions(): Promise<readonly TableVersion[]> {
    return this.#store.versions()
  }

  async forgetVersions(
    versions: readonly VersionsOfTable[],
    options: { readonly removed?: boolean } = {},
  ): Promise<void> {
    await this.#store.forgetVersions(versions, options.removed ?? false)
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  #commitWritten(
    request: KeyedRequest,
    options: CommitOptions,
    prepared: readonly PreparedChange[],
    tables: readonly LoadedTable[],
  ): Promise<StoreOutcome> {
    const pointers = tables.map(
      ({ identifier, metadataLocation }, index): PointerChange => ({
        identifier,
        expected: prepared[index]?.base?.metadataLocation ?? null,
        next: prepared[index]?.change.isDrop ? null : metadataLocation,
      }),
    )
    const { note, members } = options
    const transaction = { pointers, ...(note && { note }), ...(members && { members }) }
    return this.#applyOrDiscard(request, transaction, writtenLocations(prepared, tables))
  }

  /** Changes pointers that follow from where `identifier` is now; tries again when it moves meanwhile. */
  async #movePointers(
    operation: string,
    payload: unknown,
    options: MutationOptions,
    identifier: TableIdentifier,
    pointersFrom: (current: string) => readonly PointerChange[],
  ): Promise<void> {
    const request = this.#keyed(operation, payload, options)
    if ((await this.#findReplay(request, options)) !== undefined) return
    for (let attempt = 1; ; attempt++) {
      const current = await this.#store.pointer(identifier)
      if (current === undefined) return void (await this.#replayAfter(tableNotFound(identifier), request))
      const pointers = pointersFrom(current)
      const outcome = await this.#apply(request, { pointers })
      if (outcome.type === 'pointer-moved' && isCreated(pointers, outcome.identifier)) {
        throw tableExists(outcome.identifier)
      }
      if (outcome.type !== 'pointer-moved' || attempt === ATTEMPTS_MAX) return void settle(outcome, request)
      await this.#pause(attempt)
    }
  }

  #keyed(operation: string, payload: unknown, options: MutationOptions): KeyedRequest {
    return keyedRequest(operation, payload, options.idempotencyKey, this.#random)
  }

  async #findReplay(request: KeyedRequest, options: MutationOptions): Promise<TransactionRecord | undefined> {
    if (options.idempotencyKey === undefined) return undefined
    const record = await this.#store.findKey(request.idempotencyKey)
    return record && replayOf(record, request)
  }

  /**
   * The same request may have been sent twice and applied meanwhile: what refuses this one then is its own effect.
   * @throws `error` when it was not
   */
  async #replayAfter(error: unknown, request: KeyedRequest): Promise<TransactionRecord> {
    const record = await this.#store.findKey(request.idempotencyKey)
    const transaction = record && replayOf(record, request)
    if (transaction === undefined) throw error
    return transaction
  }

  #apply(
    request: KeyedRequest,
    transaction: Omit<StoreTransaction, 'nowMs' | keyof KeyedRequest>,
  ): Promise<StoreOutcome> {
    return this.#store.apply({ ...request, ...transaction, nowMs: this.#clock.nowMs() })
  }

  /** Removes the files that the request wrote when it certainly was not applied; when that is unknown, they stay. */
  async #applyOrDiscard(
    request: KeyedRequest,
    transaction: Omit<StoreTransaction, 'nowMs' | keyof KeyedRequest>,
    written: readonly string[],
  ): Promise<StoreOutcome> {
    let outcome: StoreOutcome
    try {
      outcome = await this.#apply(request, transaction)
    } catch (error) {
      if (isIngotError(error, 'CATALOG_UNAVAILABLE')) await this.#files.discard(written)
      throw error
    }
    if (outcome.type !== 'applied') await this.#files.discard(written)
    return outcome
  }

  async #requireNamespace(
    namespace: readonly string[],
  ): Promise<{ properties: Readonly<Record<string, string>> }> {
    const record = await this.#store.namespace(namespace)
    if (record === undefined) throw namespaceNotFound(namespace)
    return record
  }

  async #loadFrom(identifier: TableIdentifier, metadataLocation: string | undefined): Promise<LoadedTable> {
    if (metadataLocation === undefined) throw tableNotFound(identifier)
    return { identifier, metadataLocation, metadata: await this.#files.read(metadataLocation) }
  }

  /** What a request that was applied before did. It was: so a failure to read it says nothing against that. */
  async #replayResult(transaction: TransactionRecord): Promise<CommitResult> {
    try {
      return await this.#toResult(transaction)
    } catch (cause) {
      throw new IngotError(
        'COMMIT_STATE_UNKNOWN',
        'the commit was applied before, but its tables cannot be read now',
        {
          cause,
          hint: 'ask findCommit when the storage answers again; delete nothing',
          context: { transactionId: transaction.transactionId },
        },
      )
    }
  }

  async #toResult(transaction: TransactionRecord): Promise<CommitResult> {
    const tables = await Promise.all(
      transaction.pointers.flatMap(({ identifier, metadataLocation }) =>
        metadataLocation === null ? [] : [this.#loadFrom(identifier, metadataLocation)],
      ),
    )
    return { transactionId: transaction.transactionId, tables }
  }

  #prepareContext() {
    return {
      store: this.#store,
      files: this.#files,
      random: this.#random,
      root: this.#root,
      nowMs: this.#clock.nowMs(),
    }
  }

  async #pause(attempt: number): Promise<void> {
    await this.#clock.sleep(ATTEMPT_DELAY_MS * attempt * randomFraction(this.#random))
  }
}

/** The transaction of a request that was applied, now or before; undefined when it names no table. @throws otherwise */
function settle(outcome: StoreOutcome, request: KeyedRequest): TransactionRecord | undefined {
  if (outcome.type === 'applied') return outcome.transaction
  if (outcome.type !== 'key-spent') throw refusal(outcome)
  if (outcome.idempotencyKey === request.idempotencyKey) return replayOf(outcome.record, request)
  throw new IngotError('COMMIT_CONFLICT', `member ${outcome.idempotencyKey} was granted or given up before`, {
    retryable: true,
    hint: 'ask findMember for each member, and commit those that are new under a new key',
    context: { member: outcome.idempotencyKey },
  })
}

function requireTransaction(outcome: StoreOutcome, request: KeyedRequest): TransactionRecord {
  const transaction = settle(outcome, request)
  if (transaction !== undefined) return transaction
  throw new IngotError('METADATA_INVALID', `the transaction of key ${request.idempotencyKey} is missing`, {
    hint: 'the catalog store was changed by hand or damaged: restore it',
  })
}

function isCreated(pointers: readonly PointerChange[], identifier: TableIdentifier): boolean {
  const key = identifierKey(identifier)
  return pointers.some(change => change.expected === null && identifierKey(change.identifier) === key)
}

function onlyTable(result: CommitResult, identifier: TableIdentifier): LoadedTable {
  const [table] = result.tables
  if (table !== undefined) return table
  throw new IngotError(
    'METADATA_INVALID',
    `the creation of ${formatIdentifier(identifier)} is missing in the history`,
  )
}

function checkNote(note: Readonly<Record<string, unknown>> | undefined): void {
  const size = note === undefined ? 0 : jsonLength(note)
  if (size <= NOTE_CHARACTERS_MAX) return
  throw new IngotError('REQUEST_INVALID', `a note has at most ${NOTE_CHARACTERS_MAX} characters, not ${size}`)
}

function jsonLength(note: Readonly<Record<string, unknown>>): number {
  try {
    return JSON.stringify(note).length
  } catch (cause) {
    throw new IngotError('REQUEST_INVALID', `a note holds JSON values: ${(cause as Error).message}`, {
      cause,
    })
  }
}

function compareLevels(a: readonly string[], b: readonly string[]): number {
  for (const [index, level] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    if (level !== other) return compareText(level, other)
  }
  return a.length - b.length
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
