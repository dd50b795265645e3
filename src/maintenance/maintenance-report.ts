import type { TableMetadata } from '../format/metadata-types.ts'
import { partitionName } from './partition-name.ts'
import type { Rewrite } from './plan-compaction.ts'
import type { ExpiryPlan, KeepReason } from './plan-expiry.ts'
import type { TableShape } from './table-shape.ts'
import type { RemovableFile } from './unreachable-files.ts'

/** How many of something, and their size; sizes that only the storage knows are left out. */
export interface FileTotals {
  readonly files: number
  readonly bytes: number
}

/** Files of a table that are written again as one, or as few as hold their rows. */
interface RewriteReport {
  /** As a person reads it; null in a table without partitions. */
  readonly partition: string | null
  readonly files: number
  readonly bytes: number
  readonly reason: string
}

/** What maintenance did with a table; in a dry run, what it would do. */
export interface TableMaintenance {
  readonly table: string
  /** Not there when the table could not be read. */
  readonly before?: TableShape
  /** Not there in a dry run. */
  readonly after?: TableShape
  readonly snapshotsExpired: number
  /** How many stay, by why. */
  readonly snapshotsKept: Readonly<Partial<Record<KeepReason, number>>>
  /** Branches and tags that went because of their age. */
  readonly refsExpired: readonly string[]
  /** Versions that can no longer be loaded from the catalog's history. */
  readonly versionsForgotten: number
  readonly rewrites: readonly RewriteReport[]
  /** Small manifests that were joined. */
  readonly manifestsJoined: number
  /** Files that no version needs any more. */
  readonly removed: FileTotals
  /** Files that no version ever needed. */
  readonly orphans: FileTotals
  /** What is left for later, and why. */
  readonly postponed: readonly string[]
  readonly error?: { readonly code: string; readonly message: string }
}

/** A dropped table whose files were removed, as nothing can bring it back. */
export interface DepartedMaintenance extends FileTotals {
  readonly table: string
  readonly location: string
}

/** What one round of maintenance did. */
export interface MaintenanceReport {
  readonly isDryRun: boolean
  readonly seconds: number
  readonly tables: readonly TableMaintenance[]
  readonly departed: readonly DepartedMaintenance[]
}

/** Collects what is done with one table. */
export class TableLedger {
  #report: TableMaintenance

  constructor(table: string) {
    this.#report = {
      table,
      snapshotsExpired: 0,
      snapshotsKept: {},
      refsExpired: [],
      versionsForgotten: 0,
      rewrites: [],
      manifestsJoined: 0,
      removed: { files: 0, bytes: 0 },
      orphans: { files: 0, bytes: 0 },
      postponed: [],
    }
  }

  get report(): TableMaintenance {
    return this.#report
  }

  set(members: Partial<TableMaintenance>): void {
    this.#report = { ...this.#report, ...members }
  }

  addExpiry({ kept, expired, expiredRefs }: ExpiryPlan): void {
    const snapshotsKept: Partial<Record<KeepReason, number>> = {}
    for (const reason of kept.values()) snapshotsKept[reason] = (snapshotsKept[reason] ?? 0) + 1
    this.set({ snapshotsKept, snapshotsExpired: expired.length, refsExpired: expiredRefs })
  }

  addRewrites(metadata: TableMetadata, rewrites: readonly Rewrite[]): void {
    const done = rewrites.map(({ tasks, bytes, reason }) => ({
      partition: (tasks[0] && partitionName(metadata, tasks[0].entry)) ?? null,
      files: tasks.length,
      bytes,
      reason,
    }))
    this.set({ rewrites: [...this.#report.rewrites, ...done] })
  }

  postpone(what: string): void {
    this.set({ postponed: [...this.#report.postponed, what] })
  }
}

export function totalsOf(files: readonly RemovableFile[]): FileTotals {
  return { files: files.length, bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0) }
}
