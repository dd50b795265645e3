import type { Clock } from '../clock.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { type Random, randomFraction } from '../random.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import type { MutationOptions, PointerKind, TransactionRecord } from './catalog.ts'
import { type KeyedRequest, keyedRequest, replayOf } from './keyed-request.ts'
import type { CatalogStore, PointerChange, StoreOutcome, StoreTransaction } from './store.ts'
import { nameTaken, notFound, refusal } from './store-refusals.ts'

/** How often a change is tried again after another one was faster, when it is still allowed then. */
export const ATTEMPTS_MAX = 10
const ATTEMPT_DELAY_MS = 20

/** What a StoreTransaction has beyond its key and its time. */
export type KeyedContent = Omit<StoreTransaction, 'nowMs' | keyof KeyedRequest>

/** A change of pointers that follows from where one of them is. */
export interface PointerMove {
  readonly operation: string
  /** What is asked for: equal for equal requests. */
  readonly payload: unknown
  readonly options: MutationOptions
  readonly identifier: TableIdentifier
  readonly kind: PointerKind
  readonly note?: Readonly<Record<string, unknown>>
  /** Called again when the pointer moved meanwhile. */
  pointersFrom(current: string): readonly PointerChange[]
}

/** Changes of the store, each under a key: one that comes again under its key is answered as before, and not applied. */
export class KeyedChanges {
  readonly #store: CatalogStore
  readonly #clock: Clock
  readonly #random: Random

  constructor(store: CatalogStore, clock: Clock, random: Random) {
    this.#store = store
    this.#clock = clock
    this.#random = random
  }

  /** A request under the caller's key, or one of its own. @throws REQUEST_INVALID */
  request(operation: string, payload: unknown, options: MutationOptions): KeyedRequest {
    return keyedRequest(operation, payload, options.idempotencyKey, this.#random)
  }

  /** The transaction that the request did before; undefined for one that has no key of its caller's. */
  async findReplay(request: KeyedRequest, options: MutationOptions): Promise<TransactionRecord | undefined> {
    if (options.idempotencyKey === undefined) return undefined
    const record = await this.#store.findKey(request.idempotencyKey)
    return record && replayOf(record, request)
  }

  /**
   * The same request may have been sent twice and applied meanwhile: what refuses this one then is its own effect.
   * @throws `error` when it was not
   */
  async replayAfter(error: unknown, request: KeyedRequest): Promise<TransactionRecord> {
    const record = await this.#store.findKey(request.idempotencyKey)
    const transaction = record && replayOf(record, request)
    if (transaction === undefined) throw error
    return transaction
  }

  apply(request: KeyedRequest, content: KeyedContent): Promise<StoreOutcome> {
    return this.#store.apply({ ...request, ...content, nowMs: this.#clock.nowMs() })
  }

  /** Has `discard` remove what the request wrote when it certainly was not applied; when that is unknown, it stays. */
  async applyOrDiscard(
    request: KeyedRequest,
    content: KeyedContent,
    discard: () => Promise<void>,
  ): Promise<StoreOutcome> {
    let outcome: StoreOutcome
    try {
      outcome = await this.apply(request, content)
    } catch (error) {
      if (isIngotError(error, 'CATALOG_UNAVAILABLE')) await discard()
      throw error
    }
    if (outcome.type !== 'applied') await discard()
    return outcome
  }

  /**
   * Tries again when the pointer moves meanwhile; the transaction that moved it, now or before.
   * @throws TABLE_NOT_FOUND, VIEW_NOT_FOUND, TABLE_EXISTS
   */
  async movePointers(move: PointerMove): Promise<TransactionRecord> {
    const { identifier, kind, note } = move
    const request = this.request(move.operation, move.payload, move.options)
    const replayed = await this.findReplay(request, move.options)
    if (replayed !== undefined) return replayed
    for (let attempt = 1; ; attempt++) {
      const current = await this.#store.pointer(identifier, kind)
      if (current === undefined) return await this.replayAfter(notFound(identifier, kind), request)
      const pointers = move.pointersFrom(current)
      const outcome = await this.apply(request, { pointers, ...(note && { note }) })
      if (outcome.type === 'pointer-moved' && isCreated(pointers, outcome.identifier)) {
        throw nameTaken(outcome.identifier)
      }
      if (outcome.type !== 'pointer-moved' || attempt === ATTEMPTS_MAX)
        return requireTransaction(outcome, request)
      await this.pause(attempt)
    }
  }

  /** Lets those that were faster finish. */
  async pause(attempt: number): Promise<void> {
    await this.#clock.sleep(ATTEMPT_DELAY_MS * attempt * randomFraction(this.#random))
  }
}

/** The transaction of a request that was applied, now or before; undefined when it names no table. @throws otherwise */
export function settle(outcome: StoreOutcome, request: KeyedRequest): TransactionRecord | undefined {
  if (outcome.type === 'applied') return outcome.transaction
  if (outcome.type !== 'key-spent') throw refusal(outcome)
  if (outcome.idempotencyKey === request.idempotencyKey) return replayOf(outcome.record, request)
  throw new IngotError('COMMIT_CONFLICT', `member ${outcome.idempotencyKey} was granted or given up before`, {
    retryable: true,
    hint: 'ask findMember for each member, and commit those that are new under a new key',
    context: { member: outcome.idempotencyKey },
  })
}

/** The transaction of a request that names a table or view. @throws as `settle`; METADATA_INVALID when it is missing */
export function requireTransaction(outcome: StoreOutcome, request: KeyedRequest): TransactionRecord {
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
