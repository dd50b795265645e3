import type { CommitResult } from '../catalog/catalog.ts'
import { isIngotError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { randomUuid } from '../random.ts'
import { CONFLICT_RETRIES_MAX, pauseBeforeRetry } from '../table/conflict-retries.ts'
import { Transaction } from '../table/transaction.ts'

/** What a command has staged in a transaction. */
interface StagedCommand<T> {
  /** Kept with the transaction; `kind` says what the command was. */
  readonly note: Readonly<Record<string, unknown>> & { readonly kind: string }
  /** What the command will say of it. */
  readonly summary: T
}

interface CommittedCommand<T> {
  /** Undefined: there was nothing to change. */
  readonly result: CommitResult | undefined
  readonly summary: T
}

/**
 * Stages changes in a transaction and commits it; while others are faster, again from what there is then. Whatever else
 * `stage` throws ends it, with nothing committed.
 */
export async function commitStaged<T>(
  { context, random }: Pick<Platform, 'context' | 'random'>,
  signal: AbortSignal,
  stage: (transaction: Transaction) => Promise<StagedCommand<T>>,
): Promise<CommittedCommand<T>> {
  for (let retry = 0; ; retry += 1) {
    const transaction = new Transaction(context)
    try {
      const { note, summary } = await stage(transaction)
      const runId = randomUuid(random)
      const result = await transaction.commit({ idempotencyKey: runId, note: { ...note, runId }, signal })
      return { result, summary }
    } catch (error) {
      // Best effort: a file that stays is only a file too many, and why the command failed is what counts.
      await transaction.removeFiles().catch(() => undefined)
      if (!isIngotError(error, 'COMMIT_CONFLICT') || retry === CONFLICT_RETRIES_MAX) throw error
      await pauseBeforeRetry(context, retry, signal)
    }
  }
}
