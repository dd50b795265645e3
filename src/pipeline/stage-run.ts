import { isIngotError } from '../errors.ts'
import type { BronzeTable, Lake, LakeTable } from '../lake/lake.ts'
import { quarantineIdentifier } from '../lake/quarantine.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, identifierKey } from '../table-identifier.ts'
import type { LoadReport } from './bronze-loader.ts'
import type { RefreshDecision } from './examine-table.ts'
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

/** Stages every selected table as soon as its inputs are: tables that do not read one another side by side. */
export async function stageRun(run: StageRunOptions): Promise<StagedRun> {
  const { tables } = run.selected
  const started = new Map<LakeTable, Promise<TableReport>>()
  for (const table of tables) {
    const inputs = inputsAmong(table, tables).map(input => started.get(input))
    started.set(table, stageAfter(run, table, inputs))
  }
  const settled = await Promise.allSettled(started.values())
  const reports = settled.map(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
  await finishLoads(run, reports)
  return { reports }
}

async function stageAfter(
  run: StageRunOptions,
  table: LakeTable,
  inputs: readonly (Promise<TableReport> | undefined)[],
): Promise<TableReport> {
  const before = await Promise.all(inputs)
  const lost = before.find(report => report !== undefined && isLost(report))
  const startedAtMs = run.dependencies.clock.nowMs()
  const report = lost === undefined ? await stageTable(run, table) : leftOut(table, `${lost.table} failed`)
  const seconds = (run.dependencies.clock.nowMs() - startedAtMs) / 1000
  const timed = { ...report, seconds }
  run.options.onEvent?.({ type: 'table-finished', report: timed })
  return timed
}

function emptyReport(table: LakeTable) {
  return {
    table: formatIdentifier(table.identifier),
    rowsAdded: 0,
    rowsDeleted: 0,
    rowsQuarantined: 0,
    seconds: 0,
    expectations: [],
  }
}

/** A table that is not computed because of what it reads; told from one for which nothing was due by its action. */
function leftOut(table: LakeTable, reason: string): TableReport {
  return { ...emptyReport(table), status: 'skipped', action: 'refuse', reason }
}

function isLost({ status, action }: TableReport): boolean {
  return status === 'failed' || (status === 'skipped' && action === 'refuse')
}

async function stageTable(run: StageRunOptions, table: LakeTable): Promise<TableReport> {
  // What was decided is known, and reported, even when doing it fails.
  let decision: RefreshDecision = { action: table.kind === 'bronze' ? 'load' : 'full', reason: '' }
  const onDecision = (decided: RefreshDecision): void => {
    decision = decided
    run.options.onEvent?.({ type: 'table-started', table: formatIdentifier(table.identifier), ...decided })
  }
  try {
    return table.kind === 'bronze' ? await stageLoad(run, table) : await stageRefresh(run, table, onDecision)
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
      ...decision,
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

async function stageLoad(run: StageRunOptions, table: BronzeTable): Promise<TableReport> {
  const { dependencies, transaction, options } = run
  const plan = await dependencies.loader.plan(table, transaction)
  const name = formatIdentifier(table.identifier)
  const isMade = (await transaction.table(table.identifier)) !== undefined
  if (plan.files === 0 && isMade)
    return {
      ...emptyReport(table),
      status: 'skipped',
      action: 'skip',
      reason: 'its sources have nothing new',
    }
  const reason = isMade ? 'its sources have something new' : 'it is new'
  options.onEvent?.({ type: 'table-started', table: name, action: 'load', reason, bytesTotal: plan.bytes })
  const load = await dependencies.loader.stage(table, plan, transaction, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: progress => options.onEvent?.({ type: 'table-progress', table: name, ...progress }),
  })
  return {
    ...emptyReport(table),
    status: 'done',
    action: 'load',
    reason,
    rowsAdded: load.rows,
    rowsQuarantined: load.quarantined,
    load,
  }
}

async function stageRefresh(
  run: StageRunOptions,
  table: DerivedTable,
  onDecision: (decision: RefreshDecision) => void,
): Promise<TableReport> {
  const { dependencies, lake, transaction, selected, options } = run
  const outcome = await refreshTable(table, {
    context: dependencies.context,
    engine: dependencies.engine,
    lake,
    transaction,
    run,
    fullRefresh: selected.isFullRefresh(table),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onDecision,
  })
  return { ...emptyReport(table), status: outcome.action === 'skip' ? 'skipped' : 'done', ...outcome }
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
