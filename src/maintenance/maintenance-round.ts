import type { LoadedTable } from '../catalog/catalog.ts'
import type { Clock } from '../clock.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { randomUuid } from '../random.ts'
import type { Engine } from '../table/engine.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { VersionReader } from './named-snapshots.ts'

/** How much one round may do. What does not fit is planned again in the next. */
export interface MaintenanceBudget {
  /** After which no further step is begun. */
  readonly seconds: number
  /** Of data files that are written again. A round writes at least one, unless this is 0. */
  readonly rewriteBytes: number
}

/** One round of maintenance: what it works with, and what is left of its budget. */
export class MaintenanceRound {
  readonly context: TableContext
  readonly engine: Engine
  readonly reader: VersionReader
  readonly isDryRun: boolean
  readonly signal: AbortSignal | undefined
  readonly startedAtMs: number
  readonly #clock: Clock
  readonly #deadlineMs: number
  readonly #rewriteBytes: number
  #rewriteBytesLeft: number

  constructor(options: {
    readonly context: TableContext
    readonly engine: Engine
    readonly reader: VersionReader
    readonly isDryRun: boolean
    readonly signal?: AbortSignal | undefined
    readonly budget: MaintenanceBudget
  }) {
    this.context = options.context
    this.engine = options.engine
    this.reader = options.reader
    this.isDryRun = options.isDryRun
    this.signal = options.signal
    this.#clock = options.context.clock
    this.startedAtMs = this.#clock.nowMs()
    this.#deadlineMs = this.startedAtMs + options.budget.seconds * 1000
    this.#rewriteBytes = options.budget.rewriteBytes
    this.#rewriteBytesLeft = options.budget.rewriteBytes
  }

  get isOver(): boolean {
    return this.#clock.nowMs() >= this.#deadlineMs
  }

  get rewriteBytesLeft(): number {
    return this.#rewriteBytesLeft
  }

  /** Whether the budget has room; for the first of a round always, as a file larger than all of it would wait for ever. */
  hasRoomFor(bytes: number): boolean {
    const isUnspent = this.#rewriteBytesLeft > 0 && this.#rewriteBytesLeft === this.#rewriteBytes
    return bytes <= this.#rewriteBytesLeft || isUnspent
  }

  spend(bytes: number): void {
    this.#rewriteBytesLeft -= bytes
  }

  /**
   * Commits one change of a table by itself; the table as it is then, or undefined when there was nothing to change. What is
   * lost to others is given up, as the next round plans it again.
   */
  async commit(
    identifier: TableIdentifier,
    step: string,
    change: (staged: StagedTable) => Promise<StagedTable>,
  ): Promise<LoadedTable | undefined> {
    this.signal?.throwIfAborted()
    const transaction = new Transaction(this.context)
    try {
      await transaction.update(identifier, async staged => {
        if (staged === undefined) throw droppedMeanwhile(identifier)
        return change(staged)
      })
    } catch (error) {
      // Best effort: nobody names these files, and what failed is what counts.
      await transaction.removeFiles().catch(() => undefined)
      throw error
    }
    const result = await transaction.commit({
      idempotencyKey: randomUuid(this.context.random),
      note: { kind: 'maintenance', step },
      ...(this.signal === undefined ? {} : { signal: this.signal }),
    })
    return result?.tables[0]
  }
}

function droppedMeanwhile(identifier: TableIdentifier): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('TABLE_NOT_FOUND', `table ${name} was dropped while it was maintained`, {
    context: { identifier },
  })
}

/** Whether a step lost to other writers, who go first. */
export function isLostToOthers(error: unknown): boolean {
  return isIngotError(error, 'COMMIT_CONFLICT')
}
