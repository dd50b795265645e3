import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { bindQuery } from '../../../src/cli/bind-query.ts'
import { prepareLakeQuery } from '../../../src/cli/lake-query.ts'
import { isIngotError } from '../../../src/errors.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import { parseSchema } from '../../../src/format/schema-json.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { refusalIn } from '../../../src/table/refuse-unreadable.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageAppend, stageDelta } from '../../../src/table/stage-delta.ts'
import { schemaOf, TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

/** The rows of a query of the lake as `ingot query` runs it, in the order it gives. */
async function rowsOf(sql: string): Promise<string[]> {
  await lab.session.query('DROP SCHEMA IF EXISTS lab CASCADE')
  const text = await prepareLakeQuery(lab.context, lab.session, sql, { type: 'now' })
  await bindQuery(lab.session, text)
  try {
    return await lab.lines(text)
  } catch (error) {
    throw refusalIn(error)
  }
}

function isRefused(column: string, type: string): (error: unknown) => boolean {
  return error =>
    isIngotError(error, 'UNSUPPORTED') &&
    error.message === `column ${column} has type ${type}, which cannot be read` &&
    error.context.column === column &&
    error.context.type === type
}

/** The table as another engine leaves it that adds columns. */
function withColumns(table: LoadedTable, columns: Readonly<Record<string, unknown>>): Promise<LoadedTable> {
  const schema = currentSchema(table.metadata)
  const first = table.metadata['last-column-id'] + 1
  const added = Object.entries(columns).map(([name, type], index) => ({
    id: first + index,
    name,
    required: false,
    type,
  }))
  return lab.commit({
    ...openTable(table),
    updates: [
      { action: 'add-schema', schema: parseSchema({ ...schema, fields: [...schema.fields, ...added] }) },
      { action: 'set-current-schema', 'schema-id': -1 },
    ],
  })
}

test('a column of a type that is not read refuses the queries that read it, and no others', async () => {
  const table = await lab.append(
    await lab.create({ id: 'long', name: 'string' }, [], 3),
    `SELECT range AS id, 'n' || range AS name FROM range(3)`,
  )
  const inner = { type: 'struct', fields: [{ id: 100, name: 'at', required: false, type: 'timestamptz_ns' }] }
  const { identifier } = await withColumns(table, { v: 'variant', "it's": inner })
  const from = `lab.${identifier.name}`
  const readable = [
    [`select id from ${from} where name = 'n1'`, ['["1"]']],
    [`select count(*) from ${from}`, ['["3"]']],
    [`select * exclude (v, "it's") from ${from} where id = 2`, ['["2","n2"]']],
    [`select max(a.id) from ${from} a join (select * from ${from}) b using (id)`, ['["2"]']],
    [`with x as (select * from ${from}) select count(name) from x`, ['["3"]']],
    [`select id from ${from} where exists (select * from ${from}) and id = 0`, ['["0"]']],
  ] as const
  for (const [sql, rows] of readable) assert.deepEqual(await rowsOf(sql), rows, sql)
  for (const sql of [
    `select v from ${from}`,
    `select * from ${from}`,
    `select count(v) from ${from}`,
    `select id from ${from} where v is null`,
    `select id from ${from} order by v`,
    `select distinct on (v) id from ${from}`,
    `select id from (select id, v as w from ${from}) where w > 'a'`,
  ]) {
    await assert.rejects(rowsOf(sql), isRefused('v', 'variant'), sql)
  }
  await assert.rejects(rowsOf(`select "it's" from ${from}`), isRefused("it's.at", 'timestamptz_ns'))
})

test('the rows of a table whose columns are all of types that are not read can be counted', async () => {
  const created = await lab.create({ id: 'long' }, [], 3)
  const { identifier, metadata } = await withColumns(created, { v: 'variant' })
  const from = `lab.${identifier.name}`
  assert.deepEqual(await rowsOf(`select id from ${from}`), [])
  const loaded = await lab.context.catalog.loadTable(identifier)
  const written = await writeDataFiles(lab.context, lab.session, created.metadata, {
    select: 'SELECT 1 AS id',
  })
  await lab.commit(await stageAppend(lab.context, openTable(loaded), written))
  const only = currentSchema(metadata).fields.filter(({ name }) => name === 'v')
  await lab.commit({
    ...openTable(loaded),
    updates: [
      { action: 'add-schema', schema: { ...currentSchema(metadata), fields: only } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ],
  })
  assert.deepEqual(await rowsOf(`select count(*) from ${from}`), ['["1"]'])
  await assert.rejects(rowsOf(`from ${from}`), isRefused('v', 'variant'))
})

test('queries read timestamp_ns to the nanosecond, and unknown as null; nothing writes them', async () => {
  const created = await lab.create({ id: 'long' }, [], 3)
  const inner = { type: 'struct', fields: [{ id: 100, name: 'u', required: false, type: 'unknown' }] }
  const table = await withColumns(created, { ts: 'timestamp_ns', u: 'unknown', s: inner })
  const at = "TIMESTAMP_NS '2026-01-01 00:00:00.123456789'"
  const filePath = `${table.metadata.location}/data/foreign.parquet`
  const path = lab.context.io.toEnginePath(filePath)
  await lab.context.io.makeFolder(`${table.metadata.location}/data`)
  await lab.lines(
    `COPY (SELECT 1::BIGINT AS id, ${at} AS ts) TO '${path}' (FORMAT parquet, FIELD_IDS {id: 1, ts: 2})`,
  )
  const stat = await lab.context.io.stat(filePath)
  const file = {
    content: 'data',
    filePath,
    fileFormat: 'PARQUET',
    partition: [],
    recordCount: 1,
    fileSizeBytes: stat?.sizeBytes ?? 0,
    valueCounts: new Map([[1, 1]]),
  } as const
  await lab.commit(await stageDelta(lab.context, openTable(table), { operation: 'append', add: [file] }))
  const from = `lab.${table.identifier.name}`
  assert.deepEqual(await rowsOf(`select id, ts::varchar, u, s from ${from} where ts = ${at}`), [
    '["1","2026-01-01 00:00:00.123456789",null,null]',
  ])
  const write = lab.append(table, `SELECT 2 AS id, ${at} AS ts, NULL AS u, NULL AS s`)
  await assert.rejects(write, isRefused('ts', 'timestamp_ns'))
})

test('tables whose names differ in letter case alone are told apart, but not in one query', async () => {
  for (const [name, id] of [
    ['Twin', 1],
    ['twin', 2],
  ] as const) {
    const identifier = { namespace: ['lab'], name }
    const created = await lab.context.catalog.createTable({ identifier, schema: schemaOf({ id: 'long' }) })
    await lab.append(created, `SELECT ${id} AS id`)
  }
  assert.deepEqual(await rowsOf('select * from lab.Twin'), ['["1"]'])
  assert.deepEqual(await rowsOf('select * from lab.twin'), ['["2"]'])
  assert.deepEqual(await rowsOf('select a.id from lab.twin a, lab.twin b'), ['["2"]'])
  await assert.rejects(
    rowsOf('select * from lab.twin union all select * from lab.Twin'),
    error => isIngotError(error, 'QUERY_INVALID') && /lab\.twin, lab\.Twin$/.test(error.message),
  )
})
