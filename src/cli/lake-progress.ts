import type { Clock } from '../clock.ts'
import type { RunEvent } from '../pipeline/run-events.ts'
import type { TableReport } from '../pipeline/run-report.ts'
import { LastingFailures } from '../roles/lasting-failures.ts'
import { RunProgress } from './run-progress.ts'
import type { Terminal } from './terminal.ts'
import { formatCount } from './text-table.ts'

type TableFinished = Extract<RunEvent, { type: 'table-finished' }>

/**
 * Shows a lake that keeps running: as RunProgress does, but silent about runs and tables that had nothing to do, and about
 * failures that were shown before and last.
 */
export class LakeProgress {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #progress: RunProgress
  readonly #failures = new LastingFailures()
  /** Whether the run has shown anything that its last line would sum up. */
  #hasNews = false

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal
    this.#clock = clock
    this.#progress = new RunProgress(terminal)
  }

  show(event: RunEvent): void {
    if (event.type === 'run-started') this.#hasNews = false
    if (event.type === 'table-finished') this.#showTable(event)
    else if (event.type !== 'run-finished') this.#progress.show(event)
    else if (this.#hasNews || event.report.transactionId !== undefined) this.#progress.show(event)
    else this.#progress.close()
  }

  /** Stops drawing and leaves the cursor on a line of its own. */
  close(): void {
    this.#progress.close()
  }

  #showTable(event: TableFinished): void {
    const { report } = event
    const change = report.status === 'failed' ? this.#failed(report) : this.#succeeded(report)
    if (change === 'news') {
      this.#hasNews = true
      this.#progress.show(event)
    } else {
      this.#progress.forget(report.table)
      if (change !== undefined) this.#progress.print(change)
    }
  }

  /** Whether the report is to be shown, or a line in its place, or nothing. */
  #failed({ table, error }: TableReport): 'news' | string | undefined {
    const message = error?.message ?? 'failed'
    const news = this.#failures.failed(table, message, this.#clock.nowMs())
    if (news === undefined || news.type === 'new') return news && 'news'
    const since = new Date(news.sinceMs).toISOString()
    const mark = this.#terminal.style.red('✗')
    return `${mark} ${table} still fails, for ${formatCount(news.runs, 'run')} since ${since}: ${message}`
  }

  #succeeded({ table, status, action }: TableReport): 'news' | string | undefined {
    // Left out because of another table: it is that one's failure which counts.
    const runs = action === 'refuse' ? undefined : this.#failures.succeeded(table)
    if (status === 'done') return 'news'
    if (runs === undefined) return undefined
    return `${this.#terminal.style.green('✓')} ${table} no longer fails, after ${formatCount(runs, 'run')}`
  }
}
