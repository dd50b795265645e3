import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LakeProgress } from '../../../src/cli/lake-progress.ts'
import type { TableReport } from '../../../src/pipeline/run-report.ts'
import { CapturedTerminal } from './captured-terminal.ts'

const report = (more: Partial<TableReport>): TableReport => ({
  ...{ table: 'bronze.a', status: 'done', action: 'load', reason: 'it is new', seconds: 1.5 },
  ...{ rowsAdded: 1, rowsDeleted: 0, rowsQuarantined: 0, expectations: [], notes: [] },
  ...more,
})
const failed = (message: string): TableReport =>
  report({ status: 'failed', error: { code: 'SOURCE_CHANGED', message, hint: 'mend it' } })
const SKIPPED = report({ status: 'skipped', action: 'skip', reason: 'no input changed' })
const LEFT_OUT = report({ table: 'silver.b', status: 'skipped', action: 'refuse', reason: 'bronze.a failed' })

/** Shows runs, a minute after one another, and gives the lines that each one wrote. */
class Watcher {
  readonly #terminal = new CapturedTerminal()
  readonly #progress: LakeProgress
  #nowMs = Date.UTC(2026, 0, 31, 12)

  constructor() {
    const clock = { nowMs: () => this.#nowMs, sleep: () => Promise.resolve() }
    this.#progress = new LakeProgress(this.#terminal, clock)
  }

  run(tables: readonly TableReport[], transactionId?: number): readonly string[] {
    const before = this.#terminal.stderr.length
    const names = tables.map(({ table }) => table)
    this.#progress.show({ type: 'run-started', runId: 'r', tables: names })
    for (const each of tables) {
      const { table, action, reason } = each
      if (action !== 'skip' && action !== 'refuse')
        this.#progress.show({ type: 'table-started', table, action, reason })
      this.#progress.show({ type: 'table-finished', report: each })
    }
    const base = { runId: 'r', startedAtMs: 0, seconds: 3, attempts: 1 }
    this.#progress.show({ type: 'run-finished', report: { ...base, transactionId, tables } })
    this.#nowMs += 60_000
    return this.#terminal.stderr.slice(before).split('\n').slice(0, -1)
  }
}

test('runs with nothing to do are silent, and so is what they skip beside what is done', () => {
  const watcher = new Watcher()
  assert.deepEqual(watcher.run([SKIPPED, LEFT_OUT]), [])
  const [line, summary, ...more] = watcher.run([report({}), { ...SKIPPED, table: 'gold.c' }], 7)
  assert.match(line ?? '', /^✓ bronze\.a +load +1 row {2}1\.50 s$/)
  assert.equal(summary, 'committed 1 table as transaction 7 in 3.00 s')
  assert.deepEqual(more, [])
})

test('a failure is shown when it comes, when it changes, every five minutes, and when it is mended', () => {
  const watcher = new Watcher()
  assert.deepEqual(watcher.run([failed('it was replaced'), LEFT_OUT]), [
    '✗ bronze.a  load    it was replaced',
    '  hint  mend it',
    'nothing to commit, 1 failed, left out with what reads it (3.00 s)',
  ])
  for (let run = 0; run < 4; run += 1)
    assert.deepEqual(watcher.run([failed('it was replaced'), LEFT_OUT]), [])
  assert.deepEqual(watcher.run([failed('it was replaced')]), [
    '✗ bronze.a still fails, for 6 runs since 2026-01-31T12:00:00.000Z: it was replaced',
  ])
  assert.deepEqual(watcher.run([failed('it was replaced')]), [])
  assert.match(watcher.run([failed('it is gone')])[0] ?? '', /✗ bronze\.a +load +it is gone/)
  assert.deepEqual(watcher.run([SKIPPED]), ['✓ bronze.a no longer fails, after 1 run'])
  assert.deepEqual(watcher.run([SKIPPED]), [])
})

test('what others commit while a failure lasts is shown without it', () => {
  const watcher = new Watcher()
  watcher.run([failed('it was replaced')])
  const lines = watcher.run([failed('it was replaced'), report({ table: 'gold.c' })], 8)
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /^✓ gold\.c/)
  assert.match(lines[1] ?? '', /^committed 1 table as transaction 8 .*, 1 failed, left out/)
})
