import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { buildPartitionSpec } from '../../../src/format/partition-spec.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import type { SchemaChange } from '../../../src/format/schema-evolution.ts'
import { changesSql, planChanges } from '../../../src/table/changes.ts'
import { openTable, stagePartitionSpec, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { commitEqualityDeletes } from '../../support/foreign-deletes.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

function change(table: LoadedTable, ...changes: SchemaChange[]): Promise<LoadedTable> {
  return lab.commit(stageSchemaChange(openTable(table), changes))
}

const byId = (select: string) => ({ select, fieldIds: '{id: 1}', equalityIds: [1] })

async function changes(table: LoadedTable, from: LoadedTable, to: LoadedTable) {
  const [fromSnapshotId, toSnapshotId] = [from, to].map(
    ({ metadata }) => metadata['current-snapshot-id'] ?? null,
  )
  assert(fromSnapshotId !== undefined && toSnapshotId !== undefined)
  const plan = await planChanges(lab.context, table.metadata, { fromSnapshotId, toSnapshotId })
  const { kind, insertedSql, deletedSql } = changesSql(table.metadata, plan)
  return { kind, inserted: await lab.lines(insertedSql), deleted: await lab.lines(deletedSql) }
}

test('keys are deleted from older files alone: a row that came back, or comes with the delete, stays', async () => {
  let table = await lab.create({ id: 'long', v: 'string' })
  table = await lab.append(table, `SELECT range AS id, 'old' AS v FROM range(4)`)
  table = await commitEqualityDeletes(lab, table, byId('SELECT unnest([1, 3, 9]) AS id'))
  assert.deepEqual(await lab.rows(table.metadata), ['["0","old"]', '["2","old"]'])
  table = await lab.append(table, `SELECT 1 AS id, 'new' AS v`)
  assert.deepEqual(await lab.rows(table.metadata), ['["0","old"]', '["1","new"]', '["2","old"]'])
  table = await commitEqualityDeletes(lab, table, byId('SELECT 2 AS id'))
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['v'] }), ['["new"]', '["old"]'])
})

test('several sets of columns delete side by side, nulls being equal and zeros apart', async () => {
  let table = await lab.create({ id: 'long', d: 'double', s: 'string' })
  table = await lab.append(
    table,
    `SELECT * FROM (VALUES (1, 1.5::double, 'a'), (2, NULL, 'a'), (3, 'nan'::double, NULL), (4, -0.0::double, 'z'), (5, 0.0::double, 'z'), (6, NULL, NULL)) AS t(id, d, s)`,
  )
  table = await commitEqualityDeletes(
    lab,
    table,
    byId('SELECT 1 AS id'),
    {
      select: `SELECT NULL::double AS d, 'a' AS s, 77 AS id UNION ALL SELECT 'nan'::double, NULL, NULL`,
      fieldIds: '{id: 1, d: 2, s: 3}',
      equalityIds: [3, 2],
    },
    { select: 'SELECT -0.0::double AS d', fieldIds: '{d: 2}', equalityIds: [2] },
  )
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['id'] }), ['["5"]', '["6"]'])
  const positions = { positions: { file: 'file', row: 'row' }, columns: [] }
  const rows = await lab.lines(`SELECT row FROM (${await lab.scan(table.metadata, positions)})`)
  assert.deepEqual(rows, ['["4"]', '["5"]'])
})

test('keys of columns that were dropped, renamed, widened, or added since a file was written', async () => {
  let table = await lab.create({ id: 'int', gone: 'string', price: 'decimal(5, 2)' })
  table = await lab.append(
    table,
    `SELECT * FROM (VALUES (1, 'x', 1.5), (2, 'y', 2.5), (3, NULL, 3.5), (4, 'w', 4.5)) AS t(id, gone, price)`,
  )
  table = await commitEqualityDeletes(lab, table, byId('SELECT 1::int AS id'), {
    select: `SELECT 'y' AS gone`,
    fieldIds: '{gone: 2}',
    equalityIds: [2],
  })
  table = await change(
    table,
    { type: 'drop', path: ['gone'] },
    { type: 'rename', path: ['id'], name: 'gone' },
    { type: 'widen', path: ['gone'], to: 'long' },
    { type: 'widen', path: ['price'], to: 'decimal(12, 2)' },
    { type: 'add', path: ['late'], fieldType: 'string' },
  )
  assert.deepEqual(await lab.rows(table.metadata), ['["3","3.50",null]', '["4","4.50",null]'])
  table = await lab.append(table, `SELECT 5 AS gone, 5.5 AS price, 'here' AS late`)
  table = await commitEqualityDeletes(lab, table, {
    select: `SELECT NULL::varchar AS late, 4.5::decimal(12, 2) AS price`,
    fieldIds: '{late: 4, price: 3}',
    equalityIds: [3, 4],
  })
  assert.deepEqual(await lab.rows(table.metadata), ['["3","3.50",null]', '["5","5.50","here"]'])
})

test('keys inside structs, renamed and dropped ones and those of no struct as well', async () => {
  const type = (name: string) => ({ id: 0, name, required: false, type: 'int' as const })
  let table = await lab.create({ s: { type: 'struct', fields: [type('a'), type('b')] }, v: 'int' })
  const ids = new Map(
    currentSchema(table.metadata).fields.flatMap(field =>
      typeof field.type === 'object' && field.type.type === 'struct'
        ? field.type.fields.map(inner => [inner.name, inner.id])
        : [[field.name, field.id]],
    ),
  )
  table = await lab.append(
    table,
    `SELECT * FROM (VALUES ({a: 1, b: 1}, 1), ({a: 2, b: 2}, 2), (NULL, 3), ({a: NULL, b: 4}, 4), ({a: 5, b: 5}, 5)) AS t(s, v)`,
  )
  const inside = (name: string, value: string) => ({
    select: `SELECT {'${name}': ${value}} AS s`,
    fieldIds: `{s: {__duckdb_field_id: 1, ${name}: ${ids.get(name)}}}`,
    equalityIds: [ids.get(name) ?? -1],
  })
  table = await commitEqualityDeletes(lab, table, inside('a', '1::int'), inside('b', '2::int'))
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['v'] }), ['[3]', '[4]', '[5]'])
  table = await change(
    table,
    { type: 'rename', path: ['s', 'a'], name: 'c' },
    { type: 'drop', path: ['s', 'b'] },
  )
  assert.deepEqual(await lab.rows(table.metadata), ['[null,3]', '[{"c":5},5]', '[{"c":null},4]'])
  table = await commitEqualityDeletes(lab, table, {
    select: `SELECT {'c': NULL::int} AS s`,
    fieldIds: `{s: {__duckdb_field_id: 1, c: ${ids.get('a')}}}`,
    equalityIds: [ids.get('a') ?? -1],
  })
  assert.deepEqual(await lab.rows(table.metadata, { columns: ['v'] }), ['[5]'])
})

test('deletes of a partition stay in it, those of an unpartitioned or void spec reach everywhere', async () => {
  let table = await lab.create({ id: 'long', p: 'string' }, ['p'])
  const rows = (id: number) =>
    `SELECT unnest([${id}, ${id + 1}]) AS id, p FROM (SELECT unnest(['a', 'b', NULL]) AS p)`
  table = await lab.append(table, rows(1))
  table = await commitEqualityDeletes(
    lab,
    table,
    { ...byId('SELECT 1 AS id'), partition: ['a'] },
    { ...byId('SELECT 2 AS id'), partition: [null] },
  )
  const all = ['["1","b"]', '["1",null]', '["2","a"]', '["2","b"]']
  assert.deepEqual(await lab.rows(table.metadata), all)
  const unpartitioned = (name: 'none' | 'void') => {
    const { spec } = buildPartitionSpec(
      currentSchema(table.metadata),
      name === 'none' ? [] : ['void(p)'],
      table.metadata['last-partition-id'],
      table.metadata['partition-specs'],
    )
    return lab.commit(stagePartitionSpec(openTable(table), spec))
  }
  table = await unpartitioned('none')
  table = await commitEqualityDeletes(lab, table, byId('SELECT 1 AS id'))
  assert.deepEqual(await lab.rows(table.metadata), ['["2","a"]', '["2","b"]'])
  table = await unpartitioned('void')
  table = await commitEqualityDeletes(lab, table, { ...byId('SELECT 2 AS id'), partition: [null] })
  assert.deepEqual(await lab.rows(table.metadata), [])
})

test('the rows that equality and position deletes take away are changes, each once', async () => {
  const before = await lab.append(
    await lab.create({ id: 'long', v: 'int' }),
    'SELECT range AS id, range::int % 3 AS v FROM range(30) UNION ALL SELECT 7, 1',
  )
  const overwrite = (table: LoadedTable, filterSql: string) =>
    stageOverwrite(lab.context, lab.session, openTable(table), { filterSql })
  const positions = await lab.commit(await overwrite(before, 'id = 3'))
  const keys = await commitEqualityDeletes(lab, positions, byId('SELECT unnest([7, 3, 9]) AS id'), {
    select: 'SELECT 9 AS id, 0::int AS v UNION ALL SELECT 10, 1',
    fieldIds: '{id: 1, v: 2}',
    equalityIds: [1, 2],
  })
  const last = await lab.commit(await overwrite(keys, 'id = 11'))
  const deleted = (...ids: number[]) => ids.map(id => JSON.stringify([`${id}`, id % 3])).sort()
  assert.deepEqual(await changes(last, positions, keys), {
    kind: 'mixed',
    inserted: [],
    deleted: deleted(7, 7, 9, 10),
  })
  assert.deepEqual(await changes(last, before, last), {
    kind: 'mixed',
    inserted: [],
    deleted: deleted(3, 7, 7, 9, 10, 11),
  })
  assert.deepEqual((await changes(last, last, before)).inserted, deleted(3, 7, 7, 9, 10, 11))
})

test('what is written over rows with equality deletes leaves the deleted ones out', async () => {
  let table = await lab.append(await lab.create({ id: 'long' }), 'SELECT range AS id FROM range(10)')
  table = await commitEqualityDeletes(lab, table, byId('SELECT unnest([0, 1]) AS id'))
  const staged = await stageOverwrite(lab.context, lab.session, openTable(table), {
    filterSql: 'id < 6',
    select: 'SELECT 1 AS id',
  })
  table = await lab.commit(staged)
  assert.deepEqual(await lab.rows(table.metadata), ['["1"]', '["6"]', '["7"]', '["8"]', '["9"]'])
})

test('equality deletes without columns, or by a column that no schema has, are refused with the file', async () => {
  for (const [equalityIds, message] of [
    [[], /has no equality_ids/],
    [[99], /compares column 99/],
  ] as const) {
    let table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
    table = await commitEqualityDeletes(lab, table, { ...byId('SELECT 1 AS id'), equalityIds })
    await assert.rejects(
      () => lab.rows(table.metadata),
      error =>
        isIngotError(error, 'METADATA_INVALID') &&
        message.test(error.message) &&
        error.message.includes('-eq-deletes.parquet'),
    )
  }
})
