import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Catalog, LoadedTable } from '../../../src/catalog/catalog.ts'
import { IngotError, isIngotError } from '../../../src/errors.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import { BEGAN_AT, ORPHANS_REMOVED_BEFORE } from '../../../src/format/table-updates.ts'
import { AppendQueue, type AppendRequest } from '../../../src/table/append-queue.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { readProgress } from '../../../src/table/progress.ts'
import { openTable, stageProperties, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import type { TableContext } from '../../../src/table/staged-table.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const reload = (table: LoadedTable) => lab.context.catalog.loadTable(table.identifier)
const filesOf = (table: LoadedTable, value: number, select = `SELECT ${value} AS v`) =>
  writeDataFiles(lab.context, lab.session, table.metadata, { select })

async function requestOf(
  table: LoadedTable,
  value: number,
  more: Partial<AppendRequest> = {},
): Promise<AppendRequest> {
  const { identifier, metadata } = table
  const beganAtMs = lab.context.clock.nowMs()
  return {
    identifier,
    beganAtMs,
    idempotencyKey: crypto.randomUUID(),
    tableUuid: metadata['table-uuid'],
    schemaId: metadata['current-schema-id'],
    specId: metadata['default-spec-id'],
    ...more,
    files: more.files ?? (await filesOf(table, value)),
  }
}

/** A queue over a catalog of which some methods do something else. */
function queueWith(overrides: (catalog: Catalog) => Partial<Catalog> = () => ({})): AppendQueue {
  const own = overrides(lab.context.catalog)
  const catalog: Catalog = new Proxy(lab.context.catalog, {
    get(target, name) {
      const member: unknown = Reflect.get(own, name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const context: TableContext = {
    ...lab.context,
    catalog,
    clock: { ...lab.context.clock, sleep: () => Promise.resolve() },
  }
  return new AppendQueue(context)
}

async function valuesOf(table: LoadedTable): Promise<number[]> {
  const lines = await lab.rows((await reload(table)).metadata)
  return lines.map(line => JSON.parse(line)[0]).sort((a, b) => a - b)
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

test('appends that arrive together are few snapshots, and each is answered for itself', async () => {
  const table = await lab.create({ v: 'int' })
  const queue = queueWith()
  const requests = await Promise.all(numbers(20).map(value => requestOf(table, value)))
  const results = await Promise.all(requests.map(request => queue.enqueue(request)))
  const { metadata } = await reload(table)
  assert.ok(metadata.snapshots.length <= 3, `${metadata.snapshots.length} snapshots`)
  assert.deepEqual(await valuesOf(table), numbers(20))
  const known = new Set(metadata.snapshots.map(snapshot => snapshot['snapshot-id']))
  assert.ok(results.every(({ snapshotId }) => known.has(snapshotId)))
  const sequence = metadata.snapshots.map(snapshot => snapshot['sequence-number'])
  assert.deepEqual(
    sequence,
    sequence.toSorted((a, b) => a - b),
  )
})

test('a repetition is answered as the first was and adds nothing, on its way or later', async () => {
  const table = await lab.create({ v: 'int' })
  const queue = queueWith()
  const request = await requestOf(table, 1)
  const [first, same] = await Promise.all([queue.enqueue(request), queue.enqueue(request)])
  assert.deepEqual(same, first)
  await queue.enqueue(await requestOf(table, 2))
  assert.deepEqual(await queue.enqueue(request), first)
  assert.deepEqual(await queueWith().enqueue(request), first, 'a queue that has not seen it before')
  assert.deepEqual(await valuesOf(table), [1, 2])
  const other = await requestOf(table, 3, { idempotencyKey: request.idempotencyKey })
  await assert.rejects(queue.enqueue(other), error => isIngotError(error, 'IDEMPOTENCY_MISMATCH'))
  assert.deepEqual(await valuesOf(table), [1, 2])
})

test('progress moves on only from where its writer started; others keep theirs', async () => {
  const table = await lab.create({ v: 'int' })
  const queue = queueWith()
  const step = (key: string, expected: unknown, next: unknown) => ({
    progress: [expected === undefined ? { key, next } : { key, expected, next }],
  })
  const outcomes = await Promise.allSettled(
    [
      await requestOf(table, 1, step('a', undefined, { kafkaOffset: 10 })),
      await requestOf(table, 2, step('b', undefined, 5)),
      // The second of two that started from the same place: what it wrote is there already.
      await requestOf(table, 3, step('a', undefined, { kafkaOffset: 10 })),
      await requestOf(table, 4, step('a', { kafkaOffset: 10 }, { kafkaOffset: 20 })),
    ].map(request => queue.enqueue(request)),
  )
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  )
  const [, , refused] = outcomes
  assert.ok(refused?.status === 'rejected' && isIngotError(refused.reason, 'COMMIT_CONFLICT'))
  assert.match(refused.reason.message, /progress of a is \{"kafkaOffset":10\} by now/)
  assert.deepEqual(await valuesOf(table), [1, 2, 4])
  assert.deepEqual(readProgress((await reload(table)).metadata), { a: { kafkaOffset: 20 }, b: 5 })
})

const removeOrphans = (table: LoadedTable, beforeMs: number) =>
  lab.commit(stageProperties(openTable(table), { set: { [ORPHANS_REMOVED_BEFORE]: `${beforeMs}` } }))

test('files that may have been removed as orphans are refused, and their neighbours are not', async () => {
  const table = await lab.create({ v: 'int' })
  const nowMs = lab.context.clock.nowMs()
  const late = await requestOf(table, 1, { beganAtMs: nowMs - 1000 })
  const timely = await requestOf(table, 2, { beganAtMs: nowMs + 1000 })
  await removeOrphans(table, nowMs)
  const queue = queueWith()
  const [refused, added] = await Promise.allSettled([late, timely].map(request => queue.enqueue(request)))
  assert.ok(refused?.status === 'rejected' && isIngotError(refused.reason, 'COMMIT_CONFLICT'))
  assert.match(refused.reason.message, /orphans from before \d+ are removed by now/)
  assert.equal(added?.status, 'fulfilled')
  assert.deepEqual(await valuesOf(table), [2])
  assert.equal(currentSnapshot((await reload(table)).metadata)?.summary[BEGAN_AT], `${nowMs + 1000}`)
})

test('orphans that are removed between the check of a group and its commit refuse what is too old of it', async () => {
  const table = await lab.create({ v: 'int' })
  const nowMs = lab.context.clock.nowMs()
  const requests = [
    await requestOf(table, 1, { beganAtMs: nowMs - 1000 }),
    await requestOf(table, 2, { beganAtMs: nowMs + 1000 }),
  ]
  let commits = 0
  const queue = queueWith(catalog => ({
    commit: async (changes, options) => {
      commits += 1
      if (commits === 1) await removeOrphans(table, nowMs)
      return await catalog.commit(changes, options)
    },
  }))
  const outcomes = await Promise.allSettled(requests.map(request => queue.enqueue(request)))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
  assert.equal(commits, 2)
  assert.deepEqual(await valuesOf(table), [2])
})

test('files written for other columns, or for a table that is gone, are refused, and their neighbours are not', async () => {
  const table = await lab.create({ v: 'int' })
  const [stale, foreign] = [await requestOf(table, 1), await requestOf(table, 2, { tableUuid: 'other' })]
  const widened = await lab.commit(
    stageSchemaChange(openTable(table), [{ type: 'add', path: ['w'], fieldType: 'int' }]),
  )
  const queue = queueWith()
  const fitting = await requestOf(widened, 3, { files: await filesOf(widened, 3, 'SELECT 3 AS v, 4 AS w') })
  const outcomes = await Promise.allSettled([stale, foreign, fitting].map(request => queue.enqueue(request)))
  assert.deepEqual(
    outcomes.map(outcome =>
      outcome.status === 'rejected' ? (outcome.reason as IngotError).code : outcome.status,
    ),
    ['COMMIT_CONFLICT', 'COMMIT_CONFLICT', 'fulfilled'],
  )
  assert.deepEqual(await valuesOf(table), [3])
  const missing = { ...stale, identifier: { namespace: ['lab'], name: 'nowhere' } }
  await assert.rejects(queue.enqueue(missing), error => isIngotError(error, 'TABLE_NOT_FOUND'))
})

test('a standard commit between is followed, not lost; a stale one still gets its conflict', async () => {
  const table = await lab.create({ v: 'int' })
  const stale = await stageAppend(lab.context, openTable(table), await filesOf(table, 50))
  let others = 0
  const queue = queueWith(catalog => ({
    commit: async (changes, options) => {
      if (others < 2) {
        others += 1
        await lab.append(await reload(table), `SELECT ${100 + others} AS v`)
      }
      return catalog.commit(changes, options)
    },
  }))
  await queue.enqueue(await requestOf(table, 1))
  assert.deepEqual(await valuesOf(table), [1, 101, 102])
  await assert.rejects(lab.commit(stale), error => isIngotError(error, 'COMMIT_CONFLICT'))
})

test('a lost answer is found out: applied once when it was applied, and again when it was not', async () => {
  const table = await lab.create({ v: 'int' })
  let calls = 0
  const queue = queueWith(catalog => ({
    commit: async (changes, options) => {
      calls += 1
      if (calls === 1) await catalog.commit(changes, options)
      if (calls <= 2) throw new IngotError('COMMIT_STATE_UNKNOWN', 'the answer was lost')
      return catalog.commit(changes, options)
    },
  }))
  await queue.enqueue(await requestOf(table, 1))
  await queue.enqueue(await requestOf(table, 2))
  assert.equal(calls, 3)
  assert.deepEqual(await valuesOf(table), [1, 2])
})

test('what cannot be found out is said to be unknown, and the same append settles it later', async () => {
  const table = await lab.create({ v: 'int' })
  const request = await requestOf(table, 1)
  const queue = queueWith(catalog => ({
    commit: async (changes, options) => {
      await catalog.commit(changes, options)
      throw new IngotError('COMMIT_STATE_UNKNOWN', 'the answer was lost')
    },
    findCommit: async () => {
      throw new IngotError('CATALOG_UNAVAILABLE', 'down', { retryable: true })
    },
  }))
  await assert.rejects(queue.enqueue(request), error => isIngotError(error, 'COMMIT_STATE_UNKNOWN'))
  const { snapshotId } = await queueWith().enqueue(request)
  assert.equal(snapshotId, currentSnapshot((await reload(table)).metadata)?.['snapshot-id'])
  assert.deepEqual(await valuesOf(table), [1])
})

test('two queues over one catalog lose and double nothing', async () => {
  const table = await lab.create({ v: 'int' })
  const queues = [queueWith(), queueWith()]
  const requests = await Promise.all(numbers(24).map(value => requestOf(table, value)))
  // Every request goes to both, as when a client turns to another process.
  await Promise.all(requests.flatMap(request => queues.map(queue => queue.enqueue(request))))
  assert.deepEqual(await valuesOf(table), numbers(24))
})
