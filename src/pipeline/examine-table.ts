import { quarantineIdentifier } from '../lake/quarantine.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { type InputState, loadInputs } from './input-changes.ts'
import { type RefreshProgress, readRefreshProgress } from './refresh-progress.ts'
import type { DerivedTable } from './winning-rows.ts'

/** A derived table and its inputs, as a run finds them. */
export interface ExaminedTable {
  readonly table: DerivedTable
  /** Undefined: it is not there yet. */
  readonly staged: StagedTable | undefined
  readonly quarantine: StagedTable | undefined
  readonly progress: RefreshProgress | undefined
  /** Those that there are; a refresh takes place where none is missing. */
  readonly inputs: readonly InputState[]
}

/** Reads the metadata that decides what is due for a table. */
export async function examineTable(
  context: TableContext,
  transaction: Transaction,
  table: DerivedTable,
): Promise<ExaminedTable> {
  const staged = await transaction.table(table.identifier)
  const quarantine = await transaction.table(quarantineIdentifier(table.identifier))
  const progress = staged === undefined ? undefined : readRefreshProgress(staged.metadata)
  const inputs = await loadInputs(context, transaction, table, progress)
  return { table, staged, quarantine, progress, inputs }
}
