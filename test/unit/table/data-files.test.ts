import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import { decodeValue } from '../../../src/format/bounds.ts'
import type { Type } from '../../../src/format/types.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const list = (element: Type): Type => ({ type: 'list', 'element-id': 0, element, 'element-required': false })

const EVERY_TYPE: Readonly<Record<string, Type>> = {
  a: 'boolean',
  b: 'int',
  c: 'long',
  d: 'float',
  e: 'double',
  f: 'decimal(38, 10)',
  g: 'date',
  h: 'time',
  i: 'timestamp',
  j: 'timestamptz',
  k: 'string',
  l: 'uuid',
  m: 'binary',
  n: 'fixed[3]',
  o: {
    type: 'struct',
    fields: [
      { id: 0, name: 'x.y', required: false, type: 'int' },
      { id: 0, name: 'q"q', required: false, type: list('string') },
    ],
  },
  p: list({ type: 'struct', fields: [{ id: 0, name: 'z', required: false, type: 'long' }] }),
  q: {
    type: 'map',
    'key-id': 0,
    key: 'string',
    'value-id': 0,
    value: list('double'),
    'value-required': false,
  },
}

const EVERY_VALUE = `
  SELECT true AS a, (-2147483648)::int AS b, 9223372036854775807 AS c, 'nan'::float AS d, -0.0::double AS e,
    '1234567890123456789012345678.0123456789'::decimal(38,10) AS f, date '0044-03-15 (BC)' AS g, time '23:59:59.999999' AS h,
    timestamp '1969-12-31 23:59:59.999999' AS i, timestamptz '2024-02-11 15:00:00.123456+05' AS j, 'añ日𝄞''"' AS k,
    uuid 'f79c3e09-677c-4bbd-a479-3f349cb785e7' AS l, '\\x00\\xFF'::blob AS m, '\\x01\\x02\\x03'::blob AS n,
    {'x.y': 7, 'q"q': ['', NULL, 'x']} AS o, [{'z': 1::bigint}, NULL, {'z': NULL}] AS p, map {'k': [1.5::double, NULL], 'empty': []} AS q`

test('values of every type are read as they were written, null among them', async () => {
  const table = await lab.create(EVERY_TYPE)
  const nulls = `SELECT ${Object.keys(EVERY_TYPE).map(name => `NULL AS ${name}`)}`
  const source = `${EVERY_VALUE} UNION ALL ${nulls} -- a comment at the end`
  const written = await lab.append(table, source)
  const expected = await lab.lines(`${EVERY_VALUE} UNION ALL ${nulls}`)
  assert.deepEqual(await lab.rows(written.metadata), expected)
})

test('column bounds and counts describe the file', async () => {
  const table = await lab.create({ id: 'long', text: 'string', ratio: 'double', tags: list('int') })
  const [file] = await writeDataFiles(lab.context, lab.session, table.metadata, {
    select: `SELECT range - 5 AS id, 'name ' || range AS text, CASE WHEN range = 3 THEN 'nan'::double ELSE range END AS ratio, [1, 2] AS tags FROM range(10) UNION ALL SELECT NULL, NULL, NULL, NULL`,
  })
  assert.ok(file)
  assert.equal(file.recordCount, 11)
  assert.equal((await lab.context.io.stat(file.filePath))?.sizeBytes, file.fileSizeBytes)
  assert.equal(decodeValue('long', file.lowerBounds?.get(1) ?? new Uint8Array()), -5n)
  assert.equal(decodeValue('long', file.upperBounds?.get(1) ?? new Uint8Array()), 4n)
  assert.equal(decodeValue('string', file.lowerBounds?.get(2) ?? new Uint8Array()), 'name 0')
  assert.equal(file.nullValueCounts?.get(1), 1)
  assert.equal(file.nanValueCounts?.get(3), undefined)
  const elementId = 5
  assert.equal(file.valueCounts?.get(elementId), 21)
  assert.equal(file.lowerBounds?.has(elementId), false)
})

test('a SELECT without rows gives no file, and one that lacks a column is refused', async () => {
  const table = await lab.create({ id: 'long', at: 'timestamp' }, ['day(at)'])
  const select = `SELECT 1 AS id, now() AS at WHERE false`
  assert.deepEqual(await writeDataFiles(lab.context, lab.session, table.metadata, { select }), [])
  const flat = await lab.create({ id: 'long', at: 'timestamp' })
  assert.deepEqual(await writeDataFiles(lab.context, lab.session, flat.metadata, { select }), [])
  for await (const { location } of lab.context.io.list(`${flat.metadata.location}/data`))
    assert.fail(location)
  await assert.rejects(
    writeDataFiles(lab.context, lab.session, flat.metadata, { select: 'SELECT 1 AS id' }),
    (error: unknown) => isIngotError(error, 'ENGINE_FAILED'),
  )
  await assert.rejects(
    writeDataFiles(lab.context, lab.session, flat.metadata, { select: `SELECT 'x' AS id, NULL AS at` }),
    (error: unknown) => isIngotError(error, 'ENGINE_FAILED'),
  )
})

test('output is split at the target size', async () => {
  const table = await lab.create({ id: 'long', text: 'string' })
  const files = await writeDataFiles(lab.context, lab.session, table.metadata, {
    select:
      'SELECT range AS id, hash(range)::varchar || hash(range + 1)::varchar AS text FROM range(1000000)',
    targetFileBytes: 4_000_000,
  })
  assert.ok(files.length > 1)
  assert.equal(
    files.reduce((rows, file) => rows + file.recordCount, 0),
    1_000_000,
  )
})

test('partition values of every kind are told apart and decoded', async () => {
  const table = await lab.create({ key: 'string', n: 'int' }, ['key', 'bucket(4, n)'])
  const long = 'long '.repeat(100)
  const keys = [
    '',
    'a/b',
    '../..',
    'A',
    'a',
    'ünï 日本',
    '%2F',
    "it's = [x]*?",
    '__HIVE_DEFAULT_PARTITION__',
    'null',
    long,
  ]
  const values = keys.map(key => `('${key.replaceAll("'", "''")}')`).join(', ')
  const select = `SELECT key, 1 AS n FROM (VALUES ${values}, (NULL)) AS t(key)`
  const files = await writeDataFiles(lab.context, lab.session, table.metadata, { select })
  assert.deepEqual(files.map(file => file.partition[0] ?? null).sort(), [...keys, null].sort())
  const written = await lab.append(table, select)
  assert.deepEqual(await lab.rows(written.metadata), await lab.lines(select))
})

test('columns with hostile names are written, partitioned by and read', async () => {
  const names = [
    '__p0',
    'filename',
    'file_row_number',
    'a.b',
    'q"q',
    "s's",
    'select',
    'x'.repeat(300),
    '日本',
    ' ',
  ]
  const columns = Object.fromEntries(names.map((name): [string, Type] => [name, 'int']))
  const table = await lab.create(columns, ['bucket(2, "a.b")', 'filename'])
  const select = `SELECT ${names.map((name, index) => `${index} AS "${name.replaceAll('"', '""')}"`).join(', ')}`
  const written = await lab.append(table, select)
  assert.deepEqual(await lab.rows(written.metadata), await lab.lines(select))
})

test('a partition transform reads a field of a struct', async () => {
  const type: Type = { type: 'struct', fields: [{ id: 2, name: "it's", required: false, type: 'date' }] }
  const table = await lab.create({ s: type }, [`month("s"."it's")`])
  const [file] = await writeDataFiles(lab.context, lab.session, table.metadata, {
    select: `SELECT {'it''s': date '1969-12-31'} AS s`,
  })
  assert.deepEqual(file?.partition, [-1])
})

test('an infinite time is refused as a partition value', async () => {
  const table = await lab.create({ at: 'timestamp' }, ['day(at)'])
  await assert.rejects(
    writeDataFiles(lab.context, lab.session, table.metadata, {
      select: `SELECT 'infinity'::timestamp AS at`,
    }),
    (error: unknown) => isIngotError(error, 'ENGINE_FAILED') && error.message.includes('infinite'),
  )
})
