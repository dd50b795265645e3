import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Catalog } from '../../../src/catalog/catalog.ts'
import { type LocalFixture, openLocalFixture } from '../../conformance/catalog-fixtures.ts'
import { tableRequest } from '../../conformance/catalog-samples.ts'
import { openPostgresFixture, withPostgres } from '../../support/postgres-fixture.ts'
import type { CommittingMessage, CommittingTask } from './committing-process.ts'

const KILLS = 20

interface Pair extends LocalFixture {
  readonly postgresUrl?: string
}

const STORES: Readonly<Record<string, () => Promise<Pair>>> = {
  'one file': () => openLocalFixture(),
  'one PostgreSQL': async () => {
    const { open, url } = await openPostgresFixture()
    return { ...(await openLocalFixture(() => open())), postgresUrl: url }
  },
}

for (const [store, openPair] of Object.entries(STORES)) {
  const options = store === 'one PostgreSQL' ? withPostgres : {}

  test(`catalog: two processes on ${store} lose nothing and take turns`, options, async () => {
    const pair = await openPair()
    try {
      await createTables(pair)
      const tasks = ['one', 'two'].map(name => taskOf(pair, { name, commits: 15 }))
      const acknowledged = (await Promise.all(tasks.map(task => runProcess(task)))).flat()
      assert.equal(acknowledged.length, 30)
      await checkHistory(pair.catalog, acknowledged)
      const ids = (await pair.catalog.transactions()).map(record => record.transactionId)
      assert.deepEqual(
        ids.toReversed(),
        Array.from({ length: 32 }, (_, index) => index + 1),
      )
    } finally {
      await pair.dispose()
    }
  })

  test(`catalog: kill -9 before each of ${KILLS} statements to ${store} tears nothing`, options, async () => {
    const pair = await openPair()
    try {
      await createTables(pair)
      const acknowledged: string[] = []
      const statements = new Set<string>()
      for (let stopBefore = 1; stopBefore <= KILLS; stopBefore++) {
        const task = taskOf(pair, { name: `round-${stopBefore}`, commits: KILLS, stopBefore })
        acknowledged.push(...(await runProcess(task, statement => statements.add(statement))))
        await checkHistory(pair.catalog, acknowledged)
      }
      assert.ok(acknowledged.length > 0, 'some rounds acknowledge a commit before they are killed')
      assert.ok(statements.has('commit'), 'one round is killed between the last write and its commit')
    } finally {
      await pair.dispose()
    }
  })
}

async function createTables({ catalog }: Pair): Promise<void> {
  await catalog.createNamespace(['pair'])
  for (const name of ['left', 'right']) {
    await catalog.createTable(tableRequest({ namespace: ['pair'], name }))
  }
}

function taskOf(
  { folder, postgresUrl }: Pair,
  task: Pick<CommittingTask, 'name' | 'commits' | 'stopBefore'>,
): CommittingTask {
  return { ...task, folder, ...(postgresUrl !== undefined && { postgresUrl }) }
}

/** Runs a process to its end, or kills it where it stops; the answer is the keys that it acknowledged. */
async function runProcess(
  task: CommittingTask,
  onStop?: (statement: string) => void,
): Promise<readonly string[]> {
  const child = fork(new URL('committing-process.js', import.meta.url), [JSON.stringify(task)])
  const acknowledged: string[] = []
  let isStopped = false
  child.on('message', (message: CommittingMessage) => {
    if (message.type === 'committed') {
      acknowledged.push(message.idempotencyKey)
      return
    }
    isStopped = true
    onStop?.(message.statement)
    child.kill('SIGKILL')
  })
  const [code, signal] = await once(child, 'exit')
  assert.equal(isStopped ? signal : code, isStopped ? 'SIGKILL' : 0)
  assert.equal(isStopped, task.stopBefore !== undefined)
  return acknowledged
}

/** Every transaction is whole, readable and consistent; every acknowledged one is there, once. */
async function checkHistory(catalog: Catalog, acknowledged: readonly string[]): Promise<void> {
  const records = await catalog.transactions({ limit: 1000 })
  const keys = records.map(record => record.idempotencyKey)
  assert.equal(new Set(keys).size, keys.length)
  for (const key of acknowledged) assert.ok(keys.includes(key), `${key} was acknowledged`)
  const pairs = records.filter(record => record.pointers.length === 2)
  assert.equal(pairs.length, records.length - 2)
  const [last] = pairs
  for (const name of ['left', 'right']) {
    const table = await catalog.loadTable({ namespace: ['pair'], name })
    assert.equal(table.metadata.properties.last, last?.idempotencyKey)
    assert.equal(table.metadata['metadata-log'].length, pairs.length)
  }
}
