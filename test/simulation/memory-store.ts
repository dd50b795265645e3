import {
  type PointerKind,
  type PointInHistory,
  type TableVersion,
  TRANSACTIONS_DEFAULT,
  type TransactionQuery,
  type TransactionRecord,
  type VersionsOfTable,
} from '../../src/catalog/catalog.ts'
import type {
  CatalogStore,
  KeyRecord,
  NamespaceChange,
  NamespaceRecord,
  PointerChange,
  StoreOutcome,
  StoreTransaction,
} from '../../src/catalog/store.ts'
import { historyForgotten } from '../../src/catalog/store-refusals.ts'
import { checkStoredText, checkStoreTransaction } from '../../src/catalog/store-texts.ts'
import { identifierKey, type TableIdentifier } from '../../src/table-identifier.ts'

interface Pointer {
  readonly identifier: TableIdentifier
  readonly location: string
  readonly kind: PointerKind
}

/**
 * A catalog store in memory, whose transactions are atomic and durable at once, as those of a database are. What it
 * holds is one object that survives the processes that use it.
 */
export class MemoryStore implements CatalogStore {
  #namespaces = new Map<string, NamespaceRecord>()
  #pointers = new Map<string, Pointer>()
  readonly #keys = new Map<string, KeyRecord>()
  /** Oldest first. */
  readonly #transactions: TransactionRecord[] = []
  /** By versionKey. */
  readonly #forgotten = new Map<string, ForgottenState>()

  async namespaces(): Promise<readonly NamespaceRecord[]> {
    return [...this.#namespaces.values()]
  }

  async namespace(namespace: readonly string[]): Promise<NamespaceRecord | undefined> {
    return this.#namespaces.get(JSON.stringify(namespace))
  }

  async tables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.#identifiers(namespace, 'table')
  }

  async views(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.#identifiers(namespace, 'view')
  }

  #identifiers(namespace: readonly string[], kind: PointerKind): readonly TableIdentifier[] {
    return [...this.#pointers.values()]
      .filter(pointer => pointer.kind === kind)
      .map(pointer => pointer.identifier)
      .filter(identifier => JSON.stringify(identifier.namespace) === JSON.stringify(namespace))
  }

  async pointer(identifier: TableIdentifier, kind: PointerKind = 'table'): Promise<string | undefined> {
    const pointer = this.#pointers.get(identifierKey(identifier))
    return pointer?.kind === kind ? pointer.location : undefined
  }

  async pointerAt(identifier: TableIdentifier, point: PointInHistory): Promise<string | undefined> {
    const key = identifierKey(identifier)
    for (const { transactionId, committedAtMs, pointers } of this.#transactions.toReversed()) {
      if ('transactionId' in point ? transactionId > point.transactionId : committedAtMs > point.timeMs)
        continue
      const pointer = pointers.findLast(candidate => identifierKey(candidate.identifier) === key)
      if (pointer === undefined) continue
      if (this.#forgotten.has(versionKey(transactionId, identifier))) throw historyForgotten(identifier)
      return pointer.kind === 'view' ? undefined : (pointer.metadataLocation ?? undefined)
    }
    return undefined
  }

  async transactions(query: TransactionQuery): Promise<readonly TransactionRecord[]> {
    const table = query.table && identifierKey(query.table)
    return this.#transactions
      .filter(
        ({ transactionId, pointers }) =>
          transactionId < (query.before ?? Infinity) &&
          (table === undefined || pointers.some(pointer => identifierKey(pointer.identifier) === table)),
      )
      .slice(-(query.limit ?? TRANSACTIONS_DEFAULT))
      .reverse()
      .map(transaction => ({
        ...transaction,
        pointers: transaction.pointers.filter(
          ({ identifier }) => !this.#forgotten.has(versionKey(transaction.transactionId, identifier)),
        ),
      }))
  }

  async versions(): Promise<readonly TableVersion[]> {
    return this.#transactions.flatMap(({ transactionId, committedAtMs, note, pointers }) =>
      pointers.flatMap(({ identifier, metadataLocation, kind }): TableVersion[] => {
        if (kind === 'view') return []
        const state = this.#forgotten.get(versionKey(transactionId, identifier))
        if (state === 'removed' || state === 'joined') return []
        const purgeRequested = metadataLocation === null && note?.purgeRequested === true
        const isForgotten = state !== undefined
        const isUnregistered = metadataLocation === null && note?.unregistered === true
        return [
          {
            ...{ identifier, transactionId, committedAtMs, metadataLocation },
            ...{ isForgotten, purgeRequested, isUnregistered },
          },
        ]
      }),
    )
  }

  async forgetVersions(versions: readonly VersionsOfTable[], isRemoved: boolean): Promise<void> {
    const current = new Set([...this.#pointers.values()].map(({ location }) => location))
    for (const { identifier, transactionIds } of versions) {
      const key = identifierKey(identifier)
      for (const { transactionId, pointers } of this.#transactions) {
        if (!transactionIds.includes(transactionId)) continue
        const location = pointers.find(pointer => identifierKey(pointer.identifier) === key)?.metadataLocation
        if (location === undefined || location === null || current.has(location)) continue
        this.#forgotten.set(versionKey(transactionId, identifier), isRemoved ? 'removed' : 'forgotten')
      }
      this.#joinNeighbours(key)
    }
  }

  #joinNeighbours(key: string): void {
    let before: ForgottenState | undefined
    for (const { transactionId, pointers } of this.#transactions) {
      const identifier = pointers.find(pointer => identifierKey(pointer.identifier) === key)?.identifier
      const version = identifier && versionKey(transactionId, identifier)
      if (version === undefined) continue
      const state = this.#forgotten.get(version)
      if (state === 'joined') continue
      if (state !== undefined && state === before) this.#forgotten.set(version, 'joined')
      else before = state
    }
  }

  async findKey(idempotencyKey: string): Promise<KeyRecord | undefined> {
    checkStoredText('idempotency key', idempotencyKey)
    return this.#keys.get(idempotencyKey)
  }

  async giveUpKey(idempotencyKey: string): Promise<KeyRecord> {
    checkStoredText('idempotency key', idempotencyKey)
    const record = this.#keys.get(idempotencyKey) ?? { type: 'given-up' }
    this.#keys.set(idempotencyKey, record)
    return record
  }

  async apply(request: StoreTransaction): Promise<StoreOutcome> {
    checkStoreTransaction(request)
    const keys = [request, ...(request.members ?? [])]
    for (const { idempotencyKey } of keys) {
      const record = this.#keys.get(idempotencyKey)
      if (record !== undefined) return { type: 'key-spent', idempotencyKey, record }
    }
    const [namespaces, pointers] = [new Map(this.#namespaces), new Map(this.#pointers)]
    const refusal = this.#change(request)
    if (refusal !== undefined) {
      this.#namespaces = namespaces
      this.#pointers = pointers
      return refusal
    }
    const transaction = this.#record(request)
    for (const { idempotencyKey, requestHash } of keys) {
      this.#keys.set(idempotencyKey, { type: 'used', requestHash, transaction })
    }
    return { type: 'applied', transaction }
  }

  async close(): Promise<void> {}

  /** One after the other, each upon what the one before it left; a refusal leaves the rest undone. */
  #change({ namespaceChange, pointers }: StoreTransaction): StoreOutcome | undefined {
    if (namespaceChange !== undefined) {
      const refusal = this.#namespaceRefusal(namespaceChange)
      if (refusal !== undefined) return refusal
      this.#changeNamespace(namespaceChange)
    }
    for (const change of pointers) {
      const refusal = this.#pointerRefusal(change)
      if (refusal !== undefined) return refusal
      this.#setPointer(change)
    }
    return undefined
  }

  #namespaceRefusal(change: NamespaceChange): StoreOutcome | undefined {
    const { namespace } = change
    const isThere = this.#namespaces.has(JSON.stringify(namespace))
    if (change.type === 'create') return isThere ? { type: 'namespace-exists', namespace } : undefined
    if (!isThere) return { type: 'namespace-missing', namespace }
    const isEmpty = change.type !== 'drop' || !this.#holdsAnything(namespace)
    return isEmpty ? undefined : { type: 'namespace-not-empty', namespace }
  }

  #holdsAnything(namespace: readonly string[]): boolean {
    const inner = [...this.#namespaces.values()].map(record => record.namespace.slice(0, -1))
    const tables = [...this.#pointers.values()].map(pointer => pointer.identifier.namespace)
    return [...inner, ...tables].some(outer => JSON.stringify(outer) === JSON.stringify(namespace))
  }

  #pointerRefusal(change: PointerChange): StoreOutcome | undefined {
    const { identifier, expected, next, kind = 'table' } = change
    const { namespace } = identifier
    if (expected === null && next !== null && !this.#namespaces.has(JSON.stringify(namespace))) {
      return { type: 'namespace-missing', namespace }
    }
    const versionRefusal = this.#versionRefusal(change)
    if (versionRefusal !== undefined) return versionRefusal
    const current = this.#pointers.get(identifierKey(identifier))
    const isExpected = (current?.location ?? null) === expected && (current?.kind ?? kind) === kind
    return isExpected ? undefined : { type: 'pointer-moved', identifier }
  }

  #versionRefusal({ origin, next }: PointerChange): StoreOutcome | undefined {
    if (origin?.type !== 'version') return undefined
    const { of, transactionId: last, folder } = origin
    const isKept = this.#transactions.some(
      ({ transactionId, pointers }) =>
        transactionId <= last &&
        !this.#forgotten.has(versionKey(transactionId, of)) &&
        pointers.some(
          pointer =>
            identifierKey(pointer.identifier) === identifierKey(of) && pointer.metadataLocation === next,
        ),
    )
    if (!isKept) return { type: 'version-forgotten', identifier: of }
    const current = [...this.#pointers.values()].find(({ location }) => location.startsWith(`${folder}/`))
    return current && { type: 'version-current', identifier: of, current: current.identifier }
  }

  #changeNamespace(change: NamespaceChange): void {
    const { namespace } = change
    const key = JSON.stringify(namespace)
    if (change.type === 'drop') this.#namespaces.delete(key)
    if (change.type === 'create') {
      for (let depth = 1; depth < namespace.length; depth++) this.#addNamespace(namespace.slice(0, depth), {})
      this.#addNamespace(namespace, change.properties)
    }
    if (change.type === 'update') {
      const properties = { ...this.#namespaces.get(key)?.properties }
      for (const name of change.removals ?? []) delete properties[name]
      this.#namespaces.set(key, { namespace, properties: { ...properties, ...change.updates } })
    }
  }

  #addNamespace(namespace: readonly string[], properties: NamespaceRecord['properties']): void {
    const key = JSON.stringify(namespace)
    if (!this.#namespaces.has(key)) this.#namespaces.set(key, { namespace, properties })
  }

  #setPointer({ identifier, next, kind = 'table' }: PointerChange): void {
    if (next === null) this.#pointers.delete(identifierKey(identifier))
    else this.#pointers.set(identifierKey(identifier), { identifier, location: next, kind })
  }

  #record(request: StoreTransaction): TransactionRecord | undefined {
    if (request.pointers.length === 0) return undefined
    const transaction: TransactionRecord = {
      transactionId: this.#transactions.length + 1,
      committedAtMs: Math.max(request.nowMs, this.#transactions.at(-1)?.committedAtMs ?? 0),
      idempotencyKey: request.idempotencyKey,
      note: request.note,
      pointers: request.pointers.map(({ identifier, next, kind }) => ({
        identifier,
        metadataLocation: next,
        ...(kind === 'view' && { kind }),
      })),
    }
    this.#transactions.push(transaction)
    return transaction
  }
}

/** A version is joined to the one before it when both are in one of the other states. */
type ForgottenState = 'forgotten' | 'removed' | 'joined'

function versionKey(transactionId: number, identifier: TableIdentifier): string {
  return `${transactionId} ${identifierKey(identifier)}`
}
