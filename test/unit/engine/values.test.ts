import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { EngineValue } from '../../../src/table/engine.ts'
import { createEngineFixture, type EngineFixture } from './engine-fixture.ts'

let fixture: EngineFixture

async function valueFrom(sql: string): Promise<EngineValue | undefined> {
  const { rows } = await fixture.engine.session({}, session => session.query(`select ${sql}`))
  return rows[0]?.[0]
}

/** Each expression with what it reaches TypeScript as. */
const VALUES: readonly (readonly [sql: string, value: EngineValue])[] = [
  ['null', null],
  ['true', true],
  ['(-128)::tinyint', -128],
  ['65535::usmallint', 65535],
  ['(-2147483648)::integer', -2147483648],
  ['4294967295::uinteger', 4294967295],
  ['9223372036854775807::bigint', 9223372036854775807n],
  ['(-9223372036854775808)::bigint', -9223372036854775808n],
  ['1::bigint', 1n],
  ['18446744073709551615::ubigint', 18446744073709551615n],
  ['(-170141183460469231731687303715884105728)::hugeint', -(2n ** 127n)],
  ['0.1::double', 0.1],
  ['1.1::float', Math.fround(1.1)],
  [`'nan'::double`, Number.NaN],
  [`'-infinity'::float`, Number.NEGATIVE_INFINITY],
  ['(-0.005)::decimal(18,3)', '-0.005'],
  ['7::decimal(4,0)', '7'],
  ['99999999999999999999999999999999999999::decimal(38,0)', '99999999999999999999999999999999999999'],
  ['12.50::decimal(4,2)', '12.50'],
  [`''`, ''],
  [`'ä 🚲' || chr(0)`, 'ä 🚲\0'],
  [`'a'::enum('a', 'b')`, 'a'],
  [`'{"a":1}'::json`, '{"a":1}'],
  [`'\\x00\\xFF'::blob`, new Uint8Array([0, 255])],
  [`''::blob`, new Uint8Array()],
  [`uuid '00000000-0000-0000-0000-00000000000A'`, '00000000-0000-0000-0000-00000000000a'],
  [`uuid 'ffffffff-ffff-ffff-ffff-ffffffffffff'`, 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  [`interval '1 month 2 days 3 hours'`, '1 month 2 days 03:00:00'],
  [`interval '-1 day'`, '-1 day'],
  [`'101'::bit`, '101'],
  ['[1, null]::integer[]', [1, null]],
  ['[1, 2]::integer[2]', [1, 2]],
  ['[]::bigint[]', []],
  ['{a: 1::bigint, b: [date $$2020-01-01$$, null]}', { a: 1n, b: ['2020-01-01', null] }],
  [
    'map {1: $$x$$, 2: null}',
    [
      [1, 'x'],
      [2, null],
    ],
  ],
  ['union_value(k := 1)', 1],
  ['[{t: timestamptz $$2024-01-01 00:00:00+02$$}]', [{ t: '2023-12-31 22:00:00+00' }]],
]

/** Types whose text must be the engine's own, `cast(… as varchar)`. */
const TEMPORAL: readonly string[] = [
  `date '2024-02-29'`,
  `date '1969-12-31'`,
  `date '0001-01-01'`,
  `date '0001-12-31 (BC)'`,
  `date '0005-02-29 (BC)'`,
  `date '5877642-06-25 (BC)'`,
  `date '5881580-07-10'`,
  `date 'infinity'`,
  `date '-infinity'`,
  `time '00:00:00'`,
  `time '23:59:59.999999'`,
  `time '24:00:00'`,
  `timetz '12:00:00.5+02:30'`,
  `timestamp '1969-12-31 23:59:59.999999'`,
  `timestamp '0044-03-15 (BC) 12:00:00.000001'`,
  `timestamp '0001-06-01 (BC) 00:00:00.1'`,
  `timestamp '290309-12-22 (BC) 00:00:00'`,
  `timestamp '294247-01-10 04:00:54.775806'`,
  `timestamp 'infinity'`,
  `timestamp '-infinity'`,
  `timestamptz '2024-07-01 12:00:00.120+05:30'`,
  `timestamptz 'infinity'`,
  `timestamp_s '2020-01-01 00:00:01'`,
  `'0001-06-01 (BC) 00:00:01'::timestamp_s`,
  `'2020-01-01 00:00:00.120'::timestamp_ms`,
  `'infinity'::timestamp_ms`,
  `'-infinity'::timestamp_s`,
  `'infinity'::timestamp_ns`,
  `timestamp_ns '2020-01-01 00:00:00.123456789'`,
]

describe('a value of a result', () => {
  before(async () => {
    fixture = await createEngineFixture()
  })
  after(() => fixture[Symbol.asyncDispose]())

  for (const [sql, value] of VALUES) {
    it(`${sql} is a ${value === null ? 'null' : typeof value}`, async () => {
      assert.deepEqual(await valueFrom(sql), value)
    })
  }

  for (const sql of TEMPORAL) {
    it(`${sql} is text as the engine prints it`, async () => {
      const { rows } = await fixture.engine.session({}, session =>
        session.query(`select ${sql}, cast(${sql} as varchar)`),
      )
      const [value, printed] = rows[0] ?? []
      assert.equal(typeof value, 'string')
      assert.equal(value, printed)
    })
  }

  it('has the type that the engine prints', async () => {
    const { columns } = await fixture.engine.session({}, session =>
      session.query(`select 1.5::decimal(18,3) as d, {a: 1, "b c": [now()]} as s, map {'k': uuid()} as m`),
    )
    assert.deepEqual(columns, [
      { name: 'd', type: 'DECIMAL(18,3)' },
      { name: 's', type: 'STRUCT("a" INTEGER, "b c" TIMESTAMP WITH TIME ZONE[])' },
      { name: 'm', type: 'MAP(VARCHAR, UUID)' },
    ])
  })

  it('is the 32-bit Murmur3 hash of bytes where SQL asks for it', async () => {
    // Iceberg spec, "Appendix B: 32-bit Hash Requirements".
    assert.equal(await valueFrom(`ingot_murmur3(encode('iceberg'))`), 1210000089)
    assert.equal(
      await valueFrom(`ingot_murmur3('\\x22\\x00\\x00\\x00\\x00\\x00\\x00\\x00'::blob)`),
      2017239379,
    )
    assert.equal(await valueFrom('ingot_murmur3(null)'), null)
    const { rows } = await fixture.engine.session({}, session =>
      session.query(`with hashed as (
          select range as i, ingot_murmur3(case when range % 3 > 0 then encode((range % 3)::varchar) end) as hash
          from range(100000))
        select i % 3 as k, count(*), count(hash), count(distinct hash) from hashed group by all order by all`),
    )
    assert.deepEqual(rows, [
      [0n, 33334n, 0n, 0n],
      [1n, 33333n, 33333n, 1n],
      [2n, 33333n, 33333n, 1n],
    ])
  })
})
