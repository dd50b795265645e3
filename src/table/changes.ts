import type { TableMetadata } from '../format/metadata-types.ts'
import { fileKey } from './file-key.ts'
import { planScan, type ScanPlan, type ScanTask } from './scan.ts'
import { scanSql } from './scan-sql.ts'
import type { TableContext } from './staged-table.ts'

/** What differs between two snapshots: the files that the two do not share, with the deletes of each side. */
export interface Changes {
  /** Files of the old snapshot that the new one lacks or reads with other deletes. */
  readonly removed: ScanPlan
  /** Files of the new snapshot that the old one lacks or reads with other deletes. */
  readonly added: ScanPlan
}

export interface ChangesBetween {
  /** Null: before the first snapshot, when the table was empty. */
  readonly fromSnapshotId: bigint | null
  readonly toSnapshotId: bigint | null
}

/**
 * Finds the files to read for the changes between two snapshots of a table, of which neither need be an ancestor of the
 * other: overwrites by others, rollbacks and rewrites come out right.
 * @throws SNAPSHOT_NOT_FOUND when one is expired; UNSUPPORTED as planScan
 */
export async function planChanges(
  context: Pick<TableContext, 'io' | 'manifests'>,
  metadata: TableMetadata,
  { fromSnapshotId, toSnapshotId }: ChangesBetween,
): Promise<Changes> {
  const [from, to] = await Promise.all([
    planSnapshot(context, metadata, fromSnapshotId),
    planSnapshot(context, metadata, toSnapshotId),
  ])
  return { removed: without(from, to), added: without(to, from) }
}

async function planSnapshot(
  context: Pick<TableContext, 'io' | 'manifests'>,
  metadata: TableMetadata,
  snapshotId: bigint | null,
): Promise<ScanPlan> {
  if (snapshotId !== null) return planScan(context, metadata, { snapshotId })
  return { snapshot: undefined, tasks: [], prunedFileCount: 0, prunedManifestCount: 0 }
}

/** The tasks of `plan` that `other` does not have with the same deletes. */
function without(plan: ScanPlan, other: ScanPlan): ScanPlan {
  const shared = new Set(other.tasks.map(taskKey))
  return { ...plan, tasks: plan.tasks.filter(task => !shared.has(taskKey(task))) }
}

function taskKey(task: ScanTask): string {
  const { filePath } = task.entry.file
  if (task.deletes.length === 0) return filePath
  return JSON.stringify([filePath, ...task.deletes.map(({ entry }) => fileKey(entry.file)).sort()])
}

/**
 * How the rows differ, as SELECTs over the columns of the current schema: `none` when no file differs; `inserts` when
 * files were only added; `mixed` when the rows of both sides are compared as multisets, so that rows that were only
 * written again are in neither.
 */
export interface ChangesSql {
  readonly kind: 'none' | 'inserts' | 'mixed'
  /** The rows of either side that can differ: insertedSql and deletedSql are what EXCEPT ALL leaves of the one without the other. */
  readonly addedSql: string
  readonly removedSql: string
  readonly insertedSql: string
  readonly deletedSql: string
}

/** The SELECTs of the inserted and the deleted rows, each row as often as it was inserted or deleted. */
export function changesSql(metadata: TableMetadata, { removed, added }: Changes): ChangesSql {
  if (removed.tasks.length === 0) {
    const kind = added.tasks.length === 0 ? 'none' : 'inserts'
    const addedSql = scanSql(metadata, added)
    const removedSql = scanSql(metadata, removed)
    return { kind, addedSql, removedSql, insertedSql: addedSql, deletedSql: removedSql }
  }
  const addedSql = rowsOfOneSide(metadata, added, removed)
  const removedSql = rowsOfOneSide(metadata, removed, added)
  return {
    kind: 'mixed',
    addedSql,
    removedSql,
    insertedSql: difference(addedSql, removedSql),
    deletedSql: difference(removedSql, addedSql),
  }
}

/**
 * The rows of `plan` that can differ from those of `other`. Of a file that both read, with other deletes, these are the rows that
 * delete files of the other alone name: the rest, which is nearly all of a big file, is on both sides.
 */
function rowsOfOneSide(metadata: TableMetadata, plan: ScanPlan, other: ScanPlan): string {
  const counterparts = new Map(other.tasks.map(task => [task.entry.file.filePath, task]))
  const unshared = plan.tasks.filter(task => !counterparts.has(task.entry.file.filePath))
  const shared: ScanTask[] = []
  const deletedBy: ScanTask[] = []
  for (const task of plan.tasks) {
    const counterpart = counterparts.get(task.entry.file.filePath)
    if (counterpart === undefined) continue
    const own = new Set(task.deletes.map(({ entry }) => fileKey(entry.file)))
    const deletes = counterpart.deletes.filter(({ entry }) => !own.has(fileKey(entry.file)))
    if (deletes.length === 0) continue
    shared.push(task)
    deletedBy.push({ ...counterpart, deletes })
  }
  const rows = scanSql(metadata, { ...plan, tasks: unshared })
  if (shared.length === 0) return rows
  return `${rows}\nUNION ALL\n${scanSql(metadata, { ...plan, tasks: shared }, { deletedBy })}`
}

function difference(rows: string, others: string): string {
  return `SELECT * FROM (${rows}) EXCEPT ALL SELECT * FROM (${others})`
}
