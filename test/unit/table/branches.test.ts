import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createBranchCatalog } from '../../../src/catalog/branch-catalog.ts'
import type { Catalog, LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import { openTable, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import { listRefs, stageDropRef, stageFastForward, stageNewRef } from '../../../src/table/stage-refs.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const reload = (table: LoadedTable, catalog: Catalog = lab.context.catalog) =>
  catalog.loadTable(table.identifier)

async function tableOf(...values: readonly number[]): Promise<LoadedTable> {
  let table = await lab.create({ v: 'int' })
  for (const value of values) table = await lab.append(table, `SELECT ${value} AS v`)
  return table
}

async function appendOn(catalog: Catalog, table: LoadedTable, value: number): Promise<LoadedTable> {
  const loaded = await reload(table, catalog)
  const files = await writeDataFiles(lab.context, lab.session, loaded.metadata, {
    select: `SELECT ${value} AS v`,
  })
  const summary = progressSummary({ source: value })
  return lab.commit(await stageAppend(lab.context, openTable(loaded), files, { summary }), catalog)
}

const valuesIn = async (table: LoadedTable): Promise<string[]> => lab.rows(table.metadata)

test('what is committed on a branch is on the branch alone, until main is moved on to it', async () => {
  const table = await tableOf(1)
  const audit = createBranchCatalog(lab.context.catalog, 'audit')
  assert.deepEqual(
    await valuesIn(await reload(table, audit)),
    ['[1]'],
    'a table without the branch is as on main',
  )
  await appendOn(audit, table, 2)
  const after = await appendOn(audit, table, 3)
  assert.deepEqual(await valuesIn(after), ['[1]', '[2]', '[3]'])
  assert.deepEqual(readProgress(after.metadata), { source: 3 })

  const main = await reload(table)
  assert.deepEqual(await valuesIn(main), ['[1]'])
  assert.equal(readProgress(main.metadata), undefined)
  assert.deepEqual(
    listRefs(main.metadata).map(ref => `${ref.type} ${ref.name}`),
    ['branch main', 'branch audit'],
  )

  const published = await lab.commit(stageFastForward(openTable(main), 'audit'))
  assert.deepEqual(await valuesIn(published), ['[1]', '[2]', '[3]'])
  assert.equal(stageFastForward(openTable(published), 'audit').updates.length, 0, 'once is enough')
  const dropped = await lab.commit(stageDropRef(openTable(published), 'audit'))
  assert.deepEqual(
    listRefs(dropped.metadata).map(ref => ref.name),
    ['main'],
  )
})

test('a branch that main has left behind cannot be published over what main has', async () => {
  const table = await tableOf(1)
  const audit = createBranchCatalog(lab.context.catalog, 'audit')
  await appendOn(audit, table, 2)
  await appendOn(lab.context.catalog, table, 10)
  const main = await reload(table)
  assert.throws(
    () => stageFastForward(openTable(main), 'audit'),
    /has snapshots on main that audit does not have/,
  )
  assert.deepEqual(await valuesIn(main), ['[10]', '[1]'].sort())
})

test('main that moves on while its fast-forward is staged is not lost', async () => {
  const table = await tableOf(1)
  await appendOn(createBranchCatalog(lab.context.catalog, 'audit'), table, 2)
  const staged = stageFastForward(openTable(await reload(table)), 'audit')
  await appendOn(lab.context.catalog, table, 10)
  await assert.rejects(lab.commit(staged), error => isIngotError(error, 'COMMIT_CONFLICT'))
})

test('of two that create one branch from main at once, one is first', async () => {
  const table = await tableOf(1)
  const audit = createBranchCatalog(lab.context.catalog, 'audit')
  const staged = await Promise.all(
    [2, 3].map(async value => {
      const loaded = await reload(table, audit)
      const files = await writeDataFiles(lab.context, lab.session, loaded.metadata, {
        select: `SELECT ${value} AS v`,
      })
      return stageAppend(lab.context, openTable(loaded), files)
    }),
  )
  const results = await Promise.allSettled(staged.map(each => lab.commit(each, audit)))
  assert.deepEqual(results.map(result => result.status).sort(), ['fulfilled', 'rejected'])
  assert.equal((await valuesIn(await reload(table, audit))).length, 2)
})

test('an append that lost to another on its branch follows it there', async () => {
  const table = await tableOf(1)
  const audit = createBranchCatalog(lab.context.catalog, 'audit')
  await appendOn(audit, table, 2)
  const context = { ...lab.context, catalog: audit }
  const transaction = new Transaction(context)
  await transaction.update(table.identifier, async staged => {
    assert.ok(staged)
    const files = await writeDataFiles(context, lab.session, staged.metadata, { select: 'SELECT 3 AS v' })
    return stageAppend(context, staged, files)
  })
  const other = await reload(table, audit)
  await lab.commit(
    await stageAppend(
      context,
      openTable(other),
      await writeDataFiles(context, lab.session, other.metadata, { select: 'SELECT 4 AS v' }),
    ),
    audit,
  )
  await transaction.commit({ idempotencyKey: crypto.randomUUID() })
  assert.deepEqual(await valuesIn(await reload(table, audit)), ['[1]', '[2]', '[3]', '[4]'])
  assert.deepEqual(await valuesIn(await reload(table)), ['[1]'])
})

test('what was staged on a branch that was dropped meanwhile is refused', async () => {
  const table = await tableOf(1)
  const audit = createBranchCatalog(lab.context.catalog, 'audit')
  const onBranch = await appendOn(audit, table, 2)
  const staged = await stageAppend(
    lab.context,
    openTable(onBranch),
    await writeDataFiles(lab.context, lab.session, onBranch.metadata, { select: 'SELECT 3 AS v' }),
  )
  await lab.commit(stageDropRef(openTable(await reload(table)), 'audit'))
  await assert.rejects(lab.commit(staged, audit), error => isIngotError(error, 'COMMIT_CONFLICT'))
})

test('columns have no branches: their change is refused on one, and says where to make it', async () => {
  const table = await tableOf(1)
  const audit = createBranchCatalog(lab.context.catalog, 'audit')
  const staged = stageSchemaChange(openTable(await reload(table, audit)), [
    { type: 'add', path: ['w'], fieldType: 'int' },
  ])
  await assert.rejects(lab.commit(staged, audit), error => isIngotError(error, 'UNSUPPORTED'))
})

test('a tag holds its snapshot, is no branch, and its name is taken', async () => {
  const table = await tableOf(1, 2)
  const tagged = await lab.commit(stageNewRef(openTable(table), { name: 'q1', type: 'tag' }))
  const later = await lab.append(tagged, 'SELECT 3 AS v')
  const snapshotId = later.metadata.refs.q1?.['snapshot-id']
  assert.deepEqual(await lab.rows(later.metadata, snapshotId === undefined ? {} : { snapshotId }), [
    '[1]',
    '[2]',
  ])
  assert.throws(() => stageNewRef(openTable(later), { name: 'q1', type: 'branch' }), /has a tag q1/)
  assert.throws(() => stageFastForward(openTable(later), 'main', 'q1'), /has a tag q1, and no branch/)
  await assert.rejects(reload(table, createBranchCatalog(lab.context.catalog, 'q1')), /q1 is a tag/)
  for (const name of ['', 'a\nb', 'x'.repeat(201)]) {
    assert.throws(() => stageNewRef(openTable(later), { name, type: 'tag' }), /is no name/)
  }
  assert.throws(() => stageDropRef(openTable(later), 'main'), /cannot lose its branch main/)
  assert.throws(
    () => stageDropRef(openTable(later), 'q2'),
    error => isIngotError(error, 'SNAPSHOT_NOT_FOUND'),
  )
})

test('a branch alone cannot be without a table', async () => {
  const table = await tableOf(1)
  const transaction = new Transaction({
    ...lab.context,
    catalog: createBranchCatalog(lab.context.catalog, 'audit'),
  })
  await transaction.drop(table.identifier)
  await assert.rejects(transaction.commit({ idempotencyKey: crypto.randomUUID() }), { code: 'UNSUPPORTED' })
  assert.deepEqual(await reload(table), table)
})
