import type { Expectation } from '../lake/lake.ts'
import type { LoadReport } from './bronze-loader.ts'

/** What a run does with a table. */
export type TableAction = 'skip' | 'load' | 'create' | 'append' | 'keys' | 'full' | 'refuse'

/** How many of the rows that a run computed passed and failed one expectation. */
export interface ExpectationCounts {
  readonly name: string
  readonly otherwise: Expectation['otherwise']
  readonly passed: number
  readonly failed: number
}

/** What a run did with one table. `skipped`: nothing was due, or what it reads failed. */
export interface TableReport {
  /** `silver.orders` */
  readonly table: string
  readonly status: 'done' | 'skipped' | 'failed'
  readonly action: TableAction
  readonly reason: string
  readonly rowsAdded: number
  readonly rowsDeleted: number
  readonly rowsQuarantined: number
  /**
   * Of a table with a key: rows that were computed and gave way to another of their key, those of deleted keys included. Undefined where
   * that is not known.
   */
  readonly rowsSuperseded?: number
  readonly seconds: number
  readonly expectations: readonly ExpectationCounts[]
  /** What the user should know of the table besides, a sentence each. */
  readonly notes: readonly string[]
  /** Of a bronze table. */
  readonly load?: LoadReport
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
}

/** What a run did. Its tables were committed together, those that failed left out. */
export interface RunReport {
  readonly runId: string
  readonly startedAtMs: number
  readonly seconds: number
  /** How often the run was staged: more than once when others committed to the same tables meanwhile. */
  readonly attempts: number
  /** Undefined when nothing was due. */
  readonly transactionId: number | undefined
  readonly tables: readonly TableReport[]
}

/** What a run would do with one table, from metadata alone: the action and reason that the run then reports. */
export interface TablePlan {
  /** `silver.orders` */
  readonly table: string
  readonly action: TableAction
  readonly reason: string
  /** Inputs that the run itself changes first: without that, nothing would be due. */
  readonly after: readonly string[]
  /** What makes a recompute of it, as only the rows tell: `rows of silver.orders are gone or changed`. */
  readonly fullIf?: string
  /** What to do about a refusal: one command for all tables that must be rebuilt. */
  readonly hint?: string
  /** What the user should know of the table besides, a sentence each. */
  readonly notes: readonly string[]
  /** Of the inputs' changes, or of all inputs where the table is recomputed. */
  readonly files: number
  readonly rows: number
  readonly bytes: number
}

/** What a run would do. */
export interface RunPlan {
  readonly tables: readonly TablePlan[]
}
