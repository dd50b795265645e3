import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunProgress } from '../../../src/cli/run-progress.ts'
import type { RunEvent } from '../../../src/pipeline/run-events.ts'
import type { RunReport, TableReport } from '../../../src/pipeline/run-report.ts'
import { CapturedTerminal } from './captured-terminal.ts'

const report = (table: string, more: Partial<TableReport> = {}): TableReport => ({
  ...{ table, status: 'done', action: 'load', reason: 'it is new', seconds: 1.5, expectations: [] },
  ...{ rowsAdded: 1200, rowsDeleted: 0, rowsQuarantined: 0, notes: [] },
  ...more,
})

const runReport = (more: Partial<RunReport> = {}): RunReport => ({
  ...{ runId: 'r', startedAtMs: 0, seconds: 3, attempts: 1, transactionId: 7 },
  tables: [report('bronze.a'), report('gold.long_name', { status: 'failed' })],
  ...more,
})

const STARTED: RunEvent = { type: 'run-started', runId: 'r', tables: ['bronze.a', 'gold.long_name'] }
const begin = (table: string, bytesTotal?: number): RunEvent => ({
  ...{ type: 'table-started', table, action: 'load', reason: 'it is new' },
  ...(bytesTotal === undefined ? {} : { bytesTotal }),
})

test('where nobody watches, each table that is done is one plain line', () => {
  const terminal = new CapturedTerminal()
  const progress = new RunProgress(terminal)
  const events: readonly RunEvent[] = [
    STARTED,
    begin('bronze.a', 2048),
    { type: 'table-progress', table: 'bronze.a', rows: 600, bytes: 1024 },
    {
      type: 'table-finished',
      report: report('bronze.a', {
        rowsDeleted: 3,
        rowsSuperseded: 7892,
        rowsQuarantined: 2,
        load: { files: 1, bytes: 2048, rows: 1200, quarantined: 2 } as TableReport['load'] & object,
        expectations: [{ name: 'it is plausible', otherwise: 'warn', passed: 1198, failed: 2 }],
      }),
    },
    {
      type: 'table-finished',
      report: report('gold.long_name', {
        status: 'failed',
        error: { code: 'X', message: 'why', hint: 'what to do' },
      }),
    },
    { type: 'run-finished', report: runReport() },
  ]
  for (const event of events) progress.show(event)
  progress.close()
  assert.deepEqual(terminal.stderr.split('\n'), [
    '✓ bronze.a        load          1,200 rows, 3 replaced, 7,892 superseded by key, 2 quarantined, from 1 file, 2.0 KiB  1.50 s',
    '    warn 2 rows: it is plausible',
    '✗ gold.long_name  load    why',
    '  hint  what to do',
    'committed 1 table as transaction 7 in 3.00 s, 1 failed, left out with what reads it',
    '',
  ])
})

test('rescued fields and notes are told, and cannot draw', () => {
  const terminal = new CapturedTerminal()
  const progress = new RunProgress(terminal)
  const rescuedFields = ['city', 'a\u001b[2J', 'b', 'c', 'd', 'e'].map(name => ({ name, rows: 2 }))
  const load = { files: 1, bytes: 2048, rows: 11, quarantined: 0, rescued: 11, rescuedFields }
  const notes = ['column \u009b2J is no longer declared: kept, null in new rows']
  progress.show(STARTED)
  progress.show({
    type: 'table-finished',
    report: report('bronze.a', { rowsAdded: 11, load, notes }),
  })
  assert.deepEqual(terminal.stderr.split('\n'), [
    '✓ bronze.a        load             11 rows, 11 with rescued fields (city, a\\u001b[2J, b, c, d, …), from 1 file, 2.0 KiB  1.50 s',
    '    note column \\u009b2J is no longer declared: kept, null in new rows',
    '',
  ])
})

test('a recompute has its reason, and a command that rebuilds several tables is told once', () => {
  const terminal = new CapturedTerminal()
  const progress = new RunProgress(terminal)
  const hint = 'ingot run --full-refresh silver.b --full-refresh silver.c'
  const refused = (table: string): TableReport =>
    report(table, {
      ...{ status: 'failed', action: 'refuse' },
      error: { code: 'PLAN_REFUSED', message: `${table} must be rebuilt`, hint },
    })
  const full = report('silver.a', { action: 'full', reason: '2 rows of bronze.a are gone or changed' })
  progress.show({ type: 'run-started', runId: 'r', tables: ['silver.a'] })
  for (const table of [full, refused('silver.b'), refused('silver.c')])
    progress.show({ type: 'table-finished', report: table })
  assert.deepEqual(terminal.stderr.split('\n'), [
    '✓ silver.a  full          1,200 rows  1.50 s',
    '    in full: 2 rows of bronze.a are gone or changed',
    '✗ silver.b  refuse  silver.b must be rebuilt',
    `  hint  ${hint}`,
    '✗ silver.c  refuse  silver.c must be rebuilt',
    '',
  ])
})

test('in a terminal a table that runs has a bar, and nothing of it stays', () => {
  const terminal = new CapturedTerminal({ interactive: true })
  const progress = new RunProgress(terminal)
  progress.show(STARTED)
  progress.show(begin('bronze.a'))
  progress.show(begin('gold.long_name', 4000))
  progress.show({ type: 'table-progress', table: 'gold.long_name', rows: 1234, bytes: 1000 })
  progress.show({ type: 'table-finished', report: report('bronze.a') })
  const shown = screen(terminal.stderr)
  assert.equal(shown.length, 3)
  assert.match(shown[0] ?? '', /^✓ bronze\.a/)
  assert.match(shown[1] ?? '', /^. gold\.long_name {2}load {4}█████░{15} {2}25% {2}1,234 rows {2}[\d.]+ s$/)
  assert.equal(shown[2], '', 'the cursor is on a line of its own')
  progress.show({ type: 'table-progress', table: 'gold.long_name', rows: 5000, bytes: 8000 })
  progress.show({ type: 'table-finished', report: report('gold.long_name') })
  progress.show({ type: 'run-finished', report: runReport({ tables: [] }) })
  const left = screen(terminal.stderr)
  assert.deepEqual(
    left.map(line => line.slice(0, 8)),
    ['✓ bronze', '✓ gold.l', 'committe', ''],
  )
})

test('a bar is no wider than the terminal, and ends when the run is cut off', () => {
  const terminal = new CapturedTerminal({ interactive: true, columns: 30 })
  const progress = new RunProgress(terminal)
  progress.show(STARTED)
  progress.show(begin('bronze.a', 100))
  progress.show(begin('gold.long_name', 100))
  progress.show({ type: 'table-finished', report: report('bronze.a') })
  assert.ok((screen(terminal.stderr)[1] ?? '').length < 30)
  progress.close()
  assert.deepEqual(screen(terminal.stderr).slice(1), [''])
})

/** The lines that a terminal shows after it was sent `text`: of escapes, only "so many lines up, erase what follows". */
function screen(text: string): readonly string[] {
  const lines = ['']
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
  for (const part of text.split(/(\u001b\[\d+A\u001b\[J|\n)/)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
    const up = /^\u001b\[(\d+)A/.exec(part)
    if (up) lines.splice(lines.length - 1 - Number(up[1]), lines.length, '')
    else if (part === '\n') lines.push('')
    else lines[lines.length - 1] += part
  }
  return lines
}
