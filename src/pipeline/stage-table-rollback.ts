import { quarantineIdentifier } from '../lake/quarantine.ts'
import { progressSummary, readProgress } from '../table/progress.ts'
import { stageRollback } from '../table/stage.ts'
import { stageDelta } from '../table/stage-delta.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { quarantineSnapshot } from './quarantine-table.ts'
import { readRefreshProgress, refreshProgressSummary } from './refresh-progress.ts'

/** Where a table goes back to, and what becomes of what it was made from since then. */
interface TableRollback {
  readonly snapshotId: bigint
  /** Whether the next run takes in again what is undone; else that counts as taken in. */
  readonly isReplayed: boolean
}

/**
 * Stages that a table goes back to an older snapshot, and with a silver or gold one its quarantine to what it was then: a run follows the
 * changes of the inputs only where both are of one state. `staged` is the table; returns it as it is then.
 * @throws SNAPSHOT_NOT_FOUND
 */
export async function stageTableRollback(
  context: TableContext,
  transaction: Transaction,
  staged: StagedTable,
  { snapshotId, isReplayed }: TableRollback,
): Promise<StagedTable> {
  const back = stageRollback(staged, snapshotId)
  const summary = isReplayed
    ? await replayedProgress(context, transaction, back)
    : await skippedProgress(context, transaction, staged, back)
  // A snapshot without files that says what the rows were made from, where the one gone back to says otherwise.
  return await stageDelta(context, back, { operation: 'replace', summary })
}

type Summary = Readonly<Record<string, string>>

async function replayedProgress(
  context: TableContext,
  transaction: Transaction,
  back: StagedTable,
): Promise<Summary> {
  const then = readRefreshProgress(back.metadata)
  if (then === undefined) return {}
  const quarantine = await stageQuarantineBack(context, transaction, back, then.quarantine)
  // One whose snapshot is gone cannot go back: the progress stays, by which the next run makes both anew.
  return quarantine === 'gone' ? {} : refreshProgressSummary({ ...then, quarantine })
}

async function skippedProgress(
  context: TableContext,
  transaction: Transaction,
  staged: StagedTable,
  back: StagedTable,
): Promise<Summary> {
  const undone = readRefreshProgress(staged.metadata)
  if (undone === undefined) {
    const progress = readProgress(staged.metadata)
    return progress === undefined ? {} : progressSummary(progress)
  }
  const then = readRefreshProgress(back.metadata)
  const quarantine = then && (await stageQuarantineBack(context, transaction, back, then.quarantine))
  // One that stays as it is goes with what is skipped as it did with what is undone.
  if (quarantine === undefined || quarantine === 'gone') return refreshProgressSummary(undone)
  return refreshProgressSummary({ ...undone, quarantine })
}

/**
 * Stages that the quarantine of a table has the rows that it had as of its snapshot `to`; null: none. Returns the snapshot that it is
 * at then, `gone` when `to` is no longer there, and nothing was staged.
 */
async function stageQuarantineBack(
  context: TableContext,
  transaction: Transaction,
  { identifier }: StagedTable,
  to: bigint | null,
): Promise<bigint | null | 'gone'> {
  const quarantine = quarantineIdentifier(identifier)
  const now = await transaction.table(quarantine)
  if (now === undefined) return to === null ? null : 'gone'
  if (quarantineSnapshot(now.metadata) === to) return to
  if (to !== null && !now.metadata.snapshots.some(snapshot => snapshot['snapshot-id'] === to)) return 'gone'
  const after = await transaction.update(quarantine, async () =>
    to === null
      ? await stageDelta(context, now, { operation: 'delete', remove: 'all' })
      : stageRollback(now, to),
  )
  return quarantineSnapshot(after.metadata)
}
