import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseQueryPoint, type QueryPoint } from '../../../src/cli/query-point.ts'

const POINTS: readonly (readonly [text: string | undefined, point: QueryPoint])[] = [
  [undefined, { type: 'now' }],
  ['4358109269898224417', { type: 'snapshot', snapshotId: 4358109269898224417n }],
  ['transaction:7', { type: 'transaction', transactionId: 7 }],
  ['2026-01-31', { type: 'time', timeMs: Date.UTC(2026, 0, 31) }],
  ['2026-01-31T12:00:00Z', { type: 'time', timeMs: Date.UTC(2026, 0, 31, 12) }],
  ['2026-01-31 12:00:00', { type: 'time', timeMs: Date.UTC(2026, 0, 31, 12) }],
  ['2026-01-31T12:00:00.5+02:00', { type: 'time', timeMs: Date.UTC(2026, 0, 31, 10, 0, 0, 500) }],
  ['main', { type: 'ref', ref: 'main' }],
]

for (const [text, point] of POINTS) {
  test(`--at ${text ?? 'left out'} is ${point.type}`, () =>
    assert.deepEqual(parseQueryPoint(text, '--at'), point))
}

for (const text of ['2026-13-01', '2026-01-31T25:00:00Z', '2026-01-31 noon']) {
  test(`--at ${text} is no time`, () => {
    assert.throws(() => parseQueryPoint(text, '--at'), {
      code: 'REQUEST_INVALID',
      message: `--at ${text} is not a time`,
    })
  })
}

for (const text of ['transaction:', 'transaction:x', 'transaction:-1', 'transaction:7.5']) {
  test(`--at ${text} is no transaction, and the forms are listed`, () => {
    assert.throws(() => parseQueryPoint(text, '--at'), {
      code: 'REQUEST_INVALID',
      message: `--at ${text} is not a transaction`,
      hint: /2026-01-31T12:00:00Z.*transaction:7.*snapshot id.*branch or tag/,
    })
  })
}
