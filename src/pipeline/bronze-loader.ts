import type { BronzeTable } from '../lake/lake.ts'
import type { Transaction } from '../table/transaction.ts'

/** What the sources of a bronze table have that was not taken yet. */
export interface LoadPlan {
  /** Sources that are new, grew or were replaced. */
  readonly files: number
  readonly bytes: number
  /** What the user should know of the table besides, a sentence each. */
  readonly notes: readonly string[]
}

/** What one load of a bronze table took. */
export interface LoadReport {
  readonly files: number
  /** Rows that reached the table. */
  readonly rows: number
  /** Rows or lines that reached its quarantine table instead. */
  readonly quarantined: number
  /** Rows of the table with something in `_rescued`. */
  readonly rescued: number
  /** Which fields these are, those of the most rows first; not all where there are many. */
  readonly rescuedFields: readonly { readonly name: string; readonly rows: number }[]
  readonly bytes: number
}

/** A load that is staged. */
export interface StagedLoad extends LoadReport {
  /** What the user should know of what was loaded, a sentence each. */
  readonly notes: readonly string[]
}

interface LoadProgress {
  readonly rows: number
  readonly bytes: number
}

interface LoadOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: LoadProgress) => void
}

/**
 * Fills bronze tables from their sources, in the transaction of a run. `ingest` implements it and `platform.ts` hands it in: the
 * two folders do not import one another. `Plan` is the implementation's own; the pipeline only counts what is in it.
 */
export interface BronzeLoader<Plan extends LoadPlan = LoadPlan> {
  /** Looks at the sources, reads no rows: cheap enough for `ingot plan`. */
  plan(table: BronzeTable, transaction: Transaction): Promise<Plan>
  /** Stages the rows of `plan`; creates the table when it is not there. */
  stage(table: BronzeTable, plan: Plan, transaction: Transaction, options?: LoadOptions): Promise<StagedLoad>
  /** Records what was taken, once for all tables of the run that succeeded: by identifierKey. */
  finish(transaction: Transaction, reports: ReadonlyMap<string, LoadReport>): Promise<void>
}
