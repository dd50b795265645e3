import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { Catalog } from '../../../src/catalog/catalog.ts'
import { createPostgresStore } from '../../../src/catalog/postgres-store.ts'
import { createRestCatalog } from '../../../src/catalog/rest-catalog.ts'
import { systemClock } from '../../../src/clock.ts'
import { systemRandom } from '../../../src/random.ts'
import { openLocalFixture } from '../../conformance/catalog-fixtures.ts'
import {
  checkLogicalCommits,
  commitLogically,
  createCountedTables,
  type WriterTally,
} from '../../support/logical-commits.ts'
import { openPostgresFixture, withPostgres } from '../../support/postgres-fixture.ts'
import { PostgresServer } from '../../support/postgres-server.ts'
import type { LogicalMessage, LogicalTask } from './logical-process.ts'

const PROCESSES = 4
const WRITERS = 8
const COMMITS_EACH = 6

/** What is done to the server when so many logical commits are there. */
const FAULTS = [
  { after: 6, fault: 'restart' },
  { after: 20, fault: 'killAndRestart' },
  { after: 34, fault: 'restart' },
] as const

test(
  'postgres: restarted and killed under 8 writers in 4 processes, every commit counts once',
  withPostgres,
  async t => {
    await using server = await PostgresServer.start()
    const url = server.url(await server.createDatabase())
    const fixture = await openLocalFixture(() => createPostgresStore({ url }))
    await createCountedTables(fixture.catalog)
    const shares = writerShares()
    const faults = [...FAULTS]
    let committed = 0
    let faulting: Promise<void> = Promise.resolve()
    const tasks = Array.from({ length: PROCESSES }, (_, index): LogicalTask => {
      const writers = shares.slice((index * WRITERS) / PROCESSES, ((index + 1) * WRITERS) / PROCESSES)
      return { type: 'write', folder: fixture.folder, postgresUrl: url, writers }
    })
    const tallies = await Promise.all(
      tasks.map(task =>
        runWriters(t, task, () => {
          committed += 1
          const [next] = faults
          if (next === undefined || committed < next.after) return
          faults.shift()
          faulting = faulting.then(() => server[next.fault]())
        }),
      ),
    )
    await faulting
    assert.equal(faults.length, 0, 'all faults were injected')
    t.diagnostic(`met by the writers: ${JSON.stringify(tallies)}`)
    assert.ok(
      tallies.some(tally => tally.unavailable > 0),
      'the server was away while somebody wanted it',
    )
    await checkLogicalCommits(await fixture.open(), shares.flat())
    await fixture.dispose()
  },
)

test('postgres: two catalogs serve 8 writers at once, and one of them is killed', withPostgres, async t => {
  const postgres = await openPostgresFixture()
  const fixture = await openLocalFixture(() => postgres.open())
  await createCountedTables(fixture.catalog)
  const task = { type: 'serve', folder: fixture.folder, postgresUrl: postgres.url } as const
  const servers = await Promise.all([startServer(t, task), startServer(t, task)])
  const catalogs = servers.map(({ url }) =>
    createRestCatalog({ url, clock: systemClock, random: systemRandom, attemptsMax: 1 }),
  )
  const tally: WriterTally = { conflicts: 0, unavailable: 0, unknown: 0 }
  const shares = writerShares()
  let committed = 0
  let turn = 0
  const nextCatalog = (): Catalog => {
    turn += 1
    const catalog = catalogs[turn % catalogs.length]
    assert.ok(catalog !== undefined)
    return catalog
  }
  const write = async (logicalIds: readonly string[]): Promise<void> => {
    for (const logicalId of logicalIds) {
      await commitLogically(nextCatalog, logicalId, tally)
      committed += 1
      if (committed === (WRITERS * COMMITS_EACH) / 2) servers[0].process.kill('SIGKILL')
    }
  }
  await Promise.all(shares.map(write))
  t.diagnostic(`met by the writers: ${JSON.stringify(tally)}`)
  assert.ok(tally.conflicts > 0, 'the writers stood in one another’s way')
  assert.ok(tally.unavailable + tally.unknown > 0, 'the catalog that was killed was missed')
  await checkLogicalCommits(fixture.catalog, shares.flat())
  servers[1].process.kill('SIGKILL')
  await Promise.all(servers.map(({ exit }) => exit))
  await fixture.dispose()
})

/** Of each writer, the ids of what it commits. */
function writerShares(): readonly (readonly string[])[] {
  return Array.from({ length: WRITERS }, (_, writer) =>
    Array.from({ length: COMMITS_EACH }, (_, index) => `${'w'.repeat(writer + 1)}-${index}`),
  )
}

async function runWriters(t: TestContext, task: LogicalTask, onCommit: () => void): Promise<WriterTally> {
  const child = start(t, task)
  const exit = once(child, 'exit')
  let tally: WriterTally | undefined
  child.on('message', (message: LogicalMessage) => {
    if (message.type === 'committed') onCommit()
    if (message.type === 'done') tally = message.tally
  })
  const [code] = await exit
  assert.equal(code, 0)
  assert.ok(tally !== undefined)
  return tally
}

async function startServer(
  t: TestContext,
  task: LogicalTask,
): Promise<{ process: ChildProcess; url: string; exit: Promise<unknown> }> {
  const child = start(t, task)
  const exit = once(child, 'exit')
  const [message] = (await once(child, 'message')) as [LogicalMessage]
  assert.ok(message.type === 'serving')
  return { process: child, url: message.url, exit }
}

/** It ends with the test at the latest: one that is left behind would keep this process from ending. */
function start(t: TestContext, task: LogicalTask): ChildProcess {
  const child = fork(new URL('logical-process.js', import.meta.url), [JSON.stringify(task)])
  t.after(() => child.kill('SIGKILL'))
  return child
}
