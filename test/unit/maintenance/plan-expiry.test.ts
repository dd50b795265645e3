import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ExpiryPlan, planExpiry } from '../../../src/maintenance/plan-expiry.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, START_MS, TableHistory } from './table-history.ts'

const planAt = (history: TableHistory, nowMs: number, consumed: readonly bigint[] = []): ExpiryPlan =>
  planExpiry({ metadata: history.metadata, nowMs, consumed: new Set(consumed) })

const keptIds = (plan: ExpiryPlan): bigint[] => [...plan.kept.keys()].sort((a, b) => Number(a - b))

test('all versions of the last ten minutes stay, then the last of each hour, for five days', () => {
  const history = new TableHistory()
  for (let at = START_MS; at < START_MS + 6 * DAY_MS; at += 10 * MINUTE_MS) history.commit(at)
  const nowMs = START_MS + 6 * DAY_MS
  const plan = planAt(history, nowMs)
  const times = new Map(
    history.metadata.snapshots.map(found => [found['snapshot-id'], found['timestamp-ms']]),
  )
  const hourly = [...plan.kept].filter(([, reason]) => reason === 'it is the last of its hour')
  assert.equal(hourly.length, 5 * 24 - 1, 'one an hour, of which the newest is the head of main')
  for (const [id] of hourly) assert.equal(((times.get(id) ?? 0) / MINUTE_MS) % 60, 50)
  assert.deepEqual(
    [...plan.kept].filter(([, reason]) => reason === 'it was current a moment ago').length,
    1,
    'the one before the head was current until ten minutes ago',
  )
  assert.equal(plan.kept.size + plan.expired.length, history.metadata.snapshots.length)
})

test('what was current a moment ago stays however old it is', () => {
  const history = new TableHistory({ 'history.expire.max-snapshot-age-ms': String(HOUR_MS) })
  history.commit(START_MS)
  history.commit(START_MS + 2 * DAY_MS)
  assert.deepEqual(keptIds(planAt(history, START_MS + 2 * DAY_MS + MINUTE_MS)), [1n, 2n])
  assert.deepEqual(keptIds(planAt(history, START_MS + 2 * DAY_MS + 11 * MINUTE_MS)), [2n])
})

test('a table that nobody writes to keeps its newest version for ever', () => {
  const history = new TableHistory()
  history.commit(START_MS)
  const plan = planAt(history, START_MS + 400 * DAY_MS)
  assert.deepEqual(keptIds(plan), [1n])
  assert.deepEqual(plan.updates, [])
})

test('branches beside main stay whole, tags and what tables were made from at any age', () => {
  const history = new TableHistory()
  for (const minutes of [0, 1, 2, 3]) history.commit(START_MS + minutes * MINUTE_MS)
  history.commit(START_MS + 4 * MINUTE_MS, { branch: 'audit' })
  history.commit(START_MS + 5 * MINUTE_MS, { branch: 'audit' })
  history.setRef('release', { type: 'tag', 'snapshot-id': 2n })
  history.commit(START_MS + 10 * DAY_MS)
  const plan = planAt(history, START_MS + 20 * DAY_MS, [1n])
  assert.deepEqual(keptIds(plan), [1n, 2n, 5n, 6n, 7n])
  assert.equal(plan.kept.get(1n), 'another table was made from it')
  assert.equal(plan.kept.get(5n), 'it is of a branch beside main')
  assert.deepEqual(
    plan.expired.map(snapshot => snapshot['snapshot-id']),
    [3n, 4n],
  )
})

test('a branch that says how old its snapshots may become is thinned as it says', () => {
  const history = new TableHistory()
  history.commit(START_MS)
  for (const minutes of [1, 2, 3]) history.commit(START_MS + minutes * MINUTE_MS, { branch: 'dev' })
  history.setRef('dev', {
    type: 'branch',
    'snapshot-id': 4n,
    'max-snapshot-age-ms': HOUR_MS,
    'min-snapshots-to-keep': 2,
  })
  assert.deepEqual(keptIds(planAt(history, START_MS + DAY_MS)), [1n, 3n, 4n])
})

test('refs go when they are older than they may become, main never', () => {
  const history = new TableHistory({ 'history.expire.max-ref-age-ms': String(DAY_MS) })
  history.commit(START_MS)
  history.commit(START_MS + MINUTE_MS, { branch: 'dev' })
  history.setRef('kept', { type: 'tag', 'snapshot-id': 1n, 'max-ref-age-ms': 30 * DAY_MS })
  const plan = planAt(history, START_MS + 10 * DAY_MS)
  assert.deepEqual(plan.expiredRefs, ['dev'])
  assert.deepEqual(keptIds(plan), [1n])
  history.apply(START_MS + 10 * DAY_MS, plan.updates)
  assert.deepEqual(Object.keys(history.metadata.refs), ['main', 'kept'])
})

test('after a rollback what was undone stays like the rest of the history', () => {
  const history = new TableHistory()
  history.commit(START_MS)
  history.commit(START_MS + 2 * HOUR_MS)
  history.setRef('main', { type: 'branch', 'snapshot-id': 1n }, START_MS + DAY_MS)
  assert.deepEqual(keptIds(planAt(history, START_MS + DAY_MS + HOUR_MS)), [1n, 2n])
  assert.deepEqual(keptIds(planAt(history, START_MS + 9 * DAY_MS)), [1n])
})

test('progress outlives the snapshots that stated it, for each version that is left', () => {
  const history = new TableHistory()
  history.commit(START_MS, { summary: progressSummary({ offset: 1 }) })
  history.commit(START_MS + MINUTE_MS)
  history.setRef('old', { type: 'tag', 'snapshot-id': 2n })
  history.commit(START_MS + 2 * MINUTE_MS, { summary: progressSummary({ offset: 2 }) })
  history.commit(START_MS + 3 * MINUTE_MS)
  history.commit(START_MS + 4 * MINUTE_MS)
  const before = { main: readProgress(history.metadata), old: readProgress(history.metadata, 'old') }
  for (const days of [1, 30]) {
    history.apply(START_MS + days * DAY_MS, planAt(history, START_MS + days * DAY_MS).updates)
    assert.deepEqual(readProgress(history.metadata), { offset: 2 })
    assert.deepEqual(readProgress(history.metadata, 'old'), { offset: 1 })
  }
  assert.deepEqual(before, { main: { offset: 2 }, old: { offset: 1 } })
  assert.deepEqual(
    history.metadata.snapshots.map(snapshot => snapshot['snapshot-id']),
    [2n, 5n],
  )
})

test('a property about a snapshot that is gone goes with it', () => {
  const history = new TableHistory()
  history.commit(START_MS, { summary: progressSummary({ offset: 1 }) })
  history.commit(START_MS + MINUTE_MS)
  history.apply(START_MS + DAY_MS, planAt(history, START_MS + DAY_MS).updates)
  assert.equal(Object.keys(history.metadata.properties).length, 1)
  history.commit(START_MS + 2 * DAY_MS, { summary: progressSummary({ offset: 2 }) })
  history.apply(START_MS + 9 * DAY_MS, planAt(history, START_MS + 9 * DAY_MS).updates)
  assert.deepEqual(history.metadata.properties, {})
  assert.deepEqual(readProgress(history.metadata), { offset: 2 })
})

test('settings that are no numbers leave the defaults in force', () => {
  const history = new TableHistory({
    'history.expire.max-snapshot-age-ms': 'soon',
    'history.expire.min-snapshots-to-keep': '0',
    'ingot.history.dense-ms': '-1',
  })
  for (const minutes of [0, 1, 2]) history.commit(START_MS + minutes * MINUTE_MS)
  assert.deepEqual(keptIds(planAt(history, START_MS + 30 * MINUTE_MS)), [3n])
})

test('thinned again at once, nothing more goes', () => {
  const history = new TableHistory()
  for (let minutes = 0; minutes < 500; minutes += 7) history.commit(START_MS + minutes * MINUTE_MS)
  const nowMs = START_MS + 500 * MINUTE_MS
  const plan = planAt(history, nowMs)
  assert.ok(plan.expired.length > 50)
  history.apply(nowMs, plan.updates)
  assert.deepEqual(planAt(history, nowMs).updates, [])
})
