import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { transform } from 'esbuild'
import { isIngotError } from '../../../src/errors.ts'
import type { EngineColumn, EngineResult, EngineSession, EngineValue } from '../../../src/table/engine.ts'
import { createEngineFixture, type EngineFixture } from './engine-fixture.ts'

/** A bundled project: each export has the property `map`, as declarations have. */
const PROJECT = `
interface Row { readonly n: bigint }
interface Output { readonly n: bigint }

export const identity = { map: row => [row] }
export const twice = { map: async row => { await null; return [row, { n: row.n + 100000n }] } }
export const none = { map: () => [] }
export const constant = { value: () => undefined, map() { return [this.value()] } }
export const throwing = { map: (row: Row): Output[] => { if (row.n === 3n) throw new TypeError('no route for ' + row.n); return [row] } }
export const rejecting = { map: async () => { throw new Error('service is down') } }
export const noArray = { map: row => row }
export const typo = { map: row => [{ n: row.n, vehicel: 'a' }] }
export const types = { map: row => [{ kinds: JSON.stringify(row, (_, v) => typeof v === 'bigint' ? v + 'n' : v) }] }
export const dates = { map: () => [{ d: new Date(86400000), t: new Date(1), z: '2024-01-01T00:00:00.000001+01:00',
  m: new Map([['a', 1n]]), l: 7, x: 12.5, s: { a: 1 } }] }
export const endless = { map: () => { for (;;); } }
export const slow = { map: async row => { await new Promise(resolve => setImmediate(resolve)); return [row] } }
export const exiting = { map: () => process.exit(3) }
export const misspelt = { map: row => [{ n: row.N1 }] }
export const noMap = { query: 'select 1' }
export let seen = 0
`

const N: readonly EngineColumn[] = [{ name: 'n', type: 'BIGINT' }]
let fixture: EngineFixture
let projectFolder: string
let modulePath: string

function run<T>(work: (session: EngineSession) => Promise<T>, timeLimitMs = 60_000): Promise<T> {
  return fixture.engine.session({ label: 'silver.routed', timeLimitMs }, work)
}

function mapOne(
  exportName: string,
  sourceSql: string,
  columns: readonly EngineColumn[],
): Promise<EngineResult> {
  return run(async session => {
    await session.map({ modulePath, exportName, sourceSql, into: 'out', columns })
    return await session.query('select * from out')
  })
}

describe('a map over rows', () => {
  before(async () => {
    fixture = await createEngineFixture()
    projectFolder = await mkdtemp(join(tmpdir(), 'ingot-project-'))
    modulePath = join(projectFolder, 'lake a#b.mjs')
    const { code } = await transform(PROJECT, { loader: 'ts', sourcemap: 'inline', sourcefile: 'lake.ts' })
    await writeFile(modulePath, code)
  })
  after(async () => {
    await fixture[Symbol.asyncDispose]()
    await rm(projectFolder, { recursive: true })
  })
  describe('that succeeds', testRows)
  describe('with values of each type', testValues)
  describe('that fails', testFailures)
  describe('that does not end', testEnds)
  describe('that returns what does not fit', testMisfits)
})

function testRows(): void {
  it('reads and makes temporary tables of the session, in order', async () => {
    await run(async session => {
      await session.query('create temp table source as select range as n from range(10000)')
      const task = {
        modulePath,
        exportName: 'twice',
        sourceSql: 'select n from source',
        into: 'out "quoted"',
        columns: N,
      }
      assert.deepEqual(await session.map(task), { rowsIn: 10_000, rowsOut: 20_000 })
      const { rows } = await session.query(
        `select count(*), sum(n), bool_and(n % 100000 = rowid // 2) from "out ""quoted"""`,
      )
      assert.deepEqual(rows, [[20_000n, 2n * 49_995_000n + 1_000_000_000n, true]])
    })
  })

  it('makes an empty table of no rows', async () => {
    const { columns, rows } = await mapOne('none', 'select 1::bigint as n', N)
    assert.deepEqual([columns, rows], [N, []])
    assert.deepEqual((await mapOne('identity', 'select 1::bigint as n where false', N)).rows, [])
  })

  it('replaces the table of an earlier map, and calls the function as a method', async () => {
    await run(async session => {
      const task = {
        modulePath,
        exportName: 'identity',
        sourceSql: 'select 1::bigint as n',
        into: 'out',
        columns: N,
      }
      await session.map(task)
      await session.map({ ...task, sourceSql: 'select n + 1 as n from out' })
      assert.deepEqual((await session.query('from out')).rows, [[2n]])
    })
    await assert.rejects(
      mapOne('constant', 'select 1::bigint as n', N),
      /row 0 of what map returned is not an object/,
    )
  })
}

function testValues(): void {
  const roundTrip: readonly (readonly [type: string, ...expressions: string[]])[] = [
    ['BOOLEAN', 'true', 'null'],
    ['INTEGER', '2147483647', '-2147483648'],
    ['BIGINT', '9223372036854775807', '-9223372036854775808'],
    ['FLOAT', '1.1', `'nan'`],
    ['DOUBLE', '0.1', `'-infinity'`, '1e308'],
    ['DECIMAL(4,2)', '99.99', '-0.01'],
    ['DECIMAL(38,5)', '-123456789012345678901234567890123.12345'],
    ['VARCHAR', `''`, `'ä 🚲' || chr(0)`],
    ['BLOB', `'\\x00\\xFF'`, `''`],
    ['UUID', `'ffffffff-ffff-ffff-ffff-fffffffffffe'`, `'00000000-0000-0000-0000-000000000001'`],
    ['DATE', `'2024-02-29'`, `'0001-12-31 (BC)'`, `'infinity'`],
    ['TIME', `'23:59:59.999999'`],
    ['TIMESTAMP', `'2024-02-29 12:00:00.000001'`, `'0044-03-15 (BC) 12:00:00'`, `'-infinity'`],
    ['TIMESTAMP WITH TIME ZONE', `'2024-02-29 12:00:00.5+05:30'`, `'infinity'`],
    ['INTEGER[]', '[1, null]', '[]'],
    ['STRUCT(a BIGINT, b DATE[])', `{a: 1, b: ['2024-02-29', null]}`, '{a: null, b: null}'],
    ['MAP(VARCHAR, STRUCT(x DOUBLE))', `map {'a': {x: 1.5}, 'b': null}`],
  ]
  for (const [type, ...expressions] of roundTrip) {
    it(`${type} passes through unchanged`, async () => {
      const source = expressions.map(text => `select (${text})::${type} as v`).join(' union all ')
      await run(async session => {
        const columns = [{ name: 'v', type }]
        await session.map({ modulePath, exportName: 'identity', sourceSql: source, into: 'out', columns })
        const differing = await session.query(
          `(from (${source}) except all from out) union all (from out except all from (${source}))`,
        )
        assert.deepEqual(differing.rows, [])
        assert.equal((await session.query('from out')).rows.length, expressions.length)
      })
    })
  }

  it('gives the function the values that the port documents', async () => {
    const source = `select 1::integer as i, 2::bigint as l, 1.50::decimal(5,2) as d, timestamp '2024-01-01 00:00:00' as t, [1.5::double] as v`
    const { rows } = await mapOne('types', source, [{ name: 'kinds', type: 'VARCHAR' }])
    assert.deepEqual(rows, [['{"i":1,"l":"2n","d":"1.50","t":"2024-01-01 00:00:00","v":[1.5]}']])
  })

  it('accepts Date, ISO 8601, Map, numbers that are exact, and fields left out', async () => {
    const { rows } = await mapOne('dates', 'select 1::bigint as n', [
      { name: 'd', type: 'DATE' },
      { name: 't', type: 'TIMESTAMP' },
      { name: 'z', type: 'TIMESTAMP WITH TIME ZONE' },
      { name: 'm', type: 'MAP(VARCHAR, BIGINT)' },
      { name: 'l', type: 'BIGINT' },
      { name: 'x', type: 'DECIMAL(5,2)' },
      { name: 's', type: 'STRUCT(a INTEGER, b VARCHAR)' },
      { name: 'left_out', type: 'VARCHAR' },
    ])
    const expected: EngineValue[] = [
      '1970-01-02',
      '1970-01-01 00:00:00.001',
      '2023-12-31 23:00:00.000001+00',
      [['a', 1n]],
      7n,
      '12.50',
      { a: 1, b: null },
      null,
    ]
    assert.deepEqual(rows, [expected])
  })
}

function testFailures(): void {
  it('names the row and the stack of what was thrown, and makes no table', async () => {
    await run(async session => {
      const sourceSql = `select range as n, 'x' as s from range(5)`
      const failing = session.map({ modulePath, exportName: 'throwing', sourceSql, into: 'out', columns: N })
      // The first row has a field that the table has not: it fails before the function throws.
      await assert.rejects(failing, /a row that map returned has "s", which is none of: n/)
      const throwing = session.map({
        modulePath,
        exportName: 'throwing',
        sourceSql: 'from range(5) t(n)',
        into: 'out',
        columns: N,
      })
      await assert.rejects(throwing, error => {
        assert(isIngotError(error, 'DATA_INVALID'))
        assert.equal(error.message, 'map of silver.routed failed on the row {"n":"3"}: no route for 3')
        assert.match(String(error.context.stack), /^TypeError: no route for 3\n.*\/lake\.ts:9:/)
        return true
      })
      await assert.rejects(session.query('from out'), /Table with name out does not exist/)
    })
  })

  const failures: readonly (readonly [exportName: string, message: RegExp])[] = [
    ['rejecting', /failed on the row \{"n":"1"\}: service is down/],
    ['noArray', /map returned something else than an array of rows/],
    ['typo', /a row that map returned has "vehicel", which is none of: n/],
    ['misspelt', /failed on the row \{"n":"1"\}: the row has no column N1: did you mean n\?/],
    ['noMap', /the export noMap of .* has no function map/],
    ['missing', /the export missing of .* has no function map/],
    ['seen', /the export seen of .* has no function map/],
  ]
  for (const [exportName, message] of failures) {
    it(`${exportName}: ${message.source}`, async () => {
      await assert.rejects(mapOne(exportName, 'select 1::bigint as n', N), error => {
        assert(isIngotError(error, 'DATA_INVALID'))
        assert.match(error.message, message)
        return true
      })
    })
  }

  it('a module that is not there, a source that is wrong, a type that is unknown', async () => {
    const task = {
      modulePath,
      exportName: 'identity',
      sourceSql: 'select 1::bigint as n',
      into: 'out',
      columns: N,
    }
    await run(async session => {
      const noModule = session.map({ ...task, modulePath: '/nowhere.mjs' })
      await assert.rejects(noModule, /the project \/nowhere.mjs cannot be loaded/)
      await assert.rejects(session.map({ ...task, sourceSql: 'from nope' }), error =>
        isIngotError(error, 'ENGINE_FAILED'),
      )
      const noType = session.map({ ...task, columns: [{ name: 'n', type: 'NOPE' }] })
      await assert.rejects(noType, error => isIngotError(error, 'ENGINE_FAILED'))
      assert.deepEqual(await session.map(task), { rowsIn: 1, rowsOut: 1 })
    })
  })
}

function testEnds(): void {
  it('an asynchronous function is interrupted between rows, and its worker kept', async () => {
    await run(async session => {
      const task = { modulePath, exportName: 'slow', into: 'out', columns: N }
      const late = session.map({ ...task, sourceSql: 'select range as n from range(100000000)' })
      await assert.rejects(late, error => isIngotError(error, 'ENGINE_TIMEOUT'))
      assert.deepEqual(await session.map({ ...task, sourceSql: 'select 1::bigint as n' }), {
        rowsIn: 1,
        rowsOut: 1,
      })
    }, 200)
  })

  it('a function without an end is stopped, one that exits ends its worker only', async () => {
    await assert.rejects(
      run(
        session =>
          session.map({
            modulePath,
            exportName: 'endless',
            sourceSql: 'select 1::bigint as n',
            into: 'out',
            columns: N,
          }),
        50,
      ),
      error => isIngotError(error, 'ENGINE_TIMEOUT'),
    )
    await assert.rejects(
      mapOne('exiting', 'select 1::bigint as n', N),
      /ended with its worker \(exit code 3\)/,
    )
    assert.deepEqual((await mapOne('identity', 'select 1::bigint as n', N)).rows, [[1n]])
  })
}

function testMisfits(): void {
  const misfits: readonly (readonly [type: string, sql: string, message: RegExp])[] = [
    ['INTEGER', '2147483648', /v is the bigint 2147483648, not a INTEGER/],
    ['INTEGER', '1.5::double', /v is the number 1.5, not a INTEGER/],
    ['BIGINT', '9007199254740992::double', /v is the number 9007199254740992, not a BIGINT/],
    ['DECIMAL(4,2)', '100.00', /v is the text "100.00", not a DECIMAL\(4,2\)/],
    ['DECIMAL(4,2)', '0.001', /v is the text "0.001", not a DECIMAL/],
    ['DOUBLE', `'1'`, /v is the text "1", not a DOUBLE/],
    ['VARCHAR', '1', /v is the number 1, not a VARCHAR/],
    ['BOOLEAN', '1', /v is the number 1, not a BOOLEAN/],
    ['DATE', `'2023-02-29'`, /v is the text "2023-02-29", not a DATE/],
    ['TIMESTAMP', `'yesterday'`, /v is the text "yesterday", not a TIMESTAMP/],
    ['UUID', `'1234'`, /v is the text "1234", not a UUID/],
    ['BLOB', `'x'`, /v is the text "x", not a BLOB/],
    ['INTEGER[]', '[1, 2.5::double]', /v\[1\] is the number 2.5, not a INTEGER/],
    ['INTEGER[]', '1', /v is the number 1, not an array/],
    ['STRUCT(a INTEGER)', `{a: 'x'}`, /v\.a is the text "x", not a INTEGER/],
    ['STRUCT(a INTEGER)', `{b: 1}`, /v has "b", which is none of: a/],
    ['STRUCT(a INTEGER)', '[1]', /v is a Array, not an object/],
    ['MAP(VARCHAR, INTEGER)', '[[1, 2]]', /v\[0\] key is the number 1, not a VARCHAR/],
    ['MAP(VARCHAR, INTEGER)', '[[1]]', /v\[0\] is not a \[key, value\] pair/],
    ['MAP(INTEGER, INTEGER)', '[[1, 2], [1, 3]]', /v\[1\] has the key the number 1: keys are unique/],
    ['MAP(INTEGER, INTEGER)', '[[null, 2]]', /v\[0\] has the key the object null/],
  ]
  for (const [type, sql, message] of misfits) {
    it(`${sql} does not fit ${type}`, async () => {
      await assert.rejects(mapOne('identity', `select ${sql} as v`, [{ name: 'v', type }]), error => {
        assert(isIngotError(error, 'DATA_INVALID'))
        assert.match(error.message, message)
        return true
      })
    })
  }
}
