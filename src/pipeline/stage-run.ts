import { isIngotError } from '../errors.ts'
import type { BronzeTable, Lake, LakeTable } from '../lake/lake.ts'
import { quarantineIdentifier } from '../lake/quarantine.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, identifierKey } from '../table-identifier.ts'
import type { LoadReport } from './bronze-loader.ts'
import { type Circumstances, lostReason, type RefreshDecision } from './decide-action.ts'
import { decideLoad } from './decide-load.ts'
import { findRebuilds } from './find-rebuilds.ts'
import { refreshTable } from './refresh-table.ts'
import type { RunEvent } from './run-events.ts'
import { inputsAmong, type PipelineDependencies, type SelectedTables } from './run-options.ts'
import type { TableReport } from './run-report.ts'
import type { DerivedTable } from './winning-rows.ts'

export interface StageRunOptions {
  readonly dependencies: PipelineDependencies
  readonly lake: Lake
  readonly selected: SelectedTables
  readonly transaction: Transaction
  readonly options: { readonly signal?: AbortSignal; readonly onEvent?: (event: RunEvent) => void }
  readonly runId: string
  readonly startedAtMs: number
}

/** A run that is ready to be committed. */
export interface StagedRun {
  readonly reports: readonly TableReport[]
}

/** A table as it is once the run is done with it. */
interface StagedOutcome {
  readonly report: TableReport
  /** Why what reads it is left out; undefined: it is up to date. */
  readonly lost: string | undefined
}

/** Stages every selected table as soon as its inputs are: tables that do not read one another side by side. */
export async function stageRun(run: StageRunOptions): Promise<StagedRun> {
  const { tables } = run.selected
  const { engine } = run.dependencies
  const rebuilds = await findRebuilds({ ...run, engine }, run.selected)
  const started = new Map<LakeTable, Promise<StagedOutcome>>()
  for (const table of tables) {
    const inputs = inputsAmong(table, tables).map(input => started.get(input))
    started.set(table, stageAfter(run, table, rebuilds.get(table), inputs))
  }
  const settled = await Promise.allSettled(started.values())
  const reports = settled.map(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value.report
  })
  await finishLoads(run, reports)
  return { reports }
}

async function stageAfter(
  run: StageRunOptions,
  table: LakeTable,
  rebuild: Circumstances['rebuild'],
  inputs: readonly (Promise<StagedOutcome> | undefined)[],
): Promise<StagedOutcome> {
  const before = await Promise.all(inputs)
  const lost = before.find(outcome => outcome?.lost !== undefined)?.lost
  const fullRefresh = run.selected.isFullRefresh(table)
  const startedAtMs = run.dependencies.clock.nowMs()
  const staged = await stageTable(run, table, { fullRefresh, rebuild, lost, moving: [] })
  const report = { ...staged, seconds: (run.dependencies.clock.nowMs() - startedAtMs) / 1000 }
  run.options.onEvent?.({ type: 'table-finished', report })
  const isLost = report.status === 'failed' || report.action === 'refuse'
  return { report, lost: isLost ? lostReason(report.table, { rebuild, lost }) : undefined }
}

function emptyReport(table: LakeTable) {
  return {
    table: formatIdentifier(table.identifier),
    rowsAdded: 0,
    rowsDeleted: 0,
    rowsQuarantined: 0,
    seconds: 0,
    expectations: [],
    notes: [],
  }
}

async function stageTable(
  run: StageRunOptions,
  table: LakeTable,
  circumstances: Circumstances,
): Promise<TableReport> {
  // What was decided is known, and reported, even when doing it fails.
  let decision: RefreshDecision | undefined
  const onDecision = (decided: RefreshDecision, bytesTotal?: number): void => {
    const { action, reason } = decided
    decision = { action, reason }
    if (action === 'refuse') return
    run.options.onEvent?.({
      type: 'table-started',
      table: formatIdentifier(table.identifier),
      ...decision,
      ...(bytesTotal === undefined ? {} : { bytesTotal }),
    })
  }
  try {
    return table.kind === 'bronze'
      ? await stageLoad(run, table, onDecision)
      : await stageRefresh(run, table, circumstances, onDecision)
  } catch (error) {
    run.options.signal?.throwIfAborted()
    // Not of this table alone: the run is staged again from what there is by now.
    if (!isIngotError(error) || error.code === 'COMMIT_CONFLICT') throw error
    discard(run, table)
    const { code, message, hint } = error
    run.dependencies.log.debug(
      { runId: run.runId, table: formatIdentifier(table.identifier), err: error },
      'a table failed and is left out of the run',
    )
    return {
      ...emptyReport(table),
      ...(decision ?? { action: 'refuse', reason: message }),
      status: 'failed',
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
    }
  }
}

/** Takes a failed table, and the quarantine table that goes with it, out of the transaction. */
function discard({ transaction }: StageRunOptions, { identifier }: LakeTable): void {
  transaction.discard(identifier)
  transaction.discard(quarantineIdentifier(identifier))
}

async function stageLoad(
  run: StageRunOptions,
  table: BronzeTable,
  onDecision: (decision: RefreshDecision, bytesTotal: number) => void,
): Promise<TableReport> {
  const { dependencies, transaction, options } = run
  const { plan, decision } = await decideLoad(dependencies.loader, transaction, table)
  if (decision.action === 'skip') return { ...emptyReport(table), status: 'skipped', ...decision }
  onDecision(decision, plan.bytes)
  const name = formatIdentifier(table.identifier)
  const { notes, ...load } = await dependencies.loader.stage(table, plan, transaction, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: progress => options.onEvent?.({ type: 'table-progress', table: name, ...progress }),
  })
  return {
    ...emptyReport(table),
    status: 'done',
    ...decision,
    rowsAdded: load.rows,
    rowsQuarantined: load.quarantined,
    notes,
    load,
  }
}

async function stageRefresh(
  run: StageRunOptions,
  table: DerivedTable,
  circumstances: Circumstances,
  onDecision: (decision: RefreshDecision) => void,
): Promise<TableReport> {
  const { dependencies, lake, transaction, options } = run
  const outcome = await refreshTable(table, {
    context: dependencies.context,
    engine: dependencies.engine,
    lake,
    transaction,
    run,
    circumstances,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onDecision,
  })
  const isSkipped = outcome.action === 'skip' || outcome.action === 'refuse'
  return { ...emptyReport(table), status: isSkipped ? 'skipped' : 'done', ...outcome }
}

async function finishLoads(
  { dependencies, selected, transaction }: StageRunOptions,
  reports: readonly TableReport[],
): Promise<void> {
  const loads = new Map<string, LoadReport>()
  for (const [index, table] of selected.tables.entries()) {
    const load = reports[index]?.load
    if (load !== undefined) loads.set(identifierKey(table.identifier), load)
  }
  if (loads.size > 0) await dependencies.loader.finish(transaction, loads)
}
