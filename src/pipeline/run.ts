import { IngotError, isIngotError } from '../errors.ts'
import type { Lake } from '../lake/lake.ts'
import { randomUuid } from '../random.ts'
import { CONFLICT_RETRIES_MAX, pauseBeforeRetry } from '../table/conflict-retries.ts'
import { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { createPipelineMetrics, type PipelineMetrics } from './pipeline-metrics.ts'
import type { RunEvent } from './run-events.ts'
import { runNote } from './run-note.ts'
import {
  type PipelineDependencies,
  type PlanOptions,
  type SelectedTables,
  selectTables,
} from './run-options.ts'
import type { RunReport } from './run-report.ts'
import { type StagedRun, stageRun } from './stage-run.ts'

export interface RunOptions extends PlanOptions {
  /** Aborted: nothing is committed. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RunEvent) => void
}

interface RunContext {
  readonly dependencies: PipelineDependencies
  readonly lake: Lake
  readonly selected: SelectedTables
  readonly options: RunOptions
  readonly metrics: PipelineMetrics
  readonly runId: string
  readonly startedAtMs: number
}

/**
 * Brings tables up to date and commits all of them in one transaction: readers see all or none of it. A table that fails, or must be
 * rebuilt and was not asked to be (PLAN_REFUSED in its report), is left out with those that read it; when others commit to the same tables meanwhile, the run is staged again from what there is then.
 * @throws COMMIT_CONFLICT when others were faster every time; CANCELLED
 */
export async function executeRun(
  dependencies: PipelineDependencies,
  lake: Lake,
  options: RunOptions = {},
): Promise<RunReport> {
  const { clock, random } = dependencies
  const run: RunContext = {
    dependencies,
    lake,
    selected: selectTables(lake, options),
    options,
    metrics: createPipelineMetrics(dependencies.metrics),
    runId: randomUuid(random),
    startedAtMs: clock.nowMs(),
  }
  const tables = run.selected.tables.map(({ identifier }) => formatIdentifier(identifier))
  options.onEvent?.({ type: 'run-started', runId: run.runId, tables })
  for (let attempt = 1; ; attempt += 1) {
    try {
      const report = await attemptRun(run, attempt)
      run.metrics.observeRun(report)
      options.onEvent?.({ type: 'run-finished', report })
      return report
    } catch (error) {
      if (!isIngotError(error, 'COMMIT_CONFLICT') || attempt > CONFLICT_RETRIES_MAX) throw error
      dependencies.log.info(
        { runId: run.runId, attempt, conflict: error.message },
        'others committed to the same tables: the run is staged again',
      )
      await pauseBeforeRetry(dependencies, attempt - 1, options.signal)
    }
  }
}

async function attemptRun(run: RunContext, attempt: number): Promise<RunReport> {
  const { dependencies, options, runId, startedAtMs } = run
  const transaction = new Transaction(dependencies.context)
  let staged: StagedRun
  try {
    staged = await stageRun({ ...run, transaction })
    options.signal?.throwIfAborted()
  } catch (error) {
    await removeFiles(run, transaction)
    throw options.signal?.aborted ? cancelledError(runId, error) : error
  }
  const report = (transactionId: number | undefined): RunReport => ({
    runId,
    startedAtMs,
    seconds: (dependencies.clock.nowMs() - startedAtMs) / 1000,
    attempts: attempt,
    transactionId,
    tables: staged.reports,
  })
  const result = await transaction.commit({ idempotencyKey: runId, note: runNote(report(undefined)) })
  return report(result?.transactionId)
}

/** What was written for tables that are not committed; best effort, as nothing names these files. */
async function removeFiles({ dependencies, runId }: RunContext, transaction: Transaction): Promise<void> {
  try {
    await transaction.removeFiles()
  } catch (error) {
    dependencies.log.warn({ runId, err: error }, 'files of a run that was not committed could not be removed')
  }
}

function cancelledError(runId: string, cause: unknown): IngotError {
  return new IngotError('CANCELLED', `run ${runId} was cancelled: nothing was committed`, {
    cause,
    context: { runId },
  })
}
