import type { Lake } from '../lake/lake.ts'
import type { EngineSession } from '../table/engine.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import type { RefreshDecision } from './decide-action.ts'
import type { ExaminedTable } from './examine-table.ts'
import type { PreparedTable } from './prepared-table.ts'
import type { ExpectationCounts } from './run-report.ts'

/** The refresh of one table in one run. */
export interface RefreshContext {
  readonly context: TableContext
  readonly session: EngineSession
  readonly transaction: Transaction
  readonly lake: Lake
  readonly examined: ExaminedTable
  readonly prepared: PreparedTable
  readonly run: { readonly runId: string; readonly startedAtMs: number }
}

/** What a refresh did: the decision as it turned out, and counts. */
export interface RefreshOutcome extends RefreshDecision {
  readonly rowsAdded: number
  readonly rowsDeleted: number
  readonly rowsQuarantined: number
  readonly rowsSuperseded?: number
  readonly expectations: readonly ExpectationCounts[]
}
