import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { readManifest } from '../../../src/format/manifest.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { loadManifests } from '../../../src/table/manifests.ts'
import { progressSummary } from '../../../src/table/progress.ts'
import { planScan } from '../../../src/table/scan.ts'
import {
  openTable,
  stageCreate,
  stageProperties,
  stageRollback,
  stageSchemaChange,
} from '../../../src/table/stage.ts'
import { stageAppend, stageDelta } from '../../../src/table/stage-delta.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { schemaOf, TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const filesOf = (table: Pick<LoadedTable, 'metadata'>, select: string) =>
  writeDataFiles(lab.context, lab.session, table.metadata, { select })

test('a created table is committed with its schema, partitioning, properties and first rows', async () => {
  const identifier = { namespace: ['lab'], name: `it's "new".x` }
  const created = await stageCreate(lab.context, {
    identifier,
    schema: schemaOf({
      id: 'long',
      s: { type: 'struct', fields: [{ id: 0, name: 'a', required: false, type: 'int' }] },
    }),
    partitionSpec: {
      'spec-id': 0,
      fields: [{ 'source-id': 1, 'field-id': 1000, name: 'b', transform: 'bucket[4]' }],
    },
    properties: { owner: 'us' },
  })
  const staged = await stageAppend(
    lab.context,
    created,
    await filesOf(created, `SELECT 1 AS id, {'a': 2} AS s`),
  )
  assert.deepEqual(await lab.rows(staged.metadata), ['["1",{"a":2}]'])
  const table = await lab.commit(staged)
  assert.equal(table.metadata['table-uuid'], created.metadata['table-uuid'])
  assert.equal(table.metadata.location, created.metadata.location)
  assert.equal(table.metadata.properties.owner, 'us')
  assert.deepEqual(table.metadata['partition-specs'], created.metadata['partition-specs'])
  assert.deepEqual(await lab.rows(table.metadata), ['["1",{"a":2}]'])
  await assert.rejects(lab.commit(staged), (error: unknown) => isIngotError(error, 'COMMIT_CONFLICT'))
})

test('an append without files makes a snapshot only for progress', async () => {
  const table = await lab.create({ id: 'long' })
  assert.equal((await stageAppend(lab.context, openTable(table), [])).updates.length, 0)
  const summary = progressSummary({ offset: 1 })
  const staged = await stageAppend(lab.context, openTable(table), [], { summary })
  assert.equal(currentSnapshot(staged.metadata)?.summary['ingot.progress'], '{"offset":1}')
  const committed = await lab.commit(staged)
  assert.equal((await stageAppend(lab.context, openTable(committed), [], { summary })).updates.length, 0)
})

test('changes on top of changes have the first base as their requirement', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const base = table.metadata['current-snapshot-id']
  let staged = await stageAppend(lab.context, openTable(table), await filesOf(table, 'SELECT 2 AS id'))
  staged = stageSchemaChange(staged, [{ type: 'add', path: ['v'], fieldType: 'int' }])
  staged = await stageAppend(lab.context, staged, await filesOf(staged, 'SELECT 3 AS id, 4 AS v'))
  const requirement = staged.requirements.find(({ type }) => type === 'assert-ref-snapshot-id')
  assert.deepEqual(requirement, { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': base })
  const committed = await lab.commit(staged)
  assert.deepEqual(await lab.rows(committed.metadata), ['["1",null]', '["2",null]', '["3",4]'])
  const head = currentSnapshot(committed.metadata)
  assert.equal(head?.['parent-snapshot-id'], staged.metadata.snapshots.at(-2)?.['snapshot-id'])
  assert.equal(head?.['sequence-number'], 3)
})

/** A table of as many appends of one file each, which are there by name alone. */
async function stageAppends(count: number): Promise<StagedTable> {
  let staged = openTable(await lab.create({ id: 'long' }))
  const [file] = await filesOf(staged, 'SELECT 7 AS id')
  assert.ok(file)
  for (let index = 0; index < count; index += 1) {
    const filePath = file.filePath.replace('.parquet', `-${index}.parquet`)
    staged = await stageAppend(lab.context, staged, [{ ...file, filePath }])
  }
  return staged
}

test('many small manifests become one, whose entries keep their sequence numbers and snapshots', async () => {
  const table = await lab.commit(await stageAppends(103))
  const manifests = await loadManifests(lab.context, currentSnapshot(table.metadata))
  assert.ok(manifests.length < 10, `${manifests.length} manifests`)
  const merged = manifests.find(manifest => manifest.existingFilesCount > 0)
  assert.ok(merged)
  const { entries } = readManifest(await lab.context.io.read(merged.manifestPath))
  assert.deepEqual(
    entries.map(entry => entry.sequenceNumber).sort((a, b) => Number(a) - Number(b)),
    Array.from({ length: entries.length }, (_, index) => index + 1),
  )
  assert.equal(new Set(entries.map(entry => entry.snapshotId)).size, entries.length)
  assert.equal((await planScan(lab.context, table.metadata)).tasks.length, 103)
  assert.equal(currentSnapshot(table.metadata)?.summary['total-data-files'], '103')
})

test('a snapshot that removes a file and merges manifests still says what it removed', async () => {
  const staged = await stageAppends(101)
  const { tasks } = await planScan(lab.context, staged.metadata)
  const remove = tasks.slice(50, 51).map(task => task.entry)
  const removing = await stageDelta(lab.context, staged, { operation: 'delete', remove })
  const manifests = await loadManifests(lab.context, currentSnapshot(removing.metadata))
  assert.equal(manifests.length, 2)
  assert.deepEqual(manifests.map(manifest => manifest.deletedFilesCount).sort(), [0, 1])
  assert.equal((await planScan(lab.context, removing.metadata)).tasks.length, 100)
})

test('a manifest of which files are removed says so in the snapshot that removes them, and is gone in the next', async () => {
  let table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  table = await lab.append(table, 'SELECT 2 AS id')
  table = await lab.commit(
    await stageOverwrite(lab.context, lab.session, openTable(table), { filterSql: 'id = 1' }),
  )
  const deleting = await loadManifests(lab.context, currentSnapshot(table.metadata))
  assert.deepEqual(deleting.map(manifest => manifest.deletedFilesCount).sort(), [0, 1])
  assert.equal(currentSnapshot(table.metadata)?.summary['deleted-records'], '1')
  table = await lab.append(table, 'SELECT 3 AS id')
  const after = await loadManifests(lab.context, currentSnapshot(table.metadata))
  assert.deepEqual(
    after.map(manifest => manifest.deletedFilesCount),
    [0, 0],
  )
})

test('properties are set and removed', async () => {
  const table = await lab.create({ id: 'long' })
  const set = await lab.commit(stageProperties(openTable(table), { set: { a: '1', b: '2' } }))
  const removed = await lab.commit(stageProperties(openTable(set), { remove: ['a'] }))
  assert.equal(removed.metadata.properties.a, undefined)
  assert.equal(removed.metadata.properties.b, '2')
  assert.equal(stageProperties(openTable(set), {}).updates.length, 0)
})

test('a rollback to a snapshot that is not there is refused', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  assert.throws(
    () => stageRollback(openTable(table), 5n),
    (error: unknown) => isIngotError(error, 'SNAPSHOT_NOT_FOUND'),
  )
})

test('tables of format version 1 are not written', async () => {
  const table = await lab.create({ id: 'long' })
  const metadata = { ...table.metadata, 'format-version': 1 as const }
  await assert.rejects(
    stageDelta(lab.context, { ...openTable(table), metadata }, { operation: 'append' }),
    (error: unknown) => isIngotError(error, 'UNSUPPORTED'),
  )
})
