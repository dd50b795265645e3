import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { IngotError } from '../../../src/errors.ts'
import type { DataFile } from '../../../src/format/manifest-types.ts'
import type { TableMetadata } from '../../../src/format/metadata-types.ts'
import { parseSchema } from '../../../src/format/schema-json.ts'
import { planScan, type ScanPlan } from '../../../src/table/scan.ts'
import { scanSql } from '../../../src/table/scan-sql.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

function isRefused(...words: readonly string[]): (error: unknown) => boolean {
  return error =>
    error instanceof IngotError &&
    error.code === 'UNSUPPORTED' &&
    words.every(word => error.message.includes(word))
}

function inFormat({ tasks, ...plan }: ScanPlan, fileFormat: DataFile['fileFormat']): ScanPlan {
  const changed = tasks.map(task => {
    const file = { ...task.entry.file, fileFormat }
    return { ...task, entry: { ...task.entry, file } }
  })
  return { ...plan, tasks: changed }
}

test('data files in Avro and ORC are refused with file and format', async () => {
  const { metadata } = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1::BIGINT AS id')
  const plan = await planScan(lab.context, metadata)
  const path = plan.tasks[0]?.entry.file.filePath
  assert.ok(path)
  assert.ok(scanSql(metadata, plan))
  for (const format of ['AVRO', 'ORC'] as const) {
    assert.throws(() => scanSql(metadata, inFormat(plan, format)), isRefused(format, path))
  }
})

test('columns of types that are not read are refused by name, nested ones by path; the others are read', async () => {
  const { metadata } = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1::BIGINT AS id')
  const plan = await planScan(lab.context, metadata)
  const types = ['variant', 'unknown', 'timestamp_ns', 'timestamptz_ns', 'geometry(EPSG:4326)', 'geography']
  for (const type of types) {
    const inner = { id: 3, name: 'inner', required: false, type }
    const foreign = withColumn(metadata, { type: 'struct', fields: [inner] })
    assert.throws(() => scanSql(foreign, plan), isRefused('outer.inner', type))
    assert.throws(() => scanSql(foreign, { ...plan, tasks: [] }), isRefused('outer.inner', type))
    assert.throws(() => scanSql(withColumn(metadata, type), plan), isRefused('column outer ', type))
    assert.deepEqual(await lab.lines(scanSql(foreign, plan, { columns: ['id'] })), ['["1"]'])
  }
})

/** The table as another engine would have left it that added a column. */
function withColumn(metadata: TableMetadata, type: unknown): TableMetadata {
  const id = { id: 1, name: 'id', required: false, type: 'long' }
  const fields = [id, { id: 2, name: 'outer', required: false, type }]
  const schema = parseSchema({ type: 'struct', 'schema-id': metadata['current-schema-id'], fields })
  return { ...metadata, schemas: [schema] }
}
