import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import { BEGAN_AT, ORPHANS_REMOVED_BEFORE } from '../../../src/format/table-updates.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { planScan } from '../../../src/table/scan.ts'
import { openTable, stageProperties } from '../../../src/table/stage.ts'
import { stageAppend, stageDelta } from '../../../src/table/stage-delta.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const append = async (staged: StagedTable, select: string): Promise<StagedTable> =>
  stageAppend(
    lab.context,
    staged,
    await writeDataFiles(lab.context, lab.session, staged.metadata, { select }),
  )

async function update(
  identifier: TableIdentifier,
  change: (staged: StagedTable) => Promise<StagedTable> | StagedTable,
): Promise<Transaction> {
  const transaction = new Transaction(lab.context)
  await transaction.update(identifier, async staged => {
    assert.ok(staged)
    return change(staged)
  })
  return transaction
}

const commit = (transaction: Transaction) => transaction.commit({ idempotencyKey: crypto.randomUUID() })

test('a snapshot says when its transaction began, also when it is committed on top of others', async () => {
  const { identifier } = await lab.create({ v: 'int' })
  const earliestMs = Date.now()
  const transaction = await update(identifier, staged => append(staged, 'SELECT 1 AS v'))
  const latestMs = Date.now()
  await commit(await update(identifier, staged => append(staged, 'SELECT 2 AS v')))
  const result = await commit(transaction)
  const summary = result?.tables[0]?.metadata.snapshots.at(-1)?.summary
  const beganAtMs = Number(summary?.[BEGAN_AT])
  assert.ok(beganAtMs >= earliestMs && beganAtMs <= latestMs, `${beganAtMs}`)
})

test('who began before orphans were removed is refused at once, and leaves nothing', async () => {
  const { identifier } = await lab.create({ v: 'int' })
  const transaction = await update(identifier, staged => append(staged, 'SELECT 1 AS v'))
  const horizon = { [ORPHANS_REMOVED_BEFORE]: String(Date.now() + 60_000) }
  await commit(await update(identifier, staged => stageProperties(staged, { set: horizon })))
  await assert.rejects(commit(transaction), error => {
    assert.ok(isIngotError(error, 'COMMIT_CONFLICT'), String(error))
    assert.match(error.message, /files of writers from before \d+ are removed/)
    return true
  })
  const { metadata } = await lab.context.catalog.loadTable(identifier)
  const files: string[] = []
  for await (const { location } of lab.context.io.list(`${metadata.location}/data`)) files.push(location)
  assert.deepEqual(files, [])
})

test('a change that can be staged again is committed on top of others with the files that it has', async () => {
  const { identifier } = await lab.create({ v: 'int' })
  let stagedCount = 0
  const transaction = await update(identifier, async staged => {
    const add = await writeDataFiles(lab.context, lab.session, staged.metadata, { select: 'SELECT 7 AS v' })
    const restage = async (base: StagedTable): Promise<StagedTable> => {
      stagedCount += 1
      return { ...(await stageDelta(lab.context, base, { operation: 'replace', add })), restage }
    }
    return restage(staged)
  })
  await commit(await update(identifier, staged => append(staged, 'SELECT 1 AS v')))
  const result = await commit(transaction)
  assert.equal(stagedCount, 2)
  assert.deepEqual(await lab.rows(result?.tables[0]?.metadata ?? assert.fail()), ['[1]', '[7]'])
})

test('rows that are only written again are as old as they were for deletes by key', async () => {
  const table = await lab.create({ v: 'int' })
  const before = await lab.append(table, 'SELECT 1 AS v')
  const later = await lab.append(before, 'SELECT 2 AS v')
  const add = await writeDataFiles(lab.context, lab.session, later.metadata, { select: 'SELECT 1 AS v' })
  const staged = await stageDelta(lab.context, openTable(later), {
    operation: 'replace',
    add,
    dataSequenceNumber: before.metadata['last-sequence-number'],
  })
  const context = { ...lab.context, manifests: createManifestCache() }
  const plan = await planScan(context, staged.metadata)
  const found = plan.tasks.find(({ entry }) => entry.file.filePath === add[0]?.filePath)?.entry
  assert.equal(found?.sequenceNumber, 1)
  assert.equal(found?.fileSequenceNumber, 3)
})
