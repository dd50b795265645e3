import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../../src/clock.ts'
import { IngotError } from '../../../src/errors.ts'
import type { RunReport, TableReport } from '../../../src/pipeline/run-report.ts'
import { RunLog } from '../../../src/roles/run-log.ts'
import { createLog } from '../../../src/telemetry/log.ts'

/** A RunLog at a time that a test sets, and what it wrote. */
function openRunLog(isWatched = false) {
  const entries: Record<string, unknown>[] = []
  const log = createLog({ level: 'debug', stream: { write: line => entries.push(JSON.parse(line)) } })
  const time = { nowMs: 0 }
  const clock: Clock = { nowMs: () => time.nowMs, sleep: () => Promise.resolve() }
  const written = () => entries.splice(0).map(({ level, msg, table }) => [level, msg, table].join(' ').trim())
  return { runLog: new RunLog({ log, clock, isWatched }), time, entries, written }
}

const table = (more: Partial<TableReport>): TableReport => ({
  ...{ table: 'bronze.a', status: 'skipped', action: 'skip', reason: 'no input changed', seconds: 0 },
  ...{ rowsAdded: 0, rowsDeleted: 0, rowsQuarantined: 0, expectations: [], notes: [] },
  ...more,
})
const FAILED = table({
  status: 'failed',
  action: 'load',
  error: { code: 'SOURCE_CHANGED', message: 'it was replaced' },
})
const report = (...tables: readonly TableReport[]): RunReport => ({
  ...{ runId: 'r', startedAtMs: 0, seconds: 1, attempts: 1, transactionId: undefined },
  tables,
})

test('a table that fails in every run is logged once, then rarely, then when it is mended', () => {
  const { runLog, time, written } = openRunLog()
  for (let run = 0; run < 5; run += 1) runLog.finished(report(FAILED))
  assert.deepEqual(written(), ['error table failed bronze.a'])
  time.nowMs = 10 * 60_000
  runLog.finished(report(FAILED))
  assert.deepEqual(written(), ['error table still fails bronze.a'])
  runLog.finished(report(table({ action: 'refuse', reason: 'bronze.z failed' })))
  assert.deepEqual(written(), [], 'left out for another table, nothing is known of it')
  runLog.finished(report(table({})))
  runLog.finished(report(table({})))
  assert.deepEqual(written(), ['info table no longer fails bronze.a'])
  runLog.finished({ ...report(FAILED), transactionId: 7 })
  assert.deepEqual(written(), ['info run committed', 'error table failed bronze.a'])
})

test('a run that fails whole is logged once with what to do, and its stack only when it is a defect', () => {
  const { runLog, entries, written } = openRunLog()
  const unreachable = new IngotError('CATALOG_UNAVAILABLE', 'the catalog is away', { hint: 'look at it' })
  for (let run = 0; run < 3; run += 1) runLog.failed(unreachable)
  assert.deepEqual(
    entries.map(({ error, err }) => [error, err]),
    [[{ code: 'CATALOG_UNAVAILABLE', message: 'the catalog is away', hint: 'look at it' }, undefined]],
  )
  assert.deepEqual(written(), ['error run failed; it is tried again'])
  runLog.finished(report())
  assert.deepEqual(written(), ['info runs no longer fail'])
  runLog.failed(new TypeError('x is not a function'))
  assert.match(JSON.stringify(entries[0]), /"stack":"TypeError: x is not a function/)
})

test('to whom the tables are shown, only whole runs are logged', () => {
  const { runLog, written } = openRunLog(true)
  runLog.finished({ ...report(FAILED), transactionId: 7 })
  assert.deepEqual(written(), [])
  runLog.failed(new IngotError('CATALOG_UNAVAILABLE', 'the catalog is away'))
  assert.deepEqual(written(), ['error run failed; it is tried again'])
})
