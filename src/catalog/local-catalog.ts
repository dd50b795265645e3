import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { newTableMetadata } from '../format/table-metadata.ts'
import { type Random, randomUuid } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type {
  Catalog,
  CommitMember,
  CommitOptions,
  CommitResult,
  CreateTableRequest,
  CreateViewRequest,
  DropOptions,
  LoadedTable,
  LoadedView,
  MutationOptions,
  NamespaceUpdate,
  NamespaceUpdateResult,
  PointInHistory,
  RegisterRequest,
  RegisterTableRequest,
  TableChange,
  TableVersion,
  TransactionQuery,
  TransactionRecord,
  VersionsOfTable,
  ViewChange,
} from './catalog.ts'
import { requireNotShared } from './clone-metadata.ts'
import {
  checkChanges,
  type PreparedChange,
  prepareChanges,
  writeChanges,
  writtenLocations,
} from './commit-tables.ts'
import { checkForeignMetadata, readForeign, requireManifestList } from './foreign-metadata.ts'
import { requireFreeLocation } from './free-location.ts'
import { checkIdentifier, checkNamespace } from './identifier-rules.ts'
import { ATTEMPTS_MAX, KeyedChanges, requireTransaction, settle } from './keyed-changes.ts'
import type { KeyedRequest } from './keyed-request.ts'
import { replayOf } from './keyed-request.ts'
import { LocalViews } from './local-views.ts'
import { type MetadataFiles, tableMetadataFiles } from './metadata-files.ts'
import { requireFamilyOfFolder } from './past-version.ts'
import type { CatalogStore, PointerChange, StoreOutcome } from './store.ts'
import { compareText, requireNameFree, requireNamespace, sortByName } from './store-reads.ts'
import { nameTaken, notFound, refusal } from './store-refusals.ts'
import { makeTableFolders } from './table-folders.ts'
import { assignLocation, locationInside } from './table-location.ts'

const NOTE_CHARACTERS_MAX = 64 * 1024

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
  readonly #files: MetadataFiles<TableMetadata>
  readonly #changes: KeyedChanges
  readonly #views: LocalViews

  constructor(options: LocalCatalogOptions) {
    this.#store = options.store
    this.#io = options.io
    this.#clock = options.clock
    this.#random = options.random
    this.#root = options.root
    this.#files = tableMetadataFiles(options.io, options.random)
    this.#changes = new KeyedChanges(options.store, options.clock, options.random)
    this.#views = new LocalViews(options, this.#changes)
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
    const request = this.#changes.request('create-namespace', { namespace, properties }, options)
    const outcome = await this.#changes.apply(request, {
      namespaceChange: { type: 'create', namespace, properties },
      pointers: [],
    })
    settle(outcome, request)
  }

  async namespaceProperties(namespace: readonly string[]): Promise<Readonly<Record<string, string>>> {
    return (await requireNamespace(this.#store, namespace)).properties
  }

  async updateNamespace(
    namespace: readonly string[],
    update: NamespaceUpdate,
    options: MutationOptions = {},
  ): Promise<NamespaceUpdateResult> {
    const { updates = {}, removals = [] } = update
    const both = removals.find(key => Object.hasOwn(updates, key))
    if (both !== undefined) {
      throw new IngotError('REQUEST_CONTRADICTORY', `property ${both} is both set and removed`)
    }
    const before = (await this.#store.namespace(namespace))?.properties ?? {}
    const request = this.#changes.request('update-namespace', { namespace, updates, removals }, options)
    const namespaceChange = { type: 'update', namespace, updates, removals } as const
    const outcome = await this.#changes.apply(request, { namespaceChange, pointers: [] })
    settle(outcome, request)
    const updated = Object.keys(updates)
    // Which of them were there is no longer known.
    if (outcome.type !== 'applied') return { updated, removed: removals, missing: [] }
    return {
      updated,
      removed: removals.filter(key => Object.hasOwn(before, key)),
      missing: removals.filter(key => !Object.hasOwn(before, key)),
    }
  }

  async dropNamespace(namespace: readonly string[], options: MutationOptions = {}): Promise<void> {
    const request = this.#changes.request('drop-namespace', { namespace }, options)
    settle(
      await this.#changes.apply(request, { namespaceChange: { type: 'drop', namespace }, pointers: [] }),
      request,
    )
  }

  async listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    await requireNamespace(this.#store, namespace)
    const tables = await this.#store.tables(namespace)
    return sortByName(tables)
  }

  async createTable(request: CreateTableRequest, options: MutationOptions = {}): Promise<LoadedTable> {
    const { identifier } = request
    const keyed = this.#changes.request('create-table', request, options)
    const replay = await this.#changes.findReplay(keyed, options)
    if (replay !== undefined) return onlyTable(await this.#replayResult(replay), identifier)
    let metadata: TableMetadata
    try {
      metadata = await this.stageTable(request)
    } catch (error) {
      return onlyTable(await this.#replayResult(await this.#changes.replayAfter(error, keyed)), identifier)
    }
    const metadataLocation = await this.#files.write(metadata, null)
    const outcome = await this.#changes.applyOrDiscard(
      keyed,
      { pointers: [{ identifier, expected: null, next: metadataLocation }] },
      () => this.#files.discard([metadataLocation]),
    )
    if (outcome.type === 'applied') return { identifier, metadataLocation, metadata }
    if (outcome.type === 'pointer-moved') throw nameTaken(identifier)
    return onlyTable(await this.#replayResult(requireTransaction(outcome, keyed)), identifier)
  }

  async stageTable(request: CreateTableRequest): Promise<TableMetadata> {
    const { identifier } = request
    checkIdentifier(identifier)
    requireNotShared(identifier, request.properties ?? {})
    await requireNamespace(this.#store, identifier.namespace)
    await requireNameFree(this.#store, identifier)
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
    checkForeignMetadata(this.#root, metadata, null)
    if (request.location !== undefined) {
      await requireFreeLocation(this.#prepareContext(), { identifier, location: metadata.location })
    }
    await makeTableFolders(this.#io, metadata.location)
    return metadata
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    return this.#loadFrom(identifier, await this.#store.pointer(identifier))
  }

  async loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable> {
    return this.#loadFrom(identifier, await this.#store.pointerAt(identifier, point))
  }

  async dropTable(identifier: TableIdentifier, options: DropOptions = {}): Promise<void> {
    const { purgeRequested = false } = options
    await this.#changes.movePointers({
      operation: 'drop-table',
      payload: purgeRequested ? { identifier, purgeRequested } : { identifier },
      options,
      identifier,
      kind: 'table',
      ...(purgeRequested && { note: { purgeRequested } }),
      pointersFrom: expected => [{ identifier, expected, next: null }],
    })
  }

  async unregisterTable(identifier: TableIdentifier, options: MutationOptions = {}): Promise<LoadedTable> {
    const { transactionId } = await this.#changes.movePointers({
      operation: 'unregister-table',
      payload: { identifier },
      options,
      identifier,
      kind: 'table',
      note: { unregistered: true },
      pointersFrom: expected => [{ identifier, expected, next: null }],
    })
    return await this.loadTableAt(identifier, { transactionId: transactionId - 1 })
  }

  async renameTable(
    from: TableIdentifier,
    to: TableIdentifier,
    options: MutationOptions = {},
  ): Promise<void> {
    checkIdentifier(to)
    await this.#changes.movePointers({
      operation: 'rename-table',
      payload: { from, to },
      options,
      identifier: from,
      kind: 'table',
      pointersFrom: expected => [
        { identifier: to, expected: null, next: expected },
        { identifier: from, expected, next: null },
      ],
    })
  }

  async registerTable(request: RegisterTableRequest, options: MutationOptions = {}): Promise<LoadedTable> {
    const { identifier, overwrite = false } = request
    checkIdentifier(identifier)
    const keyed = this.#changes.request('register-table', request, options)
    const replay = await this.#changes.findReplay(keyed, options)
    if (replay !== undefined) return onlyTable(await this.#replayResult(replay), identifier)
    let table: LoadedTable
    let expected: string | undefined
    try {
      await requireNamespace(this.#store, identifier.namespace)
      if (overwrite) expected = await this.#store.pointer(identifier)
      if (expected === undefined) await requireNameFree(this.#store, identifier)
      table = await this.#readForeign(request)
      await requireFamilyOfFolder({ store: this.#store, files: this.#files }, table)
    } catch (error) {
      return onlyTable(await this.#replayResult(await this.#changes.replayAfter(error, keyed)), identifier)
    }
    const pointer = { identifier, expected: expected ?? null, next: table.metadataLocation }
    const outcome = await this.#changes.apply(keyed, { pointers: [pointer] })
    if (outcome.type === 'applied') return table
    if (outcome.type === 'pointer-moved') throw overwrite ? refusal(outcome) : nameTaken(identifier)
    return onlyTable(await this.#replayResult(requireTransaction(outcome, keyed)), identifier)
  }

  listViews(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.#views.list(namespace)
  }

  createView(request: CreateViewRequest, options?: MutationOptions): Promise<LoadedView> {
    return this.#views.create(request, options)
  }

  registerView(request: RegisterRequest, options?: MutationOptions): Promise<LoadedView> {
    return this.#views.register(request, options)
  }

  loadView(identifier: TableIdentifier): Promise<LoadedView> {
    return this.#views.load(identifier)
  }

  replaceView(change: ViewChange, options?: MutationOptions): Promise<LoadedView> {
    return this.#views.replace(change, options)
  }

  dropView(identifier: TableIdentifier, options?: MutationOptions): Promise<void> {
    return this.#views.drop(identifier, options)
  }

  renameView(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void> {
    return this.#views.rename(from, to, options)
  }

  async commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    checkChanges(changes)
    checkNote(options.note)
    for (const change of changes) checkIdentifier(change.identifier)
    const request = this.#changes.request('commit', changes, options)
    const replay = await this.#changes.findReplay(request, options)
    if (replay !== undefined) return this.#replayResult(replay)
    for (let attempt = 1; ; attempt++) {
      let prepared: readonly PreparedChange[]
      try {
        prepared = await prepareChanges(this.#prepareContext(), changes)
      } catch (error) {
        return this.#replayResult(await this.#changes.replayAfter(error, request))
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
      await this.#changes.pause(attempt)
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

  async #readForeign({ identifier, metadataLocation }: RegisterTableRequest): Promise<LoadedTable> {
    const context = { io: this.#io, root: this.#root }
    const table = await readForeign(context, this.#files, { identifier, metadataLocation })
    checkForeignMetadata(this.#root, table.metadata, null)
    await requireManifestList(context, table.metadata)
    return table
  }

  #commitWritten(
    request: KeyedRequest,
    options: CommitOptions,
    prepared: readonly PreparedChange[],
    tables: readonly LoadedTable[],
  ): Promise<StoreOutcome> {
    const pointers = tables.map(({ identifier, metadataLocation }, index): PointerChange => {
      const { base, change, origin } = prepared[index] ?? {}
      return {
        identifier,
        expected: base?.metadataLocation ?? null,
        next: change?.isDrop ? null : metadataLocation,
        ...(origin && { origin }),
      }
    })
    const { note, members } = options
    const transaction = { pointers, ...(note && { note }), ...(members && { members }) }
    return this.#changes.applyOrDiscard(request, transaction, () =>
      this.#files.discard(writtenLocations(prepared, tables)),
    )
  }

  async #loadFrom(identifier: TableIdentifier, metadataLocation: string | undefined): Promise<LoadedTable> {
    if (metadataLocation === undefined) throw notFound(identifier, 'table')
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
      transaction.pointers.flatMap(({ identifier, metadataLocation, kind }) =>
        metadataLocation === null || kind === 'view' ? [] : [this.#loadFrom(identifier, metadataLocation)],
      ),
    )
    return { transactionId: transaction.transactionId, tables }
  }

  #prepareContext() {
    return {
      store: this.#store,
      io: this.#io,
      files: this.#files,
      random: this.#random,
      root: this.#root,
      nowMs: this.#clock.nowMs(),
    }
  }
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
