import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { applyTransform, transformResultType } from '../../../src/format/transforms.ts'
import type { PrimitiveType, Transform } from '../../../src/format/types.ts'
import { parseValue } from '../../../src/format/values.ts'
import { quoteLiteral } from '../../../src/sql-text.ts'
import { parsePartitionText } from '../../../src/table/partition-text.ts'
import { toSqlType } from '../../../src/table/sql-types.ts'
import { partitionTextSql } from '../../../src/table/transform-sql.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const EDGES: readonly (readonly [PrimitiveType, readonly string[], readonly Transform[]])[] = [
  ['boolean', ['true', 'false'], ['identity', 'void']],
  [
    'int',
    ['0', '-1', '34', '2147483647', '-2147483648'],
    ['identity', 'bucket[16]', 'truncate[10]', 'truncate[1]'],
  ],
  [
    'long',
    ['0', '-1', '9223372036854775807', '-9223372036854775800'],
    ['identity', 'bucket[7]', 'truncate[10]'],
  ],
  ['float', ['1.5', '-0.25', 'inf', '-inf'], ['identity']],
  ['double', ['0.30000000000000004', '1e300', '-inf'], ['identity']],
  [
    'decimal(9, 2)',
    ['14.20', '-14.20', '0.00', '-0.01', '-1.28', '-1.29', '1.27', '1.28', '9999999.99'],
    ['identity', 'bucket[16]', 'truncate[50]'],
  ],
  [
    'decimal(38, 0)',
    ['99999999999999999999999999999999999999', '-99999999999999999999999999999999999999', '256', '-256'],
    ['identity', 'bucket[16]', 'truncate[50]'],
  ],
  [
    'date',
    ['2017-11-16', '1970-01-01', '1969-12-31', '0044-03-15 (BC)'],
    ['identity', 'bucket[16]', 'year', 'month', 'day'],
  ],
  ['time', ['22:31:08', '00:00:00', '23:59:59.999999'], ['identity', 'bucket[16]']],
  [
    'timestamp',
    ['2017-11-16 22:31:08.000001', '1969-12-31 23:59:59.999999', '1965-02-28 00:00:00'],
    ['identity', 'bucket[16]', 'year', 'month', 'day', 'hour'],
  ],
  [
    'timestamptz',
    ['2017-11-16 22:31:08.000001+00', '1969-12-31 23:59:59.999999+00'],
    ['identity', 'bucket[16]', 'year', 'month', 'day', 'hour'],
  ],
  [
    'string',
    ['iceberg', '', 'añ日本語𝄞x', "o'h/y __HIVE_DEFAULT_PARTITION__"],
    ['identity', 'bucket[16]', 'truncate[3]'],
  ],
  [
    'uuid',
    ['f79c3e09-677c-4bbd-a479-3f349cb785e7', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ['identity', 'bucket[16]'],
  ],
]

async function valueInSql(transform: Transform, type: PrimitiveType, text: string): Promise<unknown> {
  const value = `CAST(${quoteLiteral(text)} AS ${toSqlType(type)})`
  const { rows } = await lab.session.query(
    `SELECT ${partitionTextSql(transform, type, 'v')} FROM (SELECT ${value} AS v)`,
  )
  const found = rows[0]?.[0]
  return typeof found === 'string' ? parsePartitionText(transformResultType(transform, type), found) : found
}

function valueInFormat(transform: Transform, type: PrimitiveType, text: string): unknown {
  return applyTransform(transform, type, parseValue(type, text) ?? null)
}

test('SQL and the format layer compute the same partition values', async () => {
  for (const [type, texts, transforms] of EDGES) {
    for (const transform of transforms) {
      for (const text of texts) {
        assert.deepEqual(
          await valueInSql(transform, type, text),
          valueInFormat(transform, type, text),
          `${transform} of ${type} ${text}`,
        )
      }
    }
  }
})

test('bytes are bucketed and cut as bytes', async () => {
  const bytes = Buffer.from('00ff8001', 'hex')
  for (const transform of ['identity', 'bucket[16]', 'truncate[2]'] as const) {
    const { rows } = await lab.session.query(
      `SELECT ${partitionTextSql(transform, 'binary', `unhex('00ff8001')`)}`,
    )
    const found = parsePartitionText(transformResultType(transform, 'binary'), String(rows[0]?.[0]))
    const expected = applyTransform(transform, 'binary', bytes)
    assert.deepEqual(
      found instanceof Uint8Array ? Buffer.from(found).toString('hex') : found,
      expected instanceof Uint8Array ? Buffer.from(expected).toString('hex') : expected,
    )
  }
})

test('the day of an instant is the day in UTC in every session time zone', async () => {
  await lab.session.query(`SET TimeZone = 'Pacific/Auckland'`)
  try {
    const { rows } = await lab.session.query(
      `SELECT ${partitionTextSql('day', 'timestamptz', `TIMESTAMPTZ '1970-01-02 00:30:00+00'`)}`,
    )
    assert.equal(rows[0]?.[0], '1')
  } finally {
    await lab.session.query(`SET TimeZone = 'UTC'`)
  }
})

test('null has the partition value null, whatever the transform', async () => {
  for (const [type, , transforms] of EDGES) {
    for (const transform of transforms) {
      const { rows } = await lab.session.query(
        `SELECT ${partitionTextSql(transform, type, `CAST(NULL AS ${toSqlType(type)})`)}`,
      )
      assert.equal(rows[0]?.[0], null, `${transform} of ${type}`)
    }
  }
})

test('buckets of random integers, decimals and texts are those of the format layer', async () => {
  const samples = fc.sample(
    fc.record({
      long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      text: fc.string({ unit: 'grapheme' }),
      unscaled: fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }),
    }),
    150,
  )
  for (const { long, text, unscaled } of samples) {
    const digits = unscaled.toString().replace('-', '').padStart(6, '0')
    const decimal = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -5)}.${digits.slice(-5)}`
    for (const [type, value] of [
      ['long', `${long}`],
      ['string', text.replaceAll('\0', '')],
      ['decimal(38, 5)', decimal],
    ] as const) {
      assert.equal(
        await valueInSql('bucket[1000]', type, value),
        valueInFormat('bucket[1000]', type, value),
        `${type} ${value}`,
      )
    }
  }
})
