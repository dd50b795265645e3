import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import type { NestedField, Type } from '../../../src/format/types.ts'
import { openTable, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { commitEqualityDeletes } from '../../support/foreign-deletes.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

/** Commits the schema that `change` makes of the fields of the current one, as other writers do. */
function withFields(
  table: LoadedTable,
  change: (fields: readonly NestedField[]) => readonly NestedField[],
): Promise<LoadedTable> {
  const schema = currentSchema(table.metadata)
  return lab.commit({
    ...openTable(table),
    updates: [
      { action: 'add-schema', schema: { ...schema, fields: change(schema.fields) } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ],
  })
}

const column = (id: number, name: string, type: Type, initial: unknown, write = initial): NestedField => ({
  id,
  name,
  required: false,
  type,
  'initial-default': initial,
  'write-default': write,
})

test('rows older than a column have its first default, younger ones what was written', async () => {
  let table = await lab.append(await lab.create({ id: 'long' }, [], 3), 'SELECT 1 AS id')
  const list: Type = { type: 'list', 'element-id': 21, element: 'string', 'element-required': false }
  const map: Type = {
    type: 'map',
    'key-id': 23,
    key: 'string',
    'value-id': 24,
    value: 'int',
    'value-required': false,
  }
  const inner = [column(26, 'x', 'int', 3), column(27, "it's", 'string', `a 'b' \\ "c", {d}`)]
  table = await withFields(table, fields => [
    ...fields,
    column(10, 'n', 'int', 7),
    column(11, 'at', 'timestamptz', '2024-02-29T22:31:08.5+00:00'),
    column(12, 'bytes', 'binary', '00ff27'),
    column(20, 'list', list, ["it's", null, 'a, b']),
    column(22, 'map', map, { keys: ['k='], values: [1] }),
    column(25, 'struct', { type: 'struct', fields: inner }, {}),
    column(28, 'none', { type: 'struct', fields: [column(29, 'x', 'int', 3)] }, null),
  ])
  const columns = ['id', 'n', 'at', 'bytes', 'list', 'map', 'struct', 'none']
  const old =
    `["1",7,"2024-02-29 22:31:08.5+00","00ff27",["it's",null,"a, b"],[["k=",1]],` +
    `{"x":3,"it's":"a 'b' \\\\ \\"c\\", {d}"},null]`
  assert.deepEqual(await lab.rows(table.metadata, { columns }), [old])
  const nulls = columns.slice(1).map(name => `NULL AS "${name}"`)
  table = await lab.append(table, `SELECT 2 AS id, ${nulls.join(', ')}`)
  assert.deepEqual(await lab.rows(table.metadata, { columns }), [
    old,
    '["2",null,null,null,null,null,null,null]',
  ])
})

test('columns that a write leaves out get the default of writes, those without one are missed', async () => {
  let table = await lab.append(await lab.create({ id: 'long' }, [], 3), 'SELECT 1 AS id')
  table = await withFields(table, fields => [...fields, column(2, 'n', 'int', 7, 8)])
  table = await lab.append(table, 'SELECT 2 AS id')
  table = await lab.append(table, 'SELECT 3 AS id, NULL AS N')
  const overwrite = { filterSql: 'id = 1', select: 'SELECT 4 AS id' }
  table = await lab.commit(await stageOverwrite(lab.context, lab.session, openTable(table), overwrite))
  assert.deepEqual(await lab.rows(table.metadata), ['["2",8]', '["3",null]', '["4",8]'])
  await assert.rejects(
    () => lab.append(table, 'SELECT 5 AS n'),
    error => isIngotError(error, 'ENGINE_FAILED') && error.message.includes('id'),
  )
})

test('fields inside structs have their defaults in the files that lack them, also once renamed', async () => {
  const home: Type = { type: 'struct', fields: [{ id: 0, name: 'town', required: false, type: 'string' }] }
  const homes: Type = { type: 'list', 'element-id': 0, element: home, 'element-required': false }
  let table = await lab.create({ id: 'long', home, homes }, [], 3)
  table = await lab.append(
    table,
    `SELECT 1 AS id, {'town': 'Oslo'} AS home, [{'town': 'Oslo'}, NULL] AS homes`,
  )
  table = await lab.append(table, 'SELECT 2 AS id, NULL AS home, NULL AS homes')
  const addTo = (type: Type, field: NestedField): Type => {
    if (typeof type === 'object' && type.type === 'struct')
      return { ...type, fields: [...type.fields, field] }
    return typeof type === 'object' && type.type === 'list'
      ? { ...type, element: addTo(type.element, field) }
      : type
  }
  table = await withFields(table, ([id, one, many]) => {
    assert(id && one && many)
    return [
      id,
      { ...one, type: addTo(one.type, column(30, 'zip', 'int', 150)) },
      { ...many, type: addTo(many.type, column(31, 'zip', 'int', 151)) },
    ]
  })
  table = await lab.append(
    table,
    `SELECT 3 AS id, {'town': 'Rome', 'zip': NULL} AS home, [{'town': 'Rome', 'zip': 5}] AS homes`,
  )
  table = await lab.commit(
    stageSchemaChange(openTable(table), [{ type: 'rename', path: ['home', 'zip'], name: 'code' }]),
  )
  const rows = [
    '["1",{"town":"Oslo","code":150},[{"town":"Oslo","zip":151},null]]',
    '["2",null,null]',
    '["3",{"town":"Rome","code":null},[{"town":"Rome","zip":5}]]',
  ]
  assert.deepEqual(await lab.rows(table.metadata), rows)
  // Of the third file it is not known whether it has the name of before or that of after the change.
  table = await lab.append(table, 'SELECT 4 AS id, NULL AS home, NULL AS homes')
  const first = table.metadata.snapshots.slice(0, 3).map(snapshot => snapshot['snapshot-id'])
  const expired = await lab.commit({
    ...openTable(table),
    updates: [{ action: 'remove-snapshots', 'snapshot-ids': first }],
  })
  await assert.rejects(
    () => lab.rows(expired.metadata),
    error => isIngotError(error, 'UNSUPPORTED') && /cannot be told/.test(error.message),
  )
})

test('files of expired snapshots are told by their columns where no name stands in the way', async () => {
  const home: Type = { type: 'struct', fields: [{ id: 0, name: 'town', required: false, type: 'string' }] }
  let table = await lab.create({ id: 'long', home }, [], 3)
  table = await lab.append(table, `SELECT 1 AS id, {'town': 'Oslo'} AS home`)
  table = await withFields(table, ([id, one]) => {
    assert(id && one && typeof one.type === 'object' && one.type.type === 'struct')
    return [
      id,
      { ...one, type: { ...one.type, fields: [...one.type.fields, column(30, 'zip', 'int', 150)] } },
    ]
  })
  table = await lab.append(table, `SELECT 2 AS id, {'town': 'Rome', 'zip': 118} AS home`)
  table = await lab.append(table, `SELECT 3 AS id, NULL AS home`)
  const older = table.metadata.snapshots.slice(0, 2).map(snapshot => snapshot['snapshot-id'])
  table = await lab.commit({
    ...openTable(table),
    updates: [{ action: 'remove-snapshots', 'snapshot-ids': older }],
  })
  const rows = ['["1",{"town":"Oslo","zip":150}]', '["2",{"town":"Rome","zip":118}]', '["3",null]']
  assert.deepEqual(await lab.rows(table.metadata), rows)
  table = await commitEqualityDeletes(lab, table, {
    select: `SELECT {'zip': 150} AS home`,
    fieldIds: '{home: {__duckdb_field_id: 2, zip: 30}}',
    equalityIds: [30],
  })
  assert.deepEqual(await lab.rows(table.metadata), rows.slice(1))
})
