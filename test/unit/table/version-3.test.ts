import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import type { LiveEntry } from '../../../src/format/manifest-types.ts'
import { changesSql, planChanges } from '../../../src/table/changes.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { planScan } from '../../../src/table/scan.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { commitEqualityDeletes } from '../../support/foreign-deletes.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const range = (from: number, to: number) => `SELECT range AS id, 'v' AS v FROM range(${from}, ${to})`

async function createOf(version: 2 | 3, ...selects: string[]): Promise<LoadedTable> {
  let table = await lab.create({ id: 'long', v: 'string' }, [], version)
  for (const select of selects) table = await lab.append(table, select)
  return table
}

async function overwrite(table: LoadedTable, filterSql: string, select?: string): Promise<LoadedTable> {
  const options = select === undefined ? { filterSql } : { filterSql, select }
  return lab.commit(await stageOverwrite(lab.context, lab.session, openTable(table), options))
}

function upgrade(table: LoadedTable): Promise<LoadedTable> {
  return lab.commit({
    ...openTable(table),
    updates: [{ action: 'upgrade-format-version', 'format-version': 3 }],
  })
}

const lineage = { rowId: 'row_id', lastUpdated: 'sequence_number' }

/** `id: row id, sequence number` of each row. */
async function lineageOf({ metadata }: LoadedTable, snapshotId?: bigint): Promise<Record<string, string>> {
  const options = snapshotId === undefined ? {} : { snapshotId }
  const sql = await lab.scan(metadata, { columns: ['id'], lineage, ...options })
  const { rows } = await lab.session.query(`SELECT id, row_id, sequence_number FROM (${sql}) ORDER BY id`)
  return Object.fromEntries(
    rows.map(([id, rowId, sequenceNumber]) => [String(id), `${rowId}, ${sequenceNumber}`]),
  )
}

async function deletesOf({ metadata }: LoadedTable): Promise<LiveEntry[]> {
  const { tasks } = await planScan({ io: lab.context.io, manifests: createManifestCache() }, metadata)
  return tasks.flatMap(task => task.deletes.map(({ entry }) => entry))
}

const idsOf = async (table: LoadedTable) => {
  const { rows } = await lab.session.query(`SELECT id FROM (${await lab.scan(table.metadata)}) ORDER BY id`)
  return rows.map(([id]) => Number(id))
}

const numbers = (from: number, to: number, but: readonly number[] = []) =>
  Array.from({ length: to - from }, (_, index) => from + index).filter(id => !but.includes(id))

test('rows are deleted by one vector a file, which has all that were deleted before', async () => {
  let table = await createOf(3, range(0, 100), range(100, 200))
  table = await overwrite(table, 'id IN (3, 5, 103)')
  const first = await deletesOf(table)
  assert.deepEqual(
    first.map(({ file }) => [file.fileFormat, file.recordCount]),
    [
      ['PUFFIN', 1],
      ['PUFFIN', 2],
    ],
  )
  assert.equal(new Set(first.map(({ file }) => file.filePath)).size, 1, 'one Puffin file for both')
  table = await overwrite(table, 'id IN (5, 7)', `SELECT 7 AS id, 'new' AS v`)
  const second = await deletesOf(table)
  assert.deepEqual(second.map(({ file }) => file.recordCount).sort(), [1, 3])
  assert.deepEqual(await idsOf(table), numbers(0, 200, [3, 5, 103]))
  const summary = table.metadata.snapshots.at(-1)?.summary
  assert.deepEqual(
    [
      'added-dvs',
      'removed-dvs',
      'added-position-delete-files',
      'total-position-deletes',
      'total-delete-files',
    ].map(key => summary?.[key]),
    ['1', '1', undefined, '4', '2'],
  )
})

test('a file that is written again or removed takes its vector along', async () => {
  let table = await createOf(3, range(0, 100), range(100, 200))
  table = await overwrite(table, 'id IN (3, 103)')
  table = await overwrite(table, 'id < 50 OR id >= 100')
  assert.deepEqual(await deletesOf(table), [])
  assert.deepEqual(await idsOf(table), numbers(50, 100))
  assert.equal(table.metadata.snapshots.at(-1)?.summary['total-delete-files'], '0')
})

test('vectors of many rows, of runs and beside equality deletes leave the same rows out', async () => {
  const count = 400_000
  let table = await createOf(3, range(0, count))
  const isDeleted = '(id % 7 = 0 AND id < 200000) OR id BETWEEN 250000 AND 260000 OR id = 399999'
  table = await overwrite(table, isDeleted)
  table = await commitEqualityDeletes(lab, table, {
    select: 'SELECT unnest([1, 7, 399998]) AS id',
    fieldIds: '{id: 1}',
    equalityIds: [1],
  })
  const aggregates = (source: string) => `SELECT count(*), sum(id), max(id) FROM (${source})`
  const left = `SELECT id FROM (SELECT range AS id FROM range(${count})) WHERE NOT (${isDeleted}) AND id NOT IN (1, 7, 399998)`
  assert.deepEqual(
    await lab.lines(aggregates(await lab.scan(table.metadata))),
    await lab.lines(aggregates(left)),
  )
})

test('vectors make changes of the rows that they delete first', async () => {
  const one = await createOf(3, range(0, 100))
  const two = await overwrite(one, 'id IN (3, 5)')
  const three = await overwrite(two, 'id IN (6, 7)')
  const changes = async (from: LoadedTable, to: LoadedTable) => {
    const [fromSnapshotId, toSnapshotId] = [from, to].map(
      ({ metadata }) => metadata['current-snapshot-id'] ?? null,
    )
    assert(fromSnapshotId !== undefined && toSnapshotId !== undefined)
    const plan = await planChanges(lab.context, three.metadata, { fromSnapshotId, toSnapshotId })
    const { insertedSql, deletedSql } = changesSql(three.metadata, plan)
    return [await lab.lines(insertedSql), await lab.lines(deletedSql)]
  }
  assert.deepEqual(await changes(two, three), [[], ['["6","v"]', '["7","v"]']])
  assert.deepEqual(await changes(three, two), [['["6","v"]', '["7","v"]'], []])
  assert.deepEqual((await changes(one, three))[1], ['["3","v"]', '["5","v"]', '["6","v"]', '["7","v"]'])
})

test('rows get ids when they are appended and keep them when their file is written again', async () => {
  let table = await createOf(3, range(0, 3), range(10, 12))
  assert.deepEqual(await lineageOf(table), {
    '0': '0, 1',
    '1': '1, 1',
    '2': '2, 1',
    '10': '3, 2',
    '11': '4, 2',
  })
  assert.equal(table.metadata['next-row-id'], 5)
  table = await overwrite(table, 'id = 1', `SELECT 20 AS id, 'new' AS v`)
  const rewritten = await lineageOf(table)
  assert.deepEqual(
    { ...rewritten, '20': rewritten['20']?.replace(/^\d+/, 'new') },
    { '0': '0, 1', '2': '2, 1', '10': '3, 2', '11': '4, 2', '20': 'new, 3' },
  )
  assert(Number.parseInt(rewritten['20'] ?? '', 10) >= 5, 'an id that no row had')
  const again = await overwrite(table, 'id = 0')
  const { '0': _gone, ...rest } = rewritten
  assert.deepEqual(await lineageOf(again), rest)
})

test('an append that is put on top of others gives its rows ids after theirs', async () => {
  const table = await createOf(3, range(0, 3))
  const transaction = new Transaction(lab.context)
  await transaction.update(table.identifier, async staged => {
    assert(staged !== undefined)
    const files = await writeDataFiles(lab.context, lab.session, staged.metadata, { select: range(20, 22) })
    return stageAppend(lab.context, staged, files)
  })
  await lab.append(table, range(10, 12))
  const result = await transaction.commit({ idempotencyKey: crypto.randomUUID() })
  const [committed] = result?.tables ?? []
  assert(committed !== undefined)
  assert.deepEqual(await lineageOf(committed), {
    '0': '0, 1',
    '1': '1, 1',
    '2': '2, 1',
    '10': '3, 2',
    '11': '4, 2',
    '20': '5, 3',
    '21': '6, 3',
  })
})

test('ids stay when many manifests become one', async () => {
  let table = await createOf(3)
  for (let index = 0; index < 102; index += 1) table = await lab.append(table, range(index, index + 1))
  const ids = await lineageOf(table)
  assert.deepEqual(
    Object.entries(ids).map(([id, text]) => text === `${id}, ${Number(id) + 1}`),
    numbers(0, 102).map(() => true),
  )
})

test('a table that was upgraded has ids from its first snapshot of version 3 on', async () => {
  let table = await createOf(2, range(0, 100), range(100, 200))
  table = await overwrite(table, 'id IN (4, 104)')
  const before = table.metadata['current-snapshot-id']
  table = await upgrade(table)
  assert.equal((await lineageOf(table))['5'], 'null, null')
  table = await overwrite(table, 'id = 6')
  const deletes = await deletesOf(table)
  assert.deepEqual(deletes.map(({ file }) => `${file.fileFormat} ${file.recordCount}`).sort(), [
    'PARQUET 2',
    'PUFFIN 2',
  ])
  assert.deepEqual(await idsOf(table), numbers(0, 200, [4, 6, 104]))
  const ids = Object.values(await lineageOf(table)).map(text => text.split(',')[0])
  assert.equal(new Set(ids).size, 197)
  assert(!ids.includes('null'))
  assert.equal((await lineageOf(table, before))['5'], 'null, null')
})

test('a Puffin file that is damaged, cut short or lies about its rows is refused by name', async () => {
  const table = await overwrite(await createOf(3, range(0, 100)), 'id IN (3, 5)')
  const [vector] = await deletesOf(table)
  assert(vector !== undefined)
  const path = lab.context.io.toEnginePath(vector.file.filePath)
  const bytes = await readFile(path)
  const isRefused = (error: unknown) =>
    isIngotError(error, 'METADATA_INVALID') && error.message.includes(vector.file.filePath)
  await writeFile(path, bytes.subarray(0, 20))
  await assert.rejects(() => idsOf(table), isRefused)
  await writeFile(path, Buffer.from(bytes).fill(0xaa, 20, 24))
  await assert.rejects(() => idsOf(table), isRefused)
  await writeFile(path, bytes)
  assert.equal((await idsOf(table)).length, 98)
})
