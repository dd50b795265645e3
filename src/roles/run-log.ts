import type { Clock } from '../clock.ts'
import { isIngotError } from '../errors.ts'
import type { RunReport, TableReport } from '../pipeline/run-report.ts'
import type { Log } from '../telemetry/log.ts'
import { LastingFailures } from './lasting-failures.ts'

/** A key that is no table's name. */
const WHOLE_RUN = ''

/** The log of a pipeline that runs again and again: what was committed, what fails from when, and what is mended. */
export class RunLog {
  readonly #log: Log
  readonly #clock: Clock
  /** Whoever started the role shows its tables: only what its events do not tell is logged. */
  readonly #isWatched: boolean
  readonly #failures = new LastingFailures()

  constructor(options: { readonly log: Log; readonly clock: Clock; readonly isWatched: boolean }) {
    this.#log = options.log
    this.#clock = options.clock
    this.#isWatched = options.isWatched
  }

  finished(report: RunReport): void {
    const runs = this.#failures.succeeded(WHOLE_RUN)
    if (runs !== undefined) this.#log.info({ runs }, 'runs no longer fail')
    if (this.#isWatched) return
    const { runId, transactionId, seconds } = report
    if (transactionId !== undefined) this.#log.info({ runId, transactionId, seconds }, 'run committed')
    for (const table of report.tables) this.#tableFinished(runId, table)
  }

  /** The run as a whole failed, and is tried again. */
  failed(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    const news = this.#failures.failed(WHOLE_RUN, text, this.#clock.nowMs())
    if (news === undefined) return
    // Where a failure of the world was noticed in the program helps nobody; a defect's stack does.
    const fields = isIngotError(error)
      ? { error: { code: error.code, message: error.message, hint: error.hint } }
      : { err: error }
    if (news.type === 'new') this.#log.error(fields, 'run failed; it is tried again')
    else this.#log.error({ ...fields, ...lasting(news) }, 'runs still fail')
  }

  #tableFinished(runId: string, { table, status, action, error }: TableReport): void {
    if (status === 'failed') {
      const news = this.#failures.failed(table, `${error?.code} ${error?.message}`, this.#clock.nowMs())
      if (news?.type === 'new') this.#log.error({ runId, table, error }, 'table failed')
      else if (news) this.#log.error({ runId, table, error, ...lasting(news) }, 'table still fails')
    } else if (action !== 'refuse') {
      const runs = this.#failures.succeeded(table)
      if (runs !== undefined) this.#log.info({ runId, table, runs }, 'table no longer fails')
    }
  }
}

function lasting({ runs, sinceMs }: { readonly runs: number; readonly sinceMs: number }) {
  return { runs, since: new Date(sinceMs).toISOString() }
}
