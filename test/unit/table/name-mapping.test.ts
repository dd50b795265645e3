import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import type { SchemaChange } from '../../../src/format/schema-evolution.ts'
import type { Type } from '../../../src/format/types.ts'
import type { FileIO } from '../../../src/storage/file-io.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { createParquetSchemaCache } from '../../../src/table/parquet-schemas.ts'
import { planScan } from '../../../src/table/scan.ts'
import { scanSql } from '../../../src/table/scan-sql.ts'
import { openTable, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { addFiles, mapNames } from '../../support/added-files.ts'
import { commitEqualityDeletes } from '../../support/foreign-deletes.ts'
import { field, list, map, struct } from '../../support/nested-types.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

function change(table: LoadedTable, ...changes: SchemaChange[]): Promise<LoadedTable> {
  return lab.commit(stageSchemaChange(openTable(table), changes))
}

/** The mapping that engines make of a schema when they take files in. */
function mappingOf(type: Type): unknown {
  if (typeof type === 'string') return undefined
  if (type.type === 'list') return [mapped(type['element-id'], 'element', type.element)]
  if (type.type === 'map') {
    return [mapped(type['key-id'], 'key', type.key), mapped(type['value-id'], 'value', type.value)]
  }
  return type.fields.map(({ id, name, type: inner }) => mapped(id, name, inner))
}

function mapped(id: number, name: string, type: Type): unknown {
  const fields = mappingOf(type)
  return { 'field-id': id, names: [name], ...(fields === undefined ? {} : { fields }) }
}

function mapSchema(table: LoadedTable): Promise<LoadedTable> {
  const [schema] = table.metadata.schemas
  assert(schema !== undefined)
  return mapNames(lab, table, mappingOf(schema))
}

test('files without field ids read right beside files with them, before and after columns change', async () => {
  let table = await mapSchema(await lab.create({ id: 'int', filename: 'string', gone: 'double' }))
  table = await lab.append(table, `SELECT 1 AS id, 'own' AS filename, 1.5 AS gone`)
  table = await addFiles(
    lab,
    table,
    { select: `SELECT 2.5 AS gone, 2 AS id, 'added' AS filename` },
    { select: `SELECT 3 AS id, true AS file_row_number` },
  )
  assert.deepEqual(await lab.rows(table.metadata), ['[1,"own",1.5]', '[2,"added",2.5]', '[3,null,null]'])
  table = await change(
    table,
    { type: 'rename', path: ['filename'], name: 'name' },
    { type: 'widen', path: ['id'], to: 'long' },
    { type: 'drop', path: ['gone'] },
  )
  // A new column of an old name: the mapping knows the old one's id.
  table = await change(table, { type: 'add', path: ['gone'], fieldType: 'double' })
  assert.deepEqual(await lab.rows(table.metadata), [
    '["1","own",null]',
    '["2","added",null]',
    '["3",null,null]',
  ])
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['gone', 'name'], schemaId: 2 }), [
    '[null,"added"]',
    '[null,"own"]',
    '[null,null]',
  ])
})

test('a column is found by any of its names; one that is not mapped, or has none, has its default or null', async () => {
  let table = await lab.create({ id: 'long', label: 'string', unmapped: 'long', extra: 'string' }, [], 3)
  table = await mapNames(lab, table, [
    { 'field-id': 1, names: ['id', 'record_id'] },
    { 'field-id': 2, names: ['Label', 'label', 'two words', '点.dot'] },
    { 'field-id': 4, names: [] },
    { names: ['unmapped'] },
  ])
  const schema = currentSchema(table.metadata)
  const later = {
    id: 5,
    name: 'later',
    required: false,
    type: 'long',
    'initial-default': 7,
    'write-default': 7,
  } as const
  table = await lab.commit({
    ...openTable(table),
    updates: [
      { action: 'add-schema', schema: { ...schema, fields: [...schema.fields, later] } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ],
  })
  table = await addFiles(
    lab,
    table,
    { select: `SELECT 1 AS record_id, 'a' AS "two words", 8 AS unmapped, 'x' AS extra` },
    { select: `SELECT 2 AS id, 3 AS record_id, 'b' AS "点.dot", 9 AS later` },
    { select: `SELECT 'c' AS "Label"` },
  )
  assert.deepEqual(await lab.rows(table.metadata), [
    '["1","a",null,null,"7"]',
    '["2","b",null,null,"7"]',
    '[null,"c",null,null,"7"]',
  ])
})

test('fields of structs, lists and maps are found by the names that they had', async () => {
  const place = struct(field('lat', 'float'), field('lon', 'float'))
  let table = await lab.create({
    id: 'long',
    place,
    tags: list(struct(field('k', 'string'))),
    by: map(place),
  })
  table = await mapSchema(table)
  const values = `{'lon': 2.5::FLOAT, 'lat': 1.5::FLOAT} AS place, [{'k': 'x'}, NULL] AS tags, MAP {'m': {'lat': 3.5::FLOAT, 'unknown': 1}} AS by`
  table = await addFiles(
    lab,
    table,
    { select: `SELECT 1 AS id, ${values}` },
    { select: `SELECT 2 AS id, {'other': 5} AS place, [{'other': [1]}] AS tags` },
    { select: `SELECT 3 AS id, NULL::STRUCT(lat FLOAT) AS place` },
  )
  table = await change(
    table,
    { type: 'rename', path: ['place', 'lat'], name: 'latitude' },
    { type: 'rename', path: ['tags', 'element', 'k'], name: 'key' },
    { type: 'widen', path: ['by', 'value', 'lat'], to: 'double' },
    { type: 'add', path: ['place', 'lat'], fieldType: 'string' },
  )
  table = await lab.append(
    table,
    `SELECT 4 AS id, {'latitude': 9, 'lon': 8, 'lat': 'new'} AS place, [] AS tags, NULL AS by`,
  )
  assert.deepEqual(await lab.rows(table.metadata), [
    '["1",{"latitude":1.5,"lon":2.5,"lat":null},[{"key":"x"},null],[["m",{"lat":3.5,"lon":null}]]]',
    '["2",{"latitude":null,"lon":null,"lat":null},[{"key":null}],null]',
    '["3",null,null,null]',
    '["4",{"latitude":9,"lon":8,"lat":"new"},[],null]',
  ])
})

test('a column that files of partitioned folders lack has the value of their partition', async () => {
  const days: Record<string, Type> = { id: 'long', day: 'date', n: 'int', at: 'timestamptz', t: 'time' }
  const more: Record<string, Type> = {
    d: 'decimal(20, 3)',
    b: 'binary',
    s: 'string',
    u: 'uuid',
    f: 'double',
    o: 'boolean',
  }
  const names = [...Object.keys(days), ...Object.keys(more)].slice(1)
  let table = await mapSchema(await lab.create({ ...days, ...more }, names))
  const uuid = '9d4b0a5e-8c52-4f0c-a8f6-2a8d7b1a0e55'
  const first = [
    -1,
    5,
    1_700_000_000_123_456n,
    1n,
    -5n,
    Buffer.from([0, 255]),
    "it's",
    uuid,
    Number.NaN,
    true,
  ]
  table = await addFiles(
    lab,
    table,
    { select: 'SELECT range AS id FROM range(2)', partition: first },
    { select: 'SELECT 7 AS id', partition: names.map(() => null) },
    // What a file has itself is read from it.
    { select: `SELECT 8 AS id, 'own' AS s`, partition: [...first.slice(0, 6), 'other', ...first.slice(7)] },
  )
  const [, , ...rest] = [
    ...['', '', '"1969-12-31"', '5', '"2023-11-14 22:13:20.123456+00"', '"00:00:00.000001"', '"-0.005"'],
    '"00ff"',
  ]
  const values = (id: number, s: string): string => `["${id}",${rest.join(',')},"${s}","${uuid}","NaN",true]`
  assert.deepEqual(await lab.rows(table.metadata), [
    values(0, "it's"),
    values(1, "it's"),
    `["7",${names.map(() => 'null').join(',')}]`,
    values(8, 'own'),
  ])
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['n'] }), ['[5]', '[5]', '[5]', '[null]'])
  // Compaction and the like write such rows with their columns.
  const staged = await stageOverwrite(lab.context, lab.session, openTable(table), { filterSql: 'id = 1' })
  table = await lab.commit(staged)
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['id', 's'] }), [
    `["0","it's"]`,
    '["7",null]',
    '["8","own"]',
  ])
})

test('deletes by position and by key apply to files without field ids', async () => {
  let table = await mapSchema(await lab.create({ id: 'long', name: 'string' }))
  table = await addFiles(lab, table, { select: `SELECT range AS id, 'n' || range AS name FROM range(100)` })
  const staged = await stageOverwrite(lab.context, lab.session, openTable(table), { filterSql: 'id = 3' })
  table = await lab.commit(staged)
  const { tasks } = await planScan(lab.context, table.metadata)
  assert.deepEqual(
    tasks.map(({ deletes }) => deletes.length),
    [1],
  )
  table = await commitEqualityDeletes(lab, table, {
    select: `SELECT 'n5' AS name`,
    fieldIds: '{name: 2}',
    equalityIds: [2],
  })
  table = await change(table, { type: 'rename', path: ['name'], name: 'title' })
  table = await addFiles(lab, table, { select: `SELECT 5 AS id, 'n5' AS name` })
  assert.deepEqual(
    await lab.lines(`SELECT count(*), sum(id), count(title) FROM (${await lab.scan(table.metadata)})`),
    ['["99","4947","99"]'],
  )
})

test('bytes that old writers do not mark as text are read as text where the table says so', async () => {
  let table = await mapSchema(
    await lab.create({ text: 'string', bytes: 'binary', both: struct(field('t', 'string')) }),
  )
  const blob = `'\\xC3\\xA9'::BLOB`
  table = await addFiles(lab, table, {
    select: `SELECT ${blob} AS text, ${blob} AS bytes, {'t': ${blob}} AS both`,
  })
  assert.deepEqual(await lab.rows(table.metadata), ['["é","c3a9",{"t":"é"}]'])
})

test('a file without field ids in a table without a mapping is refused by its name, as is one with names that differ in case alone', async () => {
  const created = await lab.create({ id: 'long' })
  const added = await addFiles(lab, created, { select: 'SELECT 1 AS id', countedIds: [] })
  await assertRefused(added, 'UNSUPPORTED', /\.parquet has no field ids, and its table has no name mapping/)
  assert.deepEqual(await lab.rows((await mapSchema(added)).metadata), ['["1"]'])

  let alike = await mapSchema(await lab.create({ a: 'long' }))
  alike = await addFiles(lab, alike, { select: 'SELECT {x: 1} AS a' })
  const path = `${lab.folder}/alike.parquet`
  await lab.lines(`COPY (SELECT 1 AS a, 2 AS b) TO '${path}' (FORMAT parquet)`)
  const { tasks, ...plan } = await planScan(lab.context, alike.metadata)
  const column = (name: string) => ({ name, kind: 'primitive' as const, children: [] })
  const storedColumns = [column('a'), column('A')]
  const changed = tasks.map(task => ({ ...task, storedColumns }))
  assert.throws(
    () => scanSql(alike.metadata, { ...plan, tasks: changed }),
    error => isIngotError(error, 'UNSUPPORTED') && /letter case alone: a, A$/.test(error.message),
  )
})

test('a mapping that is none, and a file that is no Parquet file, are named', async () => {
  const table = await lab.create({ id: 'long' })
  for (const mapping of [{}, [{ 'field-id': 1 }], [{ 'field-id': 'x', names: [] }], 'x']) {
    const wrong = await mapNames(lab, table, mapping)
    await assertRefused(wrong, 'METADATA_INVALID', /schema\.name-mapping\.default of the table at .* is not/)
    await mapSchema(wrong)
  }
  const added = await addFiles(lab, await mapSchema(await lab.create({ id: 'long' })), {
    select: 'SELECT 1 AS id',
  })
  const io: FileIO = {
    ...lab.context.io,
    read: async (location, range) =>
      location.endsWith('.parquet')
        ? Buffer.from('no Parquet file')
        : await lab.context.io.read(location, range),
  }
  await assert.rejects(
    planScan({ io, manifests: createManifestCache() }, added.metadata),
    error => isIngotError(error, 'METADATA_INVALID') && /\.parquet is not a Parquet file/.test(error.message),
  )
})

test('a footer is read once, in part; of tables without a mapping none is', async () => {
  const reads: number[] = []
  const io: FileIO = {
    ...lab.context.io,
    async read(location, range) {
      if (location.endsWith('.parquet')) {
        assert.ok(range !== undefined)
        reads.push(range.end - range.start)
      }
      return await lab.context.io.read(location, range)
    },
  }
  const context = { io, manifests: createManifestCache(), parquetSchemas: createParquetSchemaCache() }
  const wide = Array.from({ length: 3000 }, (_, index) => `range AS "column of a long name ${index}"`)
  const select = `SELECT range AS id, ${wide.join(', ')} FROM range(2)`
  const empty = await lab.create({ id: 'long' })
  const plain = await lab.append(empty, 'SELECT 1 AS id')
  await planScan(context, plain.metadata)
  assert.deepEqual(reads, [])
  const { metadata } = await addFiles(lab, await mapSchema(plain), { select })
  const plans = [await planScan(context, metadata), await planScan(context, metadata)]
  // The small file; the end of the large one, and then all of its footer.
  assert.equal(reads.length, 3)
  const [small = 0, end, whole = 0] = reads.sort((a, b) => a - b)
  assert.equal(end, 64 * 1024)
  assert.ok(small < end && whole > end)
  for (const plan of plans) {
    assert.deepEqual(await lab.lines(scanSql(metadata, plan)), ['["0"]', '["1"]', '["1"]'])
  }
})

test('the cache of footers forgets the oldest, and keeps equal columns once', () => {
  const cache = createParquetSchemaCache({ filesMax: 2 })
  const columns = () => [{ name: 'a', kind: 'primitive' as const, children: [] }]
  const first = cache.set('1', columns())
  assert.equal(cache.set('2', columns()), first)
  cache.set('3', columns())
  assert.equal(cache.get('1'), undefined)
  assert.equal(cache.get('2'), first)
  assert.equal(cache.get('3'), first)
})

async function assertRefused(table: LoadedTable, code: 'UNSUPPORTED' | 'METADATA_INVALID', message: RegExp) {
  await assert.rejects(
    lab.rows(table.metadata),
    error => isIngotError(error, code) && message.test(error.message),
  )
}
