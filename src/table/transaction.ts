import assert from 'node:assert/strict'
import type { CommitResult, LoadedTable, TableChange } from '../catalog/catalog.ts'
import { type ErrorCode, IngotError, isIngotError } from '../errors.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { CONFLICT_RETRIES_MAX, pauseBeforeRetry } from './conflict-retries.ts'
import { canRebase, isOutdated, rebaseAppends, stagedSnapshots } from './rebase.ts'
import { openTable } from './stage.ts'
import { requireMain } from './staged-changes.ts'
import type { StagedTable, TableContext } from './staged-table.ts'
import { filesWrittenBy } from './uncommitted-files.ts'

export interface TransactionCommitOptions {
  readonly idempotencyKey: string
  /** Kept with the transaction for those who read the history. */
  readonly note?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
}

/**
 * Changes of several tables that are committed together. Each table is loaded once, so that all that is read through
 * the transaction is of one state, with the transaction's own changes on top.
 */
export class Transaction {
  readonly #context: TableContext
  readonly #loads = new Map<string, Promise<StagedTable | undefined>>()
  readonly #changed = new Map<string, StagedTable>()
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #discarded: StagedTable[] = []
  /** Tables that go, as they were loaded, with what must still hold of them. */
  readonly #dropped = new Map<string, StagedTable>()
  /** Changes that are no one's staged tables, as they stand. */
  readonly #furtherChanges: TableChange[] = []
  /** Whether files of this transaction may be, or become, part of a table: a commit is on its way, applied or unknown. */
  #isPublished = false

  constructor(context: TableContext) {
    this.#context = context
  }

  /** The table with the changes staged so far; undefined when there is none. */
  async table(identifier: TableIdentifier): Promise<StagedTable | undefined> {
    const key = identifierKey(identifier)
    const loaded = await this.#load(key, identifier)
    return this.#dropped.has(key) ? undefined : (this.#changed.get(key) ?? loaded)
  }

  /**
   * Stages changes of one table: `change` gets it as staged so far (undefined when there is none) and returns what it
   * is after. Calls for one table run one after the other, in the order of the calls; when one throws, nothing is staged.
   */
  update(
    identifier: TableIdentifier,
    change: (staged: StagedTable | undefined) => Promise<StagedTable>,
  ): Promise<StagedTable> {
    const key = identifierKey(identifier)
    const run = async (): Promise<StagedTable> => {
      const before = await this.table(identifier)
      const after = await change(before)
      if (after !== before) this.#changed.set(key, after)
      return after
    }
    const result = (this.#queues.get(key) ?? Promise.resolve()).then(run)
    // The next in the queue runs whatever became of this one, whose failure its own caller hears of.
    this.#queues.set(
      key,
      result.catch(() => undefined),
    )
    return result
  }

  /** The tables that a commit would change. */
  get stagedTables(): readonly StagedTable[] {
    return [...this.#changed.values()].filter(staged => staged.updates.length > 0)
  }

  /** Takes the changes of a table out of the transaction: it is as it was loaded. */
  discard(identifier: TableIdentifier): void {
    const key = identifierKey(identifier)
    const staged = this.#changed.get(key)
    if (staged !== undefined) this.#discarded.push(staged)
    this.#changed.delete(key)
  }

  /**
   * Stages that a table goes; its files stay. What was staged of it before is given up. Refused at the commit when others
   * have written to the table since it was loaded. Does nothing when there is no such table.
   */
  async drop(identifier: TableIdentifier): Promise<void> {
    this.discard(identifier)
    const key = identifierKey(identifier)
    const loaded = await this.#load(key, identifier)
    if (loaded === undefined) return
    this.#dropped.set(key, { ...loaded, requirements: requireMain(loaded.metadata) })
  }

  /**
   * Has a change committed along that needs no files: of a table that the transaction does not stage. When it is refused, so is
   * all of it.
   */
  include(change: TableChange): void {
    this.#furtherChanges.push(change)
  }

  /**
   * Commits all changes or none; undefined when there are none. When others moved a table since, appends whose meaning
   * does not depend on what they stand on are committed on top of that; anything else is refused. When the catalog's
   * answer is lost, asks until it is known, and removes nothing before. After it the files of discarded tables go. Applied under this very key or not at all, so
   * that whoever comes after a crash can ask for it.
   * @throws COMMIT_CONFLICT (retryable: stage again from fresh state, in a new transaction under a new key) after
   *   removing the files that only this transaction wrote; COMMIT_STATE_UNKNOWN when the catalog cannot say
   */
  async commit(options: TransactionCommitOptions): Promise<CommitResult | undefined> {
    if (this.stagedTables.length + this.#dropped.size + this.#furtherChanges.length === 0) {
      await this.removeFiles().catch(() => undefined)
      return undefined
    }
    assert(!this.#isPublished, 'a transaction is committed once')
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#tryCommit(options)
      if (outcome.type === 'committed') {
        // Best effort: the commit stands.
        await this.#removeDiscarded().catch(() => undefined)
        return outcome.result
      }
      this.#isPublished = false
      if (outcome.type === 'refused' || attempt === CONFLICT_RETRIES_MAX || !(await this.#rebase())) {
        // Best effort: a file that stays is only a file too many, and why the commit failed is what counts.
        await this.removeFiles().catch(() => undefined)
        throw outcome.error
      }
      await pauseBeforeRetry(this.#context, attempt, options.signal)
    }
  }

  /**
   * Removes the files that only this transaction wrote. For a transaction that is given up before its commit; a commit
   * that fails for certain does so by itself. Does nothing after a commit that succeeded or whose outcome is not known.
   */
  async removeFiles(): Promise<void> {
    if (this.#isPublished) return
    const files = await this.#filesOf([...this.#changed.values(), ...this.#discarded])
    await this.#context.io.remove([...files])
  }

  /** Removes what was written for states that were given up, and that no committed table names: one that was rebased does. */
  async #removeDiscarded(): Promise<void> {
    if (this.#discarded.length === 0) return
    const committed = await this.#filesOf([...this.#changed.values()])
    const discarded = await this.#filesOf(this.#discarded)
    await this.#context.io.remove([...discarded].filter(location => !committed.has(location)))
  }

  async #filesOf(tables: readonly StagedTable[]): Promise<ReadonlySet<string>> {
    const locations = await Promise.all(tables.map(staged => filesWrittenBy(this.#context, staged)))
    return new Set(locations.flat())
  }

  #load(key: string, identifier: TableIdentifier): Promise<StagedTable | undefined> {
    const loading = this.#loads.get(key) ?? this.#loadTable(key, identifier)
    this.#loads.set(key, loading)
    return loading
  }

  async #loadTable(key: string, identifier: TableIdentifier): Promise<StagedTable | undefined> {
    const beganAtMs = this.#context.clock.nowMs()
    try {
      return openTable(await this.#context.catalog.loadTable(identifier), beganAtMs)
    } catch (error) {
      if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
      // Nothing was read of the table yet: whoever asks next asks the catalog again.
      this.#loads.delete(key)
      throw error
    }
  }

  async #tryCommit(options: TransactionCommitOptions): Promise<CommitOutcome> {
    const { idempotencyKey, note, signal } = options
    const changes = [
      ...this.stagedTables.map(toChange),
      ...[...this.#dropped.values()].map(staged => ({ ...toChange(staged), isDrop: true })),
      ...this.#furtherChanges,
    ]
    this.#isPublished = true
    try {
      const result = await this.#context.catalog.commit(changes, {
        idempotencyKey,
        ...(note === undefined ? {} : { note }),
      })
      return { type: 'committed', result }
    } catch (error) {
      if (!isIngotError(error, 'COMMIT_STATE_UNKNOWN')) return toRefusal(error)
      const result = await this.#findOut(idempotencyKey, signal)
      return result === undefined
        ? { type: 'refused', error: lostError(error) }
        : { type: 'committed', result }
    }
  }

  /** Asks what became of a commit, for as long as the catalog cannot be reached. */
  async #findOut(key: string, signal: AbortSignal | undefined): Promise<CommitResult | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#context.catalog.findCommit(key)
      } catch (error) {
        if (!(error instanceof IngotError)) throw error
        if (!error.retryable) throw unknownError(key, error)
        await pauseBeforeRetry(this.#context, attempt, signal)
      }
    }
  }

  /** Puts the staged changes on top of what others committed. False: some cannot be, and nothing was changed. */
  async #rebase(): Promise<boolean> {
    if (this.#furtherChanges.length > 0 || !(await this.#canStillDrop())) return false
    const rebased = new Map<string, StagedTable>()
    for (const [key, staged] of this.#changed) {
      if (staged.updates.length === 0) continue
      const fresh = await this.#loadFresh(staged)
      if (staged.base === null ? fresh === undefined : fresh !== undefined && !isOutdated(staged, fresh))
        continue
      const again = fresh && (await this.#restage(key, staged, fresh))
      if (again === undefined) return false
      rebased.set(key, again)
    }
    for (const [key, staged] of rebased) {
      const before = this.#changed.get(key)
      if (before !== undefined) this.#discarded.push(before)
      this.#changed.set(key, staged)
    }
    return true
  }

  /** The staged changes on top of what the table is by now; undefined when they do not hold there. */
  async #restage(key: string, staged: StagedTable, fresh: LoadedTable): Promise<StagedTable | undefined> {
    if (this.#isReadByOthers(key, staged)) return undefined
    if (staged.restage !== undefined) return await staged.restage(openTable(fresh, staged.beganAtMs))
    return canRebase(staged, fresh) ? await rebaseAppends(this.#context, staged, fresh) : undefined
  }

  /** Whether the tables to drop are as they were loaded: what others wrote since was not meant to go. */
  async #canStillDrop(): Promise<boolean> {
    for (const staged of this.#dropped.values()) {
      const fresh = await this.#loadFresh(staged)
      if (fresh === undefined || isOutdated(staged, fresh)) return false
    }
    return true
  }

  async #loadFresh(staged: StagedTable) {
    try {
      return await this.#context.catalog.loadTable(staged.identifier)
    } catch (error) {
      if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
      throw error
    }
  }

  /**
   * Whether another table of the transaction was made from a snapshot staged here, as its progress tells: it has not
   * seen the rows that others put in between.
   */
  #isReadByOthers(key: string, staged: StagedTable): boolean {
    const ids = stagedSnapshots(staged).map(snapshot => snapshot['snapshot-id'].toString())
    const others = [...this.#changed].filter(([otherKey]) => otherKey !== key).map(([, other]) => other)
    return others
      .flatMap(stagedSnapshots)
      .some(({ summary }) => ids.some(id => Object.values(summary).some(value => value.includes(id))))
  }
}

function toChange({ identifier, requirements, updates }: StagedTable): TableChange {
  return { identifier, requirements, updates }
}

/** Unless it is committed, it certainly is not and never will be. */
type CommitOutcome =
  | { readonly type: 'committed'; readonly result: CommitResult }
  /** Others were faster: on top of what they did it may succeed. */
  | { readonly type: 'conflict'; readonly error: IngotError }
  | { readonly type: 'refused'; readonly error: IngotError }

/** Errors by which a catalog says for certain that nothing was applied, and would say again. */
const REFUSALS: readonly ErrorCode[] = [
  'TABLE_NOT_FOUND',
  'TABLE_EXISTS',
  'NAMESPACE_NOT_FOUND',
  'REQUEST_INVALID',
  'SNAPSHOT_NOT_FOUND',
  'HISTORY_FORGOTTEN',
]

/** @throws `error` when it leaves open whether the commit was applied */
function toRefusal(error: unknown): CommitOutcome {
  if (!isIngotError(error)) throw error
  if (error.code === 'COMMIT_CONFLICT') {
    // Neither a key that was given up nor a beginning that is too long ago gets any better.
    const isFinal = error.context.idempotencyKey !== undefined || error.context.beganAtMs !== undefined
    return { type: isFinal ? 'refused' : 'conflict', error }
  }
  if (REFUSALS.includes(error.code)) return { type: 'refused', error }
  throw error
}

function unknownError(idempotencyKey: string, cause: IngotError): IngotError {
  return new IngotError(
    'COMMIT_STATE_UNKNOWN',
    `what became of commit ${idempotencyKey} is unknown: ${cause.message}`,
    {
      cause,
      hint: 'mend the catalog, then ask findCommit with the same key; delete nothing before',
      context: { ...cause.context, idempotencyKey },
    },
  )
}

/** The catalog has said for certain that the commit was not applied, and never will be. */
function lostError(cause: IngotError): IngotError {
  return new IngotError('COMMIT_CONFLICT', 'the commit did not reach the catalog', {
    cause,
    retryable: true,
    hint: 'stage the changes again from fresh state',
    context: cause.context,
  })
}
