import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import { createEngineFixture, workerPids } from './engine-fixture.ts'

const ENDLESS = 'select count(*) from range(100000000000)'

describe('sessions that wait for a worker', () => {
  it('get one in the order in which they came', async () => {
    await using fixture = await createEngineFixture({ workers: 2, threads: 1 })
    // Both processes are started first: the one that is up earlier would serve several sessions meanwhile.
    await fixture.engine.session({}, () => fixture.engine.session({}, async () => undefined))
    const begun: number[] = []
    let active = 0
    let activeMax = 0
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        fixture.engine.session({}, async session => {
          begun.push(index)
          active += 1
          activeMax = Math.max(activeMax, active)
          await session.query(`select ${index}`)
          active -= 1
        }),
      ),
    )
    assert.deepEqual(begun, [...Array(20).keys()])
    assert.equal(activeMax, 2)
    assert.match(await fixture.metrics.exposition(), /ingot_engine_sessions_queued 0/)
    assert.equal((await workerPids(fixture.folder)).length, 2)
  })

  it('leave the queue when they are cancelled', async () => {
    await using fixture = await createEngineFixture()
    const controller = new AbortController()
    let began = false
    await fixture.engine.session({}, async session => {
      const waiting = fixture.engine.session({ signal: controller.signal }, async () => {
        began = true
      })
      await session.query('select 1')
      controller.abort(new Error('not needed'))
      await assert.rejects(waiting, error => {
        assert(isIngotError(error, 'CANCELLED'))
        assert.equal((error.cause as Error).message, 'not needed')
        return true
      })
    })
    assert.equal(began, false)
    await assert.rejects(
      fixture.engine.session({ signal: controller.signal }, async () => undefined),
      error => isIngotError(error, 'CANCELLED'),
    )
    const { rows } = await fixture.engine.session({}, session => session.query('select 1'))
    assert.deepEqual(rows, [[1]])
  })

  it('are refused when the engine is closed, and what runs is ended', async () => {
    const fixture = await createEngineFixture()
    const running = fixture.engine.session({}, async session => {
      await session.query('select 1')
      const statement = session.query(ENDLESS)
      const waiting = fixture.engine.session({}, other => other.query('select 1'))
      await Promise.all([
        fixture.engine.close(),
        assert.rejects(waiting, error => isIngotError(error, 'CANCELLED')),
        assert.rejects(statement, error => isIngotError(error, 'CANCELLED')),
      ])
    })
    await running
    assert.deepEqual(await workerPids(fixture.folder), [])
    await fixture[Symbol.asyncDispose]()
  })
})

describe('a session that is cancelled', () => {
  it('ends the statement that runs, and takes no other', async () => {
    await using fixture = await createEngineFixture()
    const controller = new AbortController()
    await fixture.engine.session({ signal: controller.signal, label: 'report' }, async session => {
      await session.query('select 1')
      const running = session.query(ENDLESS)
      const next = session.query('select 1')
      controller.abort(new Error('client left'))
      await assert.rejects(running, error => {
        assert(isIngotError(error, 'CANCELLED'))
        assert.equal(error.message, 'statement of report was cancelled')
        assert.equal((error.cause as Error).message, 'client left')
        return true
      })
      await assert.rejects(next, error => isIngotError(error, 'CANCELLED'))
    })
    const { rows } = await fixture.engine.session({}, session => session.query('select 1'))
    assert.deepEqual(rows, [[1]])
  })
})
