import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { changesSql, planChanges } from '../../../src/table/changes.ts'
import { openTable, stageRollback } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const head = (table: LoadedTable): bigint | null => table.metadata['current-snapshot-id'] ?? null

async function changes(table: LoadedTable, fromSnapshotId: bigint | null, toSnapshotId: bigint | null) {
  const plan = await planChanges(lab.context, table.metadata, { fromSnapshotId, toSnapshotId })
  const { kind, insertedSql, deletedSql } = changesSql(table.metadata, plan)
  return { kind, inserted: await lab.lines(insertedSql), deleted: await lab.lines(deletedSql) }
}

async function overwrite(table: LoadedTable, filterSql: string, select?: string): Promise<LoadedTable> {
  const options = select === undefined ? { filterSql } : { filterSql, select }
  return lab.commit(await stageOverwrite(lab.context, lab.session, openTable(table), options))
}

test('appends are inserts, from the beginning as well', async () => {
  const empty = await lab.create({ id: 'long' })
  const one = await lab.append(empty, 'SELECT 1 AS id UNION ALL SELECT 1')
  const two = await lab.append(one, 'SELECT 2 AS id')
  assert.deepEqual(await changes(two, head(one), head(two)), {
    kind: 'inserts',
    inserted: ['["2"]'],
    deleted: [],
  })
  assert.deepEqual(await changes(two, null, head(two)), {
    kind: 'inserts',
    inserted: ['["1"]', '["1"]', '["2"]'],
    deleted: [],
  })
  assert.deepEqual(await changes(two, head(two), head(two)), { kind: 'none', inserted: [], deleted: [] })
  assert.deepEqual(await changes(two, null, null), { kind: 'none', inserted: [], deleted: [] })
})

test('position deletes and rewrites give the rows that changed, each as often as it did', async () => {
  const one = await lab.append(
    await lab.create({ id: 'long', v: 'int' }),
    'SELECT range AS id, 0 AS v FROM range(100) UNION ALL SELECT 7, 0',
  )
  const few = await overwrite(one, 'id = 7')
  assert.deepEqual(await changes(few, head(one), head(few)), {
    kind: 'mixed',
    inserted: [],
    deleted: ['["7",0]', '["7",0]'],
  })
  const many = await overwrite(
    few,
    'id < 90',
    `SELECT id, v FROM (${await lab.scan(few.metadata)}) WHERE id < 89 UNION ALL SELECT 89, 1`,
  )
  assert.deepEqual(await changes(many, head(few), head(many)), {
    kind: 'mixed',
    inserted: ['["89",1]'],
    deleted: ['["89",0]'],
  })
})

test('rows that were only written again are no changes', async () => {
  const one = await lab.append(
    await lab.create({
      id: 'long',
      m: { type: 'map', 'key-id': 0, key: 'string', 'value-id': 0, value: 'int', 'value-required': false },
    }),
    `SELECT range AS id, map {'k': range} AS m FROM range(10)`,
  )
  const same = await overwrite(one, 'true', await lab.scan(one.metadata))
  assert.notEqual(head(same), head(one))
  assert.deepEqual(await changes(same, head(one), head(same)), { kind: 'mixed', inserted: [], deleted: [] })
})

test('two snapshots of which neither descends from the other are compared as well', async () => {
  const one = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const two = await lab.append(one, 'SELECT 2 AS id')
  const back = await lab.commit(stageRollback(openTable(two), head(one) ?? 0n))
  const three = await lab.append(back, 'SELECT 3 AS id')
  assert.deepEqual(await changes(three, head(two), head(three)), {
    kind: 'mixed',
    inserted: ['["3"]'],
    deleted: ['["2"]'],
  })
  assert.deepEqual(await changes(three, head(two), head(one)), {
    kind: 'mixed',
    inserted: [],
    deleted: ['["2"]'],
  })
})

test('a snapshot that is gone is named', async () => {
  const one = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  await assert.rejects(
    planChanges(lab.context, one.metadata, { fromSnapshotId: 42n, toSnapshotId: head(one) }),
    (error: unknown) => isIngotError(error, 'SNAPSHOT_NOT_FOUND') && error.message.includes('42'),
  )
})
