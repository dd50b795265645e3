import type { Clock } from '../clock.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { ViewMetadata, ViewUpdate } from '../format/view-types.ts'
import { applyViewUpdates, checkViewRequirements } from '../format/view-updates.ts'
import { type Random, randomUuid } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type {
  CreateViewRequest,
  LoadedView,
  MutationOptions,
  RegisterRequest,
  TransactionRecord,
  ViewChange,
} from './catalog.ts'
import { readForeign } from './foreign-metadata.ts'
import { requireFreeLocation } from './free-location.ts'
import { checkIdentifier } from './identifier-rules.ts'
import { ATTEMPTS_MAX, type KeyedChanges, requireTransaction } from './keyed-changes.ts'
import type { KeyedRequest } from './keyed-request.ts'
import { type MetadataFiles, viewMetadataFiles } from './metadata-files.ts'
import type { CatalogStore, PointerChange } from './store.ts'
import { requireNameFree, requireNamespace, sortByName } from './store-reads.ts'
import { nameTaken, notFound, refusal } from './store-refusals.ts'
import { assignLocation, locationInside } from './table-location.ts'

/** What the views of a local catalog are made of. */
interface LocalViewsOptions {
  readonly store: CatalogStore
  readonly io: FileIO
  readonly clock: Clock
  readonly random: Random
  readonly root: string
}

/** The views of a LocalCatalog (Iceberg view spec): metadata files of their own, pointers beside those of tables. */
export class LocalViews {
  readonly #store: CatalogStore
  readonly #io: FileIO
  readonly #clock: Clock
  readonly #random: Random
  readonly #root: string
  readonly #files: MetadataFiles<ViewMetadata>
  readonly #changes: KeyedChanges

  constructor(options: LocalViewsOptions, changes: KeyedChanges) {
    this.#store = options.store
    this.#io = options.io
    this.#clock = options.clock
    this.#random = options.random
    this.#root = options.root
    this.#files = viewMetadataFiles(options.io, options.random)
    this.#changes = changes
  }

  async list(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    await requireNamespace(this.#store, namespace)
    return sortByName(await this.#store.views(namespace))
  }

  async load(identifier: TableIdentifier): Promise<LoadedView> {
    const metadataLocation = await this.#store.pointer(identifier, 'view')
    if (metadataLocation === undefined) throw notFound(identifier, 'view')
    return this.#loadFrom(identifier, metadataLocation)
  }

  async create(request: CreateViewRequest, options: MutationOptions = {}): Promise<LoadedView> {
    const { identifier } = request
    checkIdentifier(identifier)
    const keyed = this.#changes.request('create-view', request, options)
    const replay = await this.#changes.findReplay(keyed, options)
    if (replay !== undefined) return this.#replayed(replay, identifier)
    let metadata: ViewMetadata
    try {
      await requireNamespace(this.#store, identifier.namespace)
      await requireNameFree(this.#store, identifier)
      metadata = this.#newView(request)
      if (request.location !== undefined) await this.#requireFree(identifier, metadata)
    } catch (error) {
      return this.#replayed(await this.#changes.replayAfter(error, keyed), identifier)
    }
    const view = await this.#swap(keyed, { identifier, metadata, base: null })
    if (view === undefined) throw nameTaken(identifier)
    return view
  }

  async replace(change: ViewChange, options: MutationOptions = {}): Promise<LoadedView> {
    const { identifier } = change
    const keyed = this.#changes.request('replace-view', change, options)
    const replay = await this.#changes.findReplay(keyed, options)
    if (replay !== undefined) return this.#replayed(replay, identifier)
    for (let attempt = 1; ; attempt++) {
      let base: LoadedView
      let metadata: ViewMetadata
      try {
        base = await this.load(identifier)
        metadata = this.#updated(change, base)
        if (metadata.location !== base.metadata.location) await this.#requireFree(identifier, metadata)
      } catch (error) {
        return this.#replayed(await this.#changes.replayAfter(error, keyed), identifier)
      }
      const view = await this.#swap(keyed, { identifier, metadata, base })
      if (view !== undefined) return view
      if (attempt === ATTEMPTS_MAX) throw refusal({ type: 'pointer-moved', identifier })
      // Another change was faster. The requirements decide whether this one may still follow it.
      await this.#changes.pause(attempt)
    }
  }

  async register(request: RegisterRequest, options: MutationOptions = {}): Promise<LoadedView> {
    const { identifier } = request
    checkIdentifier(identifier)
    const keyed = this.#changes.request('register-view', request, options)
    const replay = await this.#changes.findReplay(keyed, options)
    if (replay !== undefined) return this.#replayed(replay, identifier)
    let view: LoadedView
    try {
      await requireNamespace(this.#store, identifier.namespace)
      await requireNameFree(this.#store, identifier)
      view = await readForeign({ io: this.#io, root: this.#root }, this.#files, request)
      locationInside(this.#root, view.metadata.location)
    } catch (error) {
      return this.#replayed(await this.#changes.replayAfter(error, keyed), identifier)
    }
    const pointer: PointerChange = { identifier, kind: 'view', expected: null, next: view.metadataLocation }
    const outcome = await this.#changes.apply(keyed, { pointers: [pointer] })
    if (outcome.type === 'applied') return view
    if (outcome.type === 'pointer-moved') throw nameTaken(identifier)
    return this.#replayed(requireTransaction(outcome, keyed), identifier)
  }

  async drop(identifier: TableIdentifier, options: MutationOptions = {}): Promise<void> {
    await this.#changes.movePointers({
      operation: 'drop-view',
      payload: { identifier },
      options,
      identifier,
      kind: 'view',
      pointersFrom: expected => [{ identifier, kind: 'view', expected, next: null }],
    })
  }

  async rename(from: TableIdentifier, to: TableIdentifier, options: MutationOptions = {}): Promise<void> {
    checkIdentifier(to)
    await this.#changes.movePointers({
      operation: 'rename-view',
      payload: { from, to },
      options,
      identifier: from,
      kind: 'view',
      pointersFrom: expected => [
        { identifier: to, kind: 'view', expected: null, next: expected },
        { identifier: from, kind: 'view', expected, next: null },
      ],
    })
  }

  /** Writes a version and has the pointer name it; undefined when the pointer moved meanwhile. */
  async #swap(
    keyed: KeyedRequest,
    view: {
      readonly identifier: TableIdentifier
      readonly metadata: ViewMetadata
      readonly base: LoadedView | null
    },
  ): Promise<LoadedView | undefined> {
    const { identifier, metadata, base } = view
    const expected = base?.metadataLocation ?? null
    const isUnchanged = base !== null && metadata === base.metadata
    const next = isUnchanged ? base.metadataLocation : await this.#files.write(metadata, expected)
    const pointer: PointerChange = { identifier, kind: 'view', expected, next }
    const outcome = await this.#changes.applyOrDiscard(keyed, { pointers: [pointer] }, () =>
      this.#files.discard(isUnchanged ? [] : [next]),
    )
    // From memory: a read that fails now would pass for a change that failed.
    if (outcome.type === 'applied') return { identifier, metadataLocation: next, metadata }
    if (outcome.type === 'pointer-moved') return undefined
    return this.#replayed(requireTransaction(outcome, keyed), identifier)
  }

  async #requireFree(identifier: TableIdentifier, { location }: ViewMetadata): Promise<void> {
    const context = { io: this.#io, store: this.#store, root: this.#root }
    await requireFreeLocation(context, { identifier, location })
  }

  #newView(request: CreateViewRequest): ViewMetadata {
    const { identifier, schema, viewVersion, properties, location } = request
    const updates: readonly ViewUpdate[] = [
      { action: 'assign-uuid', uuid: randomUuid(this.#random) },
      { action: 'add-schema', schema },
      // The schema that is sent beside it is the version's, whatever id it says (REST spec, CreateViewRequest).
      { action: 'add-view-version', 'view-version': { ...viewVersion, 'schema-id': -1 } },
      { action: 'set-current-view-version', 'view-version-id': -1 },
      ...(properties ? [{ action: 'set-properties', updates: properties } as const] : []),
    ]
    return applyViewUpdates(null, updates, {
      nowMs: this.#clock.nowMs(),
      location:
        location === undefined
          ? assignLocation(this.#root, identifier, this.#random)
          : locationInside(this.#root, location),
    })
  }

  #updated(change: ViewChange, base: LoadedView): ViewMetadata {
    try {
      checkViewRequirements(base.metadata, change.requirements)
    } catch (error) {
      throw isIngotError(error, 'COMMIT_CONFLICT') ? lostChange(change, error) : error
    }
    if (change.updates.length === 0) return base.metadata
    const metadata = applyViewUpdates(base.metadata, change.updates, { nowMs: this.#clock.nowMs() })
    if (metadata.location === base.metadata.location) return metadata
    return { ...metadata, location: locationInside(this.#root, metadata.location) }
  }

  async #loadFrom(identifier: TableIdentifier, metadataLocation: string): Promise<LoadedView> {
    return { identifier, metadataLocation, metadata: await this.#files.read(metadataLocation) }
  }

  /** What a request that was applied before did. It was: so a failure to read it says nothing against that. */
  async #replayed(transaction: TransactionRecord, identifier: TableIdentifier): Promise<LoadedView> {
    const { transactionId } = transaction
    const location = transaction.pointers.find(({ kind }) => kind === 'view')?.metadataLocation
    try {
      if (typeof location === 'string') return await this.#loadFrom(identifier, location)
    } catch (cause) {
      throw new IngotError(
        'COMMIT_STATE_UNKNOWN',
        'the change was applied before, but the view cannot be read now',
        { cause, hint: 'load the view when the storage answers again', context: { transactionId } },
      )
    }
    const name = formatIdentifier(identifier)
    throw new IngotError('METADATA_INVALID', `view ${name} is missing in transaction ${transactionId}`)
  }
}

function lostChange({ identifier }: ViewChange, cause: IngotError): IngotError {
  return new IngotError(
    'COMMIT_CONFLICT',
    `change of view ${formatIdentifier(identifier)} lost: ${cause.message}`,
    {
      cause,
      retryable: true,
      hint: 'load the view again and make the change on what it is now',
      context: { ...cause.context, identifier },
    },
  )
}
