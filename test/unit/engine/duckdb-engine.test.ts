import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { IngotError, isIngotError } from '../../../src/errors.ts'
import type { EngineResult } from '../../../src/table/engine.ts'
import { createEngineFixture, type EngineFixture } from './engine-fixture.ts'

let fixture: EngineFixture

function query(sql: string): Promise<EngineResult> {
  return fixture.engine.session({ label: 'silver.orders' }, session => session.query(sql))
}

describe('DuckDB engine', () => {
  before(async () => {
    fixture = await createEngineFixture()
  })
  after(() => fixture[Symbol.asyncDispose]())

  describe('a session', testSessions)
  describe('a statement', testStatements)
  describe('as a whole', testEngine)
})

function testSessions(): void {
  it('answers with columns and rows', async () => {
    const result = await query(`select 1 as a, 'x' as b union all select 2, null order by a`)
    assert.deepEqual(result, {
      columns: [
        { name: 'a', type: 'INTEGER' },
        { name: 'b', type: 'VARCHAR' },
      ],
      rows: [
        [1, 'x'],
        [2, null],
      ],
    })
  })

  it('shares nothing between sessions', async () => {
    await fixture.engine.session({}, async session => {
      await session.query('create temp table t as select 42 as a')
      await session.query('create table main.kept as select 42 as a')
      await session.query(`set memory_limit = '100MB'`)
      await session.query('set variable secret = 7')
      assert.deepEqual((await session.query('select a from t')).rows, [[42]])
    })
    const result = await query(`select (select count(*) from duckdb_tables()), getvariable('secret'),
      current_setting('TimeZone'), current_setting('autoload_known_extensions'), current_setting('memory_limit')`)
    assert.deepEqual(result.rows, [[0n, null, 'UTC', false, '256.0 MiB']])
  })

  it('runs statements of a session in order, also when they are not awaited', async () => {
    const rows = await fixture.engine.session({}, async session => {
      const created = session.query('create temp table t as select 1 as a')
      const inserted = session.query('insert into t values (2)')
      const read = session.query('select a from t order by a')
      await Promise.all([created, inserted])
      return (await read).rows
    })
    assert.deepEqual(rows, [[1], [2]])
  })

  it('gives the session back when its work throws', async () => {
    const thrown = new IngotError('DATA_INVALID', 'mine')
    await assert.rejects(
      fixture.engine.session({}, () => Promise.reject(thrown)),
      error => error === thrown,
    )
    assert.deepEqual((await query('select 1')).rows, [[1]])
  })
}

function testStatements(): void {
  it('says where a statement is wrong, in characters', async () => {
    await assert.rejects(query(`select 'é',\n  nope`), error => {
      assert(isIngotError(error, 'ENGINE_FAILED'))
      assert.match(error.message, /^statement of silver.orders failed: Binder Error: .*"nope"/)
      const { label, statement, exceptionType, position, line, column } = error.context
      assert.deepEqual(
        { label, statement, exceptionType, position, line, column },
        {
          label: 'silver.orders',
          statement: `select 'é',\n  nope`,
          exceptionType: 'Binder',
          position: 14,
          line: 2,
          column: 3,
        },
      )
      return true
    })
    await assert.rejects(query('selec 1'), /Parser Error: syntax error at or near "selec"/)
    await assert.rejects(query(''), error => isIngotError(error, 'ENGINE_FAILED'))
  })

  it('reports an error that comes after the first rows', async () => {
    await assert.rejects(
      query(`select cast(case when range = 90000 then 'x' else '1' end as integer) from range(100000)`),
      /Conversion Error: Could not convert string 'x' to INT32/,
    )
  })

  it('refuses more rows than were asked for, and goes on', async () => {
    await fixture.engine.session({}, async session => {
      await assert.rejects(session.query('from range(11)', { rowsMax: 10 }), error => {
        assert(isIngotError(error, 'ENGINE_FAILED'))
        assert.match(error.message, /has more than 10 rows/)
        return true
      })
      assert.equal((await session.query('from range(10)', { rowsMax: 10 })).rows.length, 10)
      await assert.rejects(session.query('from range(100001)'), /has more than 100000 rows/)
      assert.equal((await session.query('from range(100000)')).rows.length, 100_000)
    })
  })

  it('fails a statement that needs too much memory, and goes on', async () => {
    await assert.rejects(query('select list(range) from range(100000000)'), error => {
      assert(isIngotError(error, 'ENGINE_OUT_OF_MEMORY'))
      assert.match(error.message, /needs more than the 256 MiB of its worker/)
      return true
    })
    assert.deepEqual((await query('select 1')).rows, [[1]])
  })

  it('spills into its own folder and leaves nothing there', async () => {
    const spilled = await fixture.engine.session({}, async session => {
      await session.query(`set memory_limit = '60MB'`)
      await session.query('create table big as select random() as r, range::varchar as s from range(4000000)')
      return await readdir(fixture.folder)
    })
    assert.deepEqual(spilled, [`worker-${process.pid}-0`])
    await query('select 1')
  })
}

function testEngine(): void {
  it('counts statements by outcome', async () => {
    const text = await fixture.metrics.exposition()
    assert.match(text, /ingot_engine_statements_total\{outcome="ok"\} \d+/)
    assert.match(text, /ingot_engine_statements_total\{outcome="ENGINE_OUT_OF_MEMORY"\} 1/)
    assert.match(text, /ingot_engine_sessions_active 0/)
    assert.match(text, /ingot_engine_statement_seconds_count \d+/)
  })

  it('is closed once and for all', async () => {
    const closing = await createEngineFixture()
    await closing.engine.session({}, session => session.query('select 1'))
    await closing.engine.close()
    await closing.engine.close()
    assert.deepEqual(await readdir(closing.folder), [])
    await assert.rejects(
      closing.engine.session({}, session => session.query('select 1')),
      /the engine is closed/,
    )
    await closing[Symbol.asyncDispose]()
  })
}
