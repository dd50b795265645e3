import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import type { Type } from '../../../src/format/types.ts'
import type { LakeTable } from '../../../src/lake/lake.ts'
import { planRun } from '../../../src/pipeline/plan-run.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import type { TableReport } from '../../../src/pipeline/run-report.ts'
import { systemRandom } from '../../../src/random.ts'
import { quoteLiteral } from '../../../src/sql-text.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { type BronzeOptions, bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

const lakeOf = (...tables: readonly LakeTable[]) => ({
  ...{ projectFolder: lab.folder, modulePath: '' },
  tables,
})

const metrics = createMetrics()

const dependencies = () => ({
  ...{ context: lab.context, engine: lab.engine, loader: lab.loader, clock: systemClock },
  ...{ random: systemRandom, log: createLog({ level: 'silent' }), metrics },
})

async function run(table: LakeTable): Promise<TableReport> {
  const { tables } = await executeRun(dependencies(), lakeOf(table))
  const [report] = tables
  assert.ok(report)
  assert.deepEqual([report.status, report.error], ['done', undefined])
  return report
}

type Write = (name: string, row: Readonly<Record<string, string | number>>) => Promise<void>

/** Writes a file of one row. */
const WRITERS: Readonly<Record<string, Write>> = {
  ndjson: (name, row) => lab.write(name, `${JSON.stringify(row)}\n`),
  csv: (name, row) => lab.write(name, `${Object.keys(row).join(',')}\n${Object.values(row).join(',')}\n`),
  parquet: async (name, row) => {
    await lab.write(name, '')
    const columns = Object.entries(row).map(
      ([column, value]) => `${typeof value === 'string' ? quoteLiteral(value) : value} AS ${column}`,
    )
    const copy = `COPY (SELECT ${columns.join(', ')}) TO ${quoteLiteral(lab.path(name))} (FORMAT parquet)`
    await lab.engine.session({}, session => session.query(copy))
  },
}

const KEPT_CITY = 'column city is no longer declared: kept, null in new rows'

for (const [format, write] of Object.entries(WRITERS)) {
  test(`${format}: a column that is removed, renamed and declared again`, async () => {
    const folder = `kept-${format}`
    const declare = (columns: Readonly<Record<string, Type>>): LakeTable =>
      bronzeTable({ name: `bronze.kept_${format}`, columns, glob: `${folder}/*` })
    const rows = (columns: string) => lab.rows(`bronze.kept_${format}`, `${columns}, _rescued`)

    await write(`${folder}/1.${format}`, { id: 1, city: 'Bern' })
    assert.deepEqual((await run(declare({ id: 'long', city: 'string' }))).notes, [])

    await write(`${folder}/2.${format}`, { id: 2, city: 'Genf' })
    const removed = declare({ id: 'long' })
    const [planned] = (await planRun(dependencies(), lakeOf(removed))).tables
    assert.deepEqual([planned?.action, planned?.notes], ['load', [KEPT_CITY]])
    const report = await run(removed)
    assert.deepEqual(report.notes, [KEPT_CITY])
    assert.deepEqual([report.load?.rescued, report.load?.rescuedFields], [1, [{ name: 'city', rows: 1 }]])

    assert.match(
      await metrics.exposition(),
      new RegExp(`^ingot_pipeline_rescued_rows_total\\{table="bronze.kept_${format}"\\} 1$`, 'm'),
    )

    await write(`${folder}/3.${format}`, { id: 3, town: 'Chur' })
    assert.deepEqual((await run(declare({ id: 'long', town: 'string' }))).notes, [KEPT_CITY])
    assert.deepEqual(await rows('id, city, town'), [
      [1n, 'Bern', null, null],
      [2n, null, null, '{"city":"Genf"}'],
      [3n, null, 'Chur', null],
    ])

    await write(`${folder}/4.${format}`, { id: 4, city: 'Thun' })
    const again = await run(declare({ id: 'long', city: 'string' }))
    assert.deepEqual(again.notes, ['column town is no longer declared: kept, null in new rows'])
    assert.deepEqual((await rows('id, city, town')).at(-1), [4n, 'Thun', null, null])
  })
}

const declare = (name: string, options: BronzeOptions): LakeTable =>
  bronzeTable({ ...options, name: `bronze.${name}`, glob: `${name}/*` })

test('a payload gives way to columns, and comes back', async () => {
  await lab.write('payload/1.ndjson', '{"id":1}\n')
  await run(declare('payload', {}))
  await lab.write('payload/2.ndjson', '{"id":2}\n')
  const typed = await run(declare('payload', { columns: { id: 'long' } }))
  assert.deepEqual(typed.notes, ['column payload is no longer declared: kept, null in new rows'])
  await lab.write('payload/3.ndjson', '{"id":3}\n')
  await run(declare('payload', {}))
  assert.deepEqual(await lab.rows('bronze.payload', 'payload, id'), [
    ['{"id":1}', null],
    [null, 2n],
    ['{"id":3}', null],
  ])
})

test('a field inside a struct', async () => {
  const struct = (...names: readonly string[]): Type => ({
    type: 'struct',
    fields: names.map(name => ({ id: 0, name, required: false, type: 'long' })),
  })
  await lab.write('nested/1.ndjson', '{"s":{"a":1,"b":2}}\n')
  await run(declare('nested', { columns: { s: struct('a', 'b') } }))
  await lab.write('nested/2.ndjson', '{"s":{"a":3}}\n{"s":{"a":4,"b":5}}\n')
  await run(declare('nested', { columns: { s: struct('a') } }))
  assert.deepEqual(await lab.rows('bronze.nested', 's.a, s.b, _rescued'), [
    [1n, 2n, null],
    [3n, null, null],
    [4n, null, '{"s":{"a":4,"b":5}}'],
  ])
})

test("with 'add' rows go on filling it, and files may lack it", async () => {
  await lab.write('adding/1.csv', 'id,city\n1,Bern\n')
  await run(declare('adding', { columns: { id: 'long', city: 'string' }, onNewColumn: 'add' }))
  await lab.write('adding/2.csv', 'id,city\n2,Genf\n')
  await lab.write('adding/3.csv', 'id\n3\n')
  await WRITERS.parquet?.('adding/4.parquet', { id: 4 })
  const report = await run(declare('adding', { columns: { id: 'long' }, onNewColumn: 'add' }))
  assert.deepEqual(report.notes, [])
  assert.deepEqual(await lab.rows('bronze.adding', 'id, city'), [
    [1n, 'Bern'],
    [2n, 'Genf'],
    [3n, null],
    [4n, null],
  ])
})

test('a required column is made optional', async () => {
  await lab.write('required/1.ndjson', '{"id":1,"city":"Bern"}\n')
  const both = declare('required', { columns: { id: 'long', city: 'string' } })
  await run(both)
  const { metadata } = await lab.context.catalog.loadTable(both.identifier)
  const schema = currentSchema(metadata)
  const fields = schema.fields.map(field => ({ ...field, required: field.name === 'city' }))
  await lab.context.catalog.commit(
    [
      {
        identifier: both.identifier,
        requirements: [{ type: 'assert-table-uuid', uuid: metadata['table-uuid'] }],
        updates: [
          { action: 'add-schema', schema: { ...schema, fields } },
          { action: 'set-current-schema', 'schema-id': -1 },
        ],
      },
    ],
    { idempotencyKey: crypto.randomUUID() },
  )
  await lab.write('required/2.ndjson', '{"id":2}\n')
  await run(declare('required', { columns: { id: 'long' } }))
  assert.deepEqual(await lab.rows('bronze.required', 'id, city'), [
    [1n, 'Bern'],
    [2n, null],
  ])
})

test('a name in other letter case is refused: engines take the two for one', async () => {
  await lab.write('case/1.ndjson', '{"city":"Bern"}\n')
  await run(declare('case', { columns: { city: 'string' } }))
  await lab.write('case/2.ndjson', '{"City":"Genf"}\n')
  const { tables } = await executeRun(
    dependencies(),
    lakeOf(declare('case', { columns: { City: 'string' } })),
  )
  assert.deepEqual(tables[0]?.error, {
    code: 'PLAN_REFUSED',
    message: 'column City of bronze.case differs from its column city in letter case alone',
    hint: 'declare it as city, or under another name',
  })
})
