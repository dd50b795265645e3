import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LastingFailures } from '../../../src/roles/lasting-failures.ts'

const MINUTE_MS = 60_000

test('a failure is news when it comes and when it changes, and is mentioned every five minutes while it lasts', () => {
  const failures = new LastingFailures()
  assert.deepEqual(failures.failed('a', 'why', 0), { type: 'new' })
  assert.equal(failures.failed('a', 'why', 2000), undefined)
  assert.deepEqual(failures.failed('b', 'why', 2000), { type: 'new' }, 'of another table')
  assert.deepEqual(failures.failed('a', 'why', 5 * MINUTE_MS), { type: 'lasting', runs: 3, sinceMs: 0 })
  assert.equal(failures.failed('a', 'why', 6 * MINUTE_MS), undefined)
  assert.deepEqual(failures.failed('a', 'why', 10 * MINUTE_MS), { type: 'lasting', runs: 5, sinceMs: 0 })
  assert.deepEqual(failures.failed('a', 'another why', 10 * MINUTE_MS), { type: 'new' })
})

test('what is mended is told once, and may fail anew', () => {
  const failures = new LastingFailures()
  assert.equal(failures.succeeded('a'), undefined)
  failures.failed('a', 'why', 0)
  failures.failed('a', 'why', 1)
  assert.equal(failures.succeeded('a'), 2)
  assert.equal(failures.succeeded('a'), undefined)
  assert.deepEqual(failures.failed('a', 'why', 2), { type: 'new' })
})
