import type { RunEvent } from '../pipeline/run-events.ts'
import type { RunReport, TableReport } from '../pipeline/run-report.ts'
import type { Terminal } from './terminal.ts'
import { formatBytes, formatCount, formatNumber, visible } from './text-table.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const REDRAW_MS = 80
const BAR_WIDTH = 20
/** Of the digits of a table's rows, so that those of all tables stand below each other. */
const ROWS_WIDTH = 11

interface RunningTable {
  readonly table: string
  readonly action: string
  readonly startedAtMs: number
  readonly bytesTotal: number | undefined
  rows: number
  bytes: number
}

/**
 * Shows a run on standard error as it happens: a line for each table that is done and, in a terminal, one that moves for each
 * that runs. Feed it every event; it draws until the run has finished or `close` is called.
 */
export class RunProgress {
  readonly #terminal: Terminal
  readonly #running = new Map<string, RunningTable>()
  readonly #hints = new Set<string>()
  #nameWidth = 0
  #drawnLines = 0
  #frame = 0
  #timer: NodeJS.Timeout | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  show(event: RunEvent): void {
    switch (event.type) {
      case 'run-started':
        this.#nameWidth = Math.max(0, ...event.tables.map(name => name.length))
        // A pipeline that was killed begins anew.
        this.#running.clear()
        this.#hints.clear()
        return
      case 'table-started':
        this.#start(event)
        return
      case 'table-progress': {
        const running = this.#running.get(event.table)
        if (running) Object.assign(running, { rows: event.rows, bytes: event.bytes })
        return
      }
      case 'table-finished':
        this.#running.delete(event.report.table)
        this.print(this.#finishedLine(event.report))
        return
      case 'run-finished':
        this.close()
        this.#terminal.err(summaryLine(event.report, this.#terminal))
    }
  }

  /** Draws a table no longer, and says nothing of how it ended. */
  forget(table: string): void {
    this.#running.delete(table)
  }

  /** Writes a line above what is drawn. */
  print(line: string): void {
    this.#erase()
    this.#terminal.err(line)
    if (this.#timer) this.#draw()
  }

  /** Stops drawing and leaves the cursor on a line of its own. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#erase()
  }

  #start(event: Extract<RunEvent, { type: 'table-started' }>): void {
    this.#running.set(event.table, {
      table: event.table,
      action: event.action,
      startedAtMs: Date.now(),
      bytesTotal: event.bytesTotal,
      rows: 0,
      bytes: 0,
    })
    if (!this.#terminal.interactive || this.#timer) return
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS)
    this.#timer.unref()
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#terminal.draw(`\u001b[${this.#drawnLines}A\u001b[J`)
    this.#drawnLines = 0
  }

  #draw(): void {
    this.#erase()
    this.#frame = (this.#frame + 1) % FRAMES.length
    for (const running of this.#running.values()) {
      this.#terminal.draw(`${this.#runningLine(running)}\n`)
      this.#drawnLines += 1
    }
  }

  #runningLine(running: RunningTable): string {
    const { style } = this.#terminal
    const seconds = ((Date.now() - running.startedAtMs) / 1000).toFixed(1)
    const amount = running.rows > 0 ? formatCount(running.rows, 'row') : ''
    const share = running.bytesTotal ? Math.min(1, running.bytes / running.bytesTotal) : undefined
    const bar = share === undefined ? '' : `${drawBar(share)} ${(share * 100).toFixed(0).padStart(3)}%`
    const parts = [bar, amount, `${seconds} s`].filter(part => part !== '')
    const line = `${running.table.padEnd(this.#nameWidth)}  ${running.action.padEnd(7)} ${parts.join('  ')}`
    // A line that wraps would be two, and erased by half.
    return `${style.cyan(FRAMES[this.#frame] ?? '')} ${line.slice(0, this.#terminal.columns() - 3)}`
  }

  #finishedLine(report: TableReport): string {
    const { style } = this.#terminal
    const mark = { done: style.green('✓'), skipped: style.dim('·'), failed: style.red('✗') }[report.status]
    const head = `${mark} ${report.table.padEnd(this.#nameWidth)}  ${report.action.padEnd(7)}`
    if (report.status === 'failed') {
      return `${head} ${style.red(report.error?.message ?? 'failed')}${this.#newHint(report.error?.hint)}`
    }
    const notes = report.notes.map(note => `\n    ${style.yellow('note')} ${visible(note)}`).join('')
    if (report.status === 'skipped') return `${head} ${style.dim(report.reason)}${notes}`
    const warnings = report.expectations
      .filter(expectation => expectation.failed > 0)
      .map(
        ({ name, failed, otherwise }) =>
          `\n    ${style.yellow(otherwise)} ${formatCount(failed, 'row')}: ${name}`,
      )
    // That a table is computed anew is worth a reason: it costs more than to follow changes.
    const reason = report.action === 'full' ? `\n    ${style.dim(`in full: ${visible(report.reason)}`)}` : ''
    return `${head} ${reportFigures(report)}${reason}${warnings.join('')}${notes}`
  }

  /** A line with the hint, once a run: the command that rebuilds tables is the same for all of them. */
  #newHint(hint: string | undefined): string {
    if (hint === undefined || this.#hints.has(hint)) return ''
    this.#hints.add(hint)
    return `\n  ${this.#terminal.style.cyan('hint')}  ${hint}`
  }
}

function reportFigures(report: TableReport): string {
  const figures = [
    formatCount(report.rowsAdded, 'row', ROWS_WIDTH),
    ...(report.rowsDeleted > 0 ? [`${formatNumber(report.rowsDeleted)} replaced`] : []),
    ...(report.rowsSuperseded ? [`${formatNumber(report.rowsSuperseded)} superseded by key`] : []),
    ...(report.rowsQuarantined > 0 ? [`${formatNumber(report.rowsQuarantined)} quarantined`] : []),
    ...(report.load && report.load.rescued > 0 ? [rescuedFigure(report.load)] : []),
    ...(report.load
      ? [`from ${formatCount(report.load.files, 'file')}, ${formatBytes(report.load.bytes)}`]
      : []),
  ]
  return `${figures.join(', ')}  ${report.seconds.toFixed(2)} s`
}

const RESCUED_FIELDS_SHOWN_MAX = 5

function rescuedFigure({ rescued, rescuedFields }: NonNullable<TableReport['load']>): string {
  const names = rescuedFields.slice(0, RESCUED_FIELDS_SHOWN_MAX).map(({ name }) => visible(name))
  const more = rescuedFields.length > names.length ? ', …' : ''
  return `${formatNumber(rescued)} with rescued fields (${names.join(', ')}${more})`
}

function summaryLine(report: RunReport, { style }: Terminal): string {
  const count = (status: TableReport['status']): number =>
    report.tables.filter(table => table.status === status).length
  const failed = count('failed')
  const failedText =
    failed > 0
      ? style.red(`, ${failed} failed, left out with what reads ${failed === 1 ? 'it' : 'them'}`)
      : ''
  const seconds = `${report.seconds.toFixed(2)} s`
  if (report.transactionId === undefined) return `nothing to commit${failedText} (${seconds})`
  const attempts = report.attempts > 1 ? `, staged ${formatCount(report.attempts, 'time')}` : ''
  return style.bold(
    `committed ${formatCount(count('done'), 'table')} as transaction ${report.transactionId} in ${seconds}${attempts}${failedText}`,
  )
}

function drawBar(share: number): string {
  const full = Math.round(share * BAR_WIDTH)
  return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full)
}
