import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import type { SchemaChange } from '../../../src/format/schema-evolution.ts'
import type { NestedField } from '../../../src/format/types.ts'
import { planScan } from '../../../src/table/scan.ts'
import { scanSql } from '../../../src/table/scan-sql.ts'
import { openTable, stageSchemaChange } from '../../../src/table/stage.ts'
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

test('columns that were renamed, added, dropped, widened and swapped read right in old files', async () => {
  let table = await lab.create({ a: 'int', b: 'string', c: 'float', d: 'decimal(5, 2)' })
  table = await lab.append(table, `SELECT 1 AS a, 'x' AS b, 1.5 AS c, 2.25 AS d`)
  table = await change(
    table,
    { type: 'rename', path: ['a'], name: 'spare' },
    { type: 'rename', path: ['b'], name: 'a' },
    { type: 'rename', path: ['spare'], name: 'b' },
  )
  table = await change(
    table,
    { type: 'widen', path: ['b'], to: 'long' },
    { type: 'widen', path: ['c'], to: 'double' },
    { type: 'widen', path: ['d'], to: 'decimal(20, 2)' },
    { type: 'add', path: ['filename'], fieldType: 'date' },
  )
  table = await lab.append(
    table,
    `SELECT 5000000000 AS b, 'y' AS a, 2.5 AS c, 3.25 AS d, date '2024-01-01' AS filename`,
  )
  const sql = await lab.scan(table.metadata, { columns: ['b', 'a', 'c', 'd', 'filename'] })
  assert.deepEqual(await lab.lines(sql), [
    '["1","x",1.5,"2.25",null]',
    '["5000000000","y",2.5,"3.25","2024-01-01"]',
  ])
})

test('a column that was dropped does not come back under its name', async () => {
  let table = await lab.create({ id: 'int', gone: 'string' })
  table = await lab.append(table, `SELECT 1 AS id, 'old' AS gone`)
  table = await change(table, { type: 'drop', path: ['gone'] })
  table = await change(table, { type: 'add', path: ['gone'], fieldType: 'string' })
  table = await lab.append(table, `SELECT 2 AS id, 'new' AS gone`)
  assert.deepEqual(await lab.rows(table.metadata), ['[1,null]', '[2,"new"]'])
})

test('nested fields that were renamed, added and dropped read right at any depth', async () => {
  let table = await lab.create({
    s: struct(field('a', 'int'), field('b', 'string')),
    l: list(struct(field('a', 'int'))),
    m: map(struct(field('a', 'int'), field('z', 'int'))),
  })
  table = await lab.append(
    table,
    `SELECT {'a': 1, 'b': 'x'} AS s, [{'a': 2}, NULL] AS l, map {'k': {'a': 3, 'z': 4}} AS m UNION ALL SELECT NULL, NULL, NULL`,
  )
  table = await change(
    table,
    { type: 'rename', path: ['s', 'a'], name: 'aa' },
    { type: 'rename', path: ['l', 'element', 'a'], name: 'aa' },
    { type: 'rename', path: ['m', 'value', 'a'], name: 'aa' },
    { type: 'drop', path: ['m', 'value', 'z'] },
    { type: 'add', path: ['s', 'n'], fieldType: 'date' },
    { type: 'widen', path: ['s', 'aa'], to: 'long' },
  )
  table = await lab.append(
    table,
    `SELECT {'aa': 10, 'b': 'y', 'n': date '2024-01-01'} AS s, [{'aa': 20}] AS l, map {'k': {'aa': 30}} AS m`,
  )
  assert.deepEqual(
    await lab.rows(table.metadata),
    [
      '[null,null,null]',
      '[{"aa":"1","b":"x","n":null},[{"aa":2},null],[["k",{"aa":3}]]]',
      '[{"aa":"10","b":"y","n":"2024-01-01"},[{"aa":20}],[["k",{"aa":30}]]]',
    ].sort(),
  )
})

test('a struct of which an old file has no field left reads as a struct of nulls', async () => {
  let table = await lab.create({ s: struct(field('a', 'int')) })
  table = await lab.append(table, `SELECT {'a': 1} AS s`)
  table = await change(table, { type: 'add', path: ['s', 'b'], fieldType: 'int' })
  table = await change(table, { type: 'drop', path: ['s', 'a'] })
  table = await lab.append(table, `SELECT {'b': 2} AS s`)
  assert.deepEqual(await lab.rows(table.metadata), ['[{"b":2}]', '[{"b":null}]'])
})

test('a nested name that was re-used for another field is told apart by the schema of the snapshot', async () => {
  let table = await lab.create({ s: struct(field('a', 'int'), field('b', 'int')) })
  table = await lab.append(table, `SELECT {'a': 1, 'b': 2} AS s`)
  table = await change(
    table,
    { type: 'rename', path: ['s', 'a'], name: 'spare' },
    { type: 'rename', path: ['s', 'b'], name: 'a' },
    { type: 'rename', path: ['s', 'spare'], name: 'b' },
  )
  table = await change(table, { type: 'drop', path: ['s', 'b'] })
  table = await change(table, { type: 'add', path: ['s', 'b'], fieldType: 'string' })
  table = await lab.append(table, `SELECT {'a': 20, 'b': 'new'} AS s`)
  assert.deepEqual(await lab.rows(table.metadata), ['[{"a":2,"b":null}]', '[{"a":20,"b":"new"}]'])
  const plan = await planScan(lab.context, table.metadata)
  assert.throws(
    () => scanSql({ ...table.metadata, snapshots: [] }, plan),
    (error: unknown) => isIngotError(error, 'UNSUPPORTED'),
  )
})

test('a scan under an older schema shows the columns as they were then', async () => {
  let table = await lab.create({ a: 'int' })
  table = await lab.append(table, 'SELECT 1 AS a')
  const schemaId = table.metadata['current-schema-id']
  table = await change(table, { type: 'rename', path: ['a'], name: 'b' })
  const { columns } = await lab.session.query(await lab.scan(table.metadata, { schemaId }))
  assert.deepEqual(
    columns.map(column => column.name),
    ['a'],
  )
})

test('an initial default is the value of the column in files older than it', async () => {
  const table = await lab.append(await lab.create({ a: 'int' }), 'SELECT 1 AS a')
  const [schema] = table.metadata.schemas
  assert.ok(schema)
  const added: NestedField[] = [
    { id: 2, name: 'n', required: false, type: 'int', 'initial-default': 42 },
    { id: 3, name: 'd', required: false, type: 'date', 'initial-default': '2024-01-01' },
    { id: 4, name: 'x', required: false, type: 'binary', 'initial-default': '00ff' },
    { id: 5, name: 't', required: false, type: 'string', 'initial-default': "it's" },
  ]
  const metadata = { ...table.metadata, schemas: [{ ...schema, fields: [...schema.fields, ...added] }] }
  assert.deepEqual(await lab.rows(metadata), [`[1,42,"2024-01-01","00ff","it's"]`])
})

test('an empty table gives no rows of its types', async () => {
  const table = await lab.create({ a: 'int', s: struct(field('x', 'decimal(5, 2)')) })
  const result = await lab.session.query(
    await lab.scan(table.metadata, { positions: { file: 'f', row: 'r' } }),
  )
  assert.deepEqual(
    result.columns.map(column => column.type),
    ['INTEGER', 'STRUCT("x" DECIMAL(5,2))', 'VARCHAR', 'BIGINT'],
  )
  assert.deepEqual(result.rows, [])
})

test('a column that the table lacks is refused by name', async () => {
  const table = await lab.create({ a: 'int' })
  await assert.rejects(
    lab.scan(table.metadata, { columns: ['nope'] }),
    (error: unknown) => isIngotError(error, 'QUERY_INVALID') && error.message.includes('nope'),
  )
})
