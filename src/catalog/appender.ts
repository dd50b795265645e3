import type { DataFile } from '../format/manifest-types.ts'
import type { LoadedTable } from './catalog.ts'

/** Data files that somebody wrote for a table, to be added to it together or not at all. */
export interface Append {
  /** A second append under the same key answers as the first did, and adds nothing. */
  readonly idempotencyKey: string
  /** One at least, in the table's folder, under its current schema and its default partition spec. */
  readonly files: readonly DataFile[]
  /**
   * A time before the first of the files was written, by the writer's clock. Files that waited for so long that they may have been
   * removed as orphans are refused.
   */
  readonly beganAtMs: number
  /** Entries of the table's progress to move on; those of other writers are left as they are. @default none */
  readonly progress?: readonly ProgressStep[]
}

/** One entry of a table's progress, from the value that the writer started from to the one it has reached. */
interface ProgressStep {
  readonly key: string
  /** A JSON value; undefined: there must be none yet. */
  readonly expected?: unknown
  readonly next: unknown
}

export interface AppendResult {
  readonly transactionId: number
  /** The snapshot that has the files; it may have those of others, too. */
  readonly snapshotId: bigint
}

/** Where writers hand in appends: in the catalog's process (AppendQueue), or over HTTP (RestAppender). */
export interface Appender {
  /**
   * Adds the files durably to `table`, as it was when they were written.
   * @throws COMMIT_CONFLICT when certainly nothing was added: the progress, the columns or the partitions are not those that
   *   the writer started from, or the files may be gone; TABLE_NOT_FOUND; REQUEST_INVALID for files that are not the table's; COMMIT_STATE_UNKNOWN:
   *   append again under the same key, delete nothing; CATALOG_UNAVAILABLE, retryable, when too many are waiting;
   *   IDEMPOTENCY_MISMATCH
   */
  append(table: LoadedTable, append: Append): Promise<AppendResult>
}
