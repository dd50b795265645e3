import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isIngotError } from '../../../src/errors.ts'
import { createEngineFixture, workerPids } from './engine-fixture.ts'

const parentProgram = fileURLToPath(new URL('./engine-parent.js', import.meta.url))

// One call on long texts, whose time grows with the square of their length: DuckDB looks at `interrupt` between batches only, so that
// this goes on for a minute.
const UNINTERRUPTIBLE = `select levenshtein(repeat('a', n), repeat('b', n)) from (select 200000 + range::integer as n from range(1))`
const INTERRUPTIBLE = 'select count(*) from range(100000000000)'

/** Resolves when `condition` holds; looks again after each millisecond that the event loop was left to others. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 1))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a worker that ends', () => {
  it('fails the statement on it with ENGINE_CRASHED, and the next session has another', async () => {
    await using fixture = await createEngineFixture()
    let pid: number | undefined
    const crashed = fixture.engine.session({ label: 'gold.performance' }, async session => {
      await session.query('select 1')
      const running = session.query(INTERRUPTIBLE)
      pid = (await workerPids(fixture.folder))[0]
      assert(pid !== undefined)
      process.kill(pid, 'SIGKILL')
      await running
    })
    await assert.rejects(crashed, error => {
      assert(isIngotError(error, 'ENGINE_CRASHED'))
      assert.match(error.message, /^statement of gold.performance ended with its worker \(signal SIGKILL\)$/)
      assert.equal(error.context.statement, INTERRUPTIBLE)
      assert.equal(error.retryable, true)
      return true
    })
    const { rows } = await fixture.engine.session({}, session => session.query('select 1'))
    assert.deepEqual(rows, [[1]])
    assert.notDeepEqual(await workerPids(fixture.folder), [pid])
    assert.match(await fixture.metrics.exposition(), /workers_ended_total\{reason="crash"\} 1/)
  })

  it('is replaced when it ended between two sessions', async () => {
    await using fixture = await createEngineFixture()
    await fixture.engine.session({}, session => session.query('select 1'))
    const [pid] = await workerPids(fixture.folder)
    assert(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    await until(async () => (await fixture.metrics.exposition()).includes('reason="crash"} 1'))
    const { rows } = await fixture.engine.session({}, session => session.query('select 2'))
    assert.deepEqual(rows, [[2]])
  })

  it('leaves no temporary files', async () => {
    await using fixture = await createEngineFixture()
    const crashed = fixture.engine.session({}, async session => {
      await session.query(`set memory_limit = '60MB'`)
      await session.query('create table big as select random() as r, range::varchar as s from range(4000000)')
      assert.equal((await readdir(fixture.folder)).length, 1)
      const [pid] = await workerPids(fixture.folder)
      assert(pid !== undefined)
      process.kill(pid, 'SIGKILL')
      await session.query('select 1')
    })
    await assert.rejects(crashed, error => isIngotError(error, 'ENGINE_CRASHED'))
    assert.deepEqual(await readdir(fixture.folder), [])
  })

  it('ends by itself, with its temporary files, when the program was killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ingot-engine-parent-'))
    const program = fork(parentProgram, [folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const [workers] = (await once(program, 'message')) as [readonly number[]]
    assert.equal(workers.length, 2)
    assert(workers.every(isAlive))
    program.kill('SIGKILL')
    await until(() => !workers.some(isAlive))
    assert.deepEqual(await readdir(folder), [])
    await rm(folder, { recursive: true })
  })

  it('cannot start: ENGINE_CRASHED says why', async () => {
    await using fixture = await createEngineFixture({ threads: 0 })
    await assert.rejects(
      fixture.engine.session({}, session => session.query('select 1')),
      error => {
        assert(isIngotError(error, 'ENGINE_CRASHED'))
        assert.match(error.message, /^an engine worker did not start \(exit code 1\)/)
        return true
      },
    )
  })
})

describe('the time limit', () => {
  it('interrupts a statement, and the session goes on', async () => {
    await using fixture = await createEngineFixture()
    await fixture.engine.session({ label: 'slow', timeLimitMs: 50 }, async session => {
      const [pid] = await workerPids(fixture.folder)
      await assert.rejects(session.query(INTERRUPTIBLE), error => {
        assert(isIngotError(error, 'ENGINE_TIMEOUT'))
        assert.match(error.message, /^statement of slow was stopped at its limit of 50 ms$/)
        return true
      })
      assert.deepEqual((await session.query('select 1')).rows, [[1]])
      assert.deepEqual(await workerPids(fixture.folder), [pid])
    })
  })

  it('ends the worker when the statement does not heed the interrupt', async () => {
    await using fixture = await createEngineFixture()
    const late = fixture.engine.session({ timeLimitMs: 200 }, session => session.query(UNINTERRUPTIBLE))
    await assert.rejects(late, error => isIngotError(error, 'ENGINE_TIMEOUT'))
    assert.match(await fixture.metrics.exposition(), /workers_ended_total\{reason="time_limit"\} 1/)
    const { rows } = await fixture.engine.session({}, session => session.query('select 1'))
    assert.deepEqual(rows, [[1]])
  })
})

describe('the memory limit', () => {
  it('ends a worker that grows beyond what DuckDB counts', async () => {
    await using fixture = await createEngineFixture({ memoryHeadroomBytes: 0 })
    // Lists that are unnested twice are not counted as they are made.
    const hog = `select count(a), count(b) from (select unnest(range(20000000)) as a, unnest(range(20000000)) as b)`
    const grown = fixture.engine.session({ label: 'hog' }, session => session.query(hog))
    await assert.rejects(grown, error => {
      assert(isIngotError(error, 'ENGINE_OUT_OF_MEMORY'))
      assert.match(error.message, /^statement of hog needs more than the 256 MiB of its worker/)
      return true
    })
    assert.match(await fixture.metrics.exposition(), /workers_ended_total\{reason="memory"\} 1/)
    assert.match(await fixture.metrics.exposition(), /worker_resident_bytes\{worker="0"\} \d+/)
  })
})
