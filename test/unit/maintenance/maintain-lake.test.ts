import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import { serializeTableMetadata } from '../../../src/format/table-metadata.ts'
import { ORPHANS_REMOVED_BEFORE } from '../../../src/format/table-updates.ts'
import { changesSql, planChanges } from '../../../src/table/changes.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import { planScan } from '../../../src/table/scan.ts'
import { stageProperties, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { stageNewRef } from '../../../src/table/stage-refs.ts'
import { MaintenanceLab } from './maintenance-lab.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from './table-history.ts'

let lab: MaintenanceLab
before(async () => {
  lab = await MaintenanceLab.open()
})
after(() => lab.close())

const counted = (count: number, first = 0): string[] =>
  Array.from({ length: count }, (_, index) => `[${first + index}]`).sort()

async function tasksOf(table: LoadedTable) {
  const { metadata } = await lab.reload(table)
  return (await planScan({ io: lab.context.io, manifests: createManifestCache() }, metadata)).tasks
}

const deleteRows = (table: LoadedTable, filterSql: string): Promise<LoadedTable> =>
  lab.update(table, staged => stageOverwrite(lab.context, lab.tables.session, staged, { filterSql }))

test('small files become one, with the same rows, the same progress, and no change for who reads changes', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.append(table, 'SELECT 0 AS v', progressSummary({ offset: 7 }))
  const before = await lab.appendMany(table, 19, 1)
  lab.clock.pass(2 * MINUTE_MS)
  const report = await lab.maintainTable(table)
  assert.deepEqual(
    report.rewrites.map(({ files, reason }) => [files, reason]),
    [[20, '20 files of about the same small size']],
  )
  const now = await lab.reload(table)
  assert.equal((await tasksOf(table)).length, 1)
  assert.deepEqual(await lab.rows(table), counted(20))
  assert.deepEqual(readProgress(now.metadata), { offset: 7 })
  assert.equal(currentSnapshot(now.metadata)?.summary.operation, 'replace')
  assert.equal(currentSnapshot(now.metadata)?.summary['total-records'], '20')
  const changes = await planChanges(lab.context, now.metadata, {
    fromSnapshotId: before.metadata['current-snapshot-id'] ?? null,
    toSnapshotId: now.metadata['current-snapshot-id'] ?? null,
  })
  const { insertedSql, deletedSql } = changesSql(now.metadata, changes)
  assert.deepEqual(await lab.tables.lines(`${insertedSql} UNION ALL ${deletedSql}`), [])
  assert.deepEqual((await lab.maintainTable(table)).rewrites, [], 'there is nothing left to do')
})

test('what was written a moment ago is left to its writer', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.appendMany(table, 20)
  const report = await lab.maintainTable(table)
  assert.deepEqual(report.rewrites, [])
  assert.deepEqual(report.postponed, ['20 files were written too recently (ingot.compaction.quiet-ms)'])
})

test('partitions are rewritten apart, and those that have few files wait until they are cold', async () => {
  const table = await lab.tables.create({ p: 'string', v: 'int' }, ['p'])
  for (let v = 0; v < 18; v += 1) {
    await lab.append(table, `SELECT 'many' AS p, ${v} AS v${v < 3 ? ` UNION ALL SELECT 'few', ${v}` : ''}`)
  }
  lab.clock.pass(2 * MINUTE_MS)
  await lab.maintainTable(table)
  assert.deepEqual((await tasksOf(table)).map(({ entry }) => entry.file.partition[0]).sort(), [
    'few',
    'few',
    'few',
    'many',
  ])
  lab.clock.pass(2 * HOUR_MS)
  const report = await lab.maintainTable(table)
  assert.deepEqual(
    report.rewrites.map(({ reason }) => reason),
    ['3 small files of a partition that is no longer written to'],
  )
  assert.equal((await lab.rows(table)).length, 21)
})

test('rows that are deleted go from the files, and delete files that apply to none go too', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.append(table, 'SELECT range::INTEGER AS v FROM range(1000)')
  await deleteRows(table, 'v % 20 < 3')
  lab.clock.pass(2 * MINUTE_MS)
  assert.ok((await tasksOf(table)).some(({ deletes }) => deletes.length > 0))
  const report = await lab.maintainTable(table)
  assert.match(report.rewrites[0]?.reason ?? '', /^\d\d% of the rows of a file are deleted$/)
  const [task, ...others] = await tasksOf(table)
  assert.equal(others.length, 0)
  assert.equal(task?.entry.file.recordCount, 850)
  assert.deepEqual(task?.deletes, [])
  const summary = currentSnapshot((await lab.reload(table)).metadata)?.summary
  assert.equal(summary?.['total-delete-files'], '0')
  assert.equal((await lab.rows(table)).length, 850)
})

test('rows of version 3 keep their ids', async () => {
  const table = await lab.tables.create({ v: 'int' }, [], 3)
  await lab.appendMany(table, 20)
  const lineage = { rowId: 'row_id', lastUpdated: 'updated' }
  const before = await lab.tables.rows((await lab.reload(table)).metadata, { lineage })
  lab.clock.pass(2 * MINUTE_MS)
  assert.equal((await lab.maintainTable(table)).rewrites.length, 1)
  assert.deepEqual(await lab.tables.rows((await lab.reload(table)).metadata, { lineage }), before)
})

test('rewritten files are sorted by the columns that the table names', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.update(table, staged => stageProperties(staged, { set: { 'ingot.sort-by': 'nothing, v' } }))
  for (let v = 0; v < 20; v += 1) await lab.append(table, `SELECT ${(v * 7) % 20} AS v`)
  lab.clock.pass(2 * MINUTE_MS)
  await lab.maintainTable(table)
  const [task] = await tasksOf(table)
  const { rows } = await lab.tables.session.query(
    `SELECT v FROM read_parquet('${task?.enginePath}') ORDER BY file_row_number`,
  )
  assert.deepEqual(
    rows.map(([v]) => v),
    Array.from({ length: 20 }, (_, v) => v),
  )
})

test('rows that are appended while files are rewritten are not lost, and do not stop it', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.appendMany(table, 20)
  lab.clock.pass(2 * MINUTE_MS)
  lab.meanwhile = async () => {
    await lab.append(table, 'SELECT 20 AS v')
  }
  const report = await lab.maintainTable(table)
  assert.equal(report.rewrites.length, 1)
  assert.equal((await tasksOf(table)).length, 2)
  assert.deepEqual(await lab.rows(table), counted(21))
})

test('rows that are deleted while their files are rewritten stay deleted: the writer goes first', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.append(table, 'SELECT range::INTEGER AS v FROM range(100)')
  await lab.appendMany(table, 20, 100)
  lab.clock.pass(2 * HOUR_MS)
  lab.meanwhile = async () => {
    await deleteRows(table, 'v IN (3, 110)')
  }
  const filesBefore = await lab.files(table)
  const report = await lab.maintainTable(table)
  assert.deepEqual(report.rewrites, [])
  assert.deepEqual(report.postponed, ['writing files again: others changed the same files meanwhile'])
  const rows = await lab.rows(table)
  assert.equal(rows.length, 118)
  assert.ok(!rows.includes('[3]') && !rows.includes('[110]'))
  const plan = await tasksOf(table)
  const named = plan.flatMap(({ entry, deletes }) => [
    entry.file.filePath,
    ...deletes.map(found => found.entry.file.filePath),
  ])
  const added = (await lab.files(table)).filter(
    file => !filesBefore.includes(file) && file.startsWith('data/'),
  )
  assert.deepEqual(
    added.filter(file => !named.some(location => location.endsWith(file))),
    [],
    'what was rewritten in vain is gone',
  )
})

test('a column that is added while files are rewritten postpones it', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.appendMany(table, 20)
  lab.clock.pass(2 * MINUTE_MS)
  lab.meanwhile = async () => {
    await lab.update(table, staged =>
      stageSchemaChange(staged, [{ type: 'add', path: ['w'], fieldType: 'int' }]),
    )
  }
  assert.deepEqual((await lab.maintainTable(table)).rewrites, [])
  assert.equal((await lab.maintainTable(table)).rewrites.length, 1)
  assert.equal((await lab.rows(table)).length, 20)
})

test('a budget of bytes postpones what does not fit, but for the first of a round', async () => {
  const table = await lab.tables.create({ p: 'string', v: 'int' }, ['p'])
  for (const p of ['a', 'b']) {
    for (let v = 0; v < 17; v += 1) await lab.append(table, `SELECT '${p}' AS p, ${v} AS v`)
  }
  lab.clock.pass(2 * MINUTE_MS)
  const budgetOf = (rewriteBytes: number) => ({ budget: { seconds: 60, rewriteBytes } })
  const spent = 'files to write again: the budget of this round is spent'
  const none = await lab.maintainTable(table, budgetOf(0))
  assert.deepEqual([none.rewrites, none.postponed], [[], [`34 ${spent}`]])
  const one = await lab.maintainTable(table, budgetOf(100))
  assert.deepEqual([one.rewrites.length, one.postponed], [1, [`17 ${spent}`]])
  assert.equal((await lab.maintainTable(table, budgetOf(100))).rewrites.length, 1)
})

test('tables that a round had no time for come first in the next', async () => {
  const tables = [await lab.tables.create({ v: 'int' }), await lab.tables.create({ v: 'int' })]
  for (const table of tables) await lab.appendMany(table, 20)
  lab.clock.pass(2 * MINUTE_MS)
  const maintenance = lab.maintenance()
  lab.meanwhile = async () => lab.clock.pass(2 * MINUTE_MS)
  const options = {
    tables: tables.map(({ identifier }) => identifier),
    budget: { seconds: 60, rewriteBytes: 1e9 },
  }
  const first = await maintenance.run(options)
  assert.deepEqual(
    first.tables.map(({ rewrites, postponed }) => [rewrites.length, postponed]),
    [
      [1, []],
      [0, ['all of it: the time of this round is over']],
    ],
  )
  const second = await maintenance.run(options)
  assert.deepEqual(
    second.tables.map(({ table }) => table),
    first.tables.map(({ table }) => table).toReversed(),
  )
  assert.equal(second.tables[0]?.rewrites.length, 1)
})

test('a day later the files on disk are those of what is kept, and no more', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.appendMany(table, 20)
  await lab.update(table, staged => stageNewRef(staged, { name: 'mark', type: 'tag' }))
  lab.clock.pass(2 * MINUTE_MS)
  await lab.maintainTable(table)
  await lab.appendMany(table, 1, 20)
  for (const ms of [DAY_MS, 6 * DAY_MS]) {
    lab.clock.pass(ms)
    const { removed } = await lab.maintainTable(table)
    assert.ok(removed.files > 0)
  }
  const { metadata } = await lab.reload(table)
  assert.equal(metadata.snapshots.length, 2, 'the newest, and the tagged one')
  const atMark = { snapshotId: metadata.refs.mark?.['snapshot-id'] ?? 0n }
  assert.deepEqual(await lab.rows(table), counted(21))
  assert.deepEqual(await lab.tables.rows(metadata, atMark), counted(20))
  const named = [...(await tasksOf(table)), ...(await planScan(lab.context, metadata, atMark)).tasks]
  assert.deepEqual(
    (await lab.files(table)).filter(file => file.startsWith('data/')),
    named.map(({ entry }) => entry.file.filePath.slice(metadata.location.length + 1)).sort(),
  )
  assert.equal((await lab.files(table)).filter(file => file.includes('/snap-')).length, 2)
})

test('a dry run says what a round does, and does nothing', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.appendMany(table, 20)
  lab.clock.pass(DAY_MS)
  const before = await lab.files(table)
  const planned = await lab.maintainTable(table, { isDryRun: true })
  assert.deepEqual(await lab.files(table), before)
  const { after, ...done } = await lab.maintainTable(table)
  assert.deepEqual([planned.before?.dataFiles, after?.dataFiles], [20, 1])
  assert.ok(planned.snapshotsExpired > 10 && planned.removed.files > 10 && planned.rewrites.length === 1)
  assert.deepEqual({ ...planned, removed: planned.removed.files }, { ...done, removed: done.removed.files })
})

test('the lake can be read as it was at the end of an hour, and says when it cannot', async () => {
  const table = await lab.tables.create({ v: 'int' })
  lab.clock.pass(HOUR_MS - (lab.clock.nowMs() % HOUR_MS))
  await lab.appendMany(table, 3)
  const endMs = lab.clock.nowMs() + MINUTE_MS
  lab.clock.pass(HOUR_MS)
  await lab.appendMany(table, 2, 3)
  lab.clock.pass(HOUR_MS)
  await lab.maintain()
  const { catalog } = lab.context
  const then = await catalog.loadTableAt(table.identifier, { timeMs: endMs })
  assert.deepEqual(await lab.tables.rows(then.metadata), counted(3))
  await assert.rejects(catalog.loadTableAt(table.identifier, { timeMs: endMs - MINUTE_MS - 2500 }), error =>
    isIngotError(error, 'HISTORY_FORGOTTEN'),
  )
  lab.clock.pass(6 * DAY_MS)
  await lab.maintain()
  await assert.rejects(catalog.loadTableAt(table.identifier, { timeMs: endMs }), error =>
    isIngotError(error, 'HISTORY_FORGOTTEN'),
  )
  assert.deepEqual(await lab.rows(table), counted(5))
})

test('a snapshot that another table was made from stays', async () => {
  const source = await lab.tables.create({ v: 'int' })
  const first = await lab.appendMany(source, 1)
  const snapshotId = first.metadata['current-snapshot-id']
  const target = await lab.tables.create({ v: 'int' })
  await lab.append(target, 'SELECT 0 AS v', progressSummary({ inputs: { 'lab.source': String(snapshotId) } }))
  await lab.appendMany(source, 3, 1)
  lab.clock.pass(9 * DAY_MS)
  const report = await lab.maintain()
  const kept = report.tables.find(({ table }) => table.endsWith(source.identifier.name))?.snapshotsKept
  assert.equal(kept?.['another table was made from it'], 1)
  const { metadata } = await lab.reload(source)
  assert.deepEqual(await lab.tables.rows(metadata, { snapshotId: snapshotId ?? 0n }), counted(1))
})

test('a dropped table can be read for five days, then all of it goes; a purge does not wait', async () => {
  const kept = await lab.tables.create({ v: 'int' })
  await lab.appendMany(kept, 2)
  const purged = await lab.tables.create({ v: 'int' })
  await lab.appendMany(purged, 2)
  const before = await lab.context.catalog.transactions({ limit: 1 })
  await lab.context.catalog.dropTable(kept.identifier)
  const { metadataLocation } = await lab.reload(purged)
  assert.ok(metadataLocation)
  await lab.context.catalog.commit(
    [{ identifier: purged.identifier, requirements: [], updates: [], isDrop: true }],
    { idempotencyKey: crypto.randomUUID(), note: { purgeRequested: true } },
  )
  lab.clock.pass(4 * DAY_MS)
  const report = await lab.maintain()
  assert.deepEqual(
    report.departed.map(({ location }) => location),
    [purged.metadata.location],
  )
  assert.deepEqual(await lab.files(purged), [])
  const point = { transactionId: before[0]?.transactionId ?? 0 }
  const then = await lab.context.catalog.loadTableAt(kept.identifier, point)
  assert.deepEqual(await lab.tables.rows(then.metadata), counted(2))
  lab.clock.pass(2 * DAY_MS)
  assert.deepEqual(
    (await lab.maintain()).departed.map(({ location }) => location),
    [kept.metadata.location],
  )
  assert.deepEqual(await lab.files(kept), [])
  assert.deepEqual((await lab.maintain()).departed, [], 'once is enough')
})

test('a table that was given up keeps its files for good, and is as any other once it is registered again', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.appendMany(table, 3)
  const { metadataLocation, metadata } = await lab.context.catalog.unregisterTable(table.identifier)
  const files = await lab.files(table)
  lab.clock.pass(400 * DAY_MS)
  assert.deepEqual((await lab.maintain()).departed, [])
  assert.deepEqual(await lab.tables.rows(metadata), counted(3))
  // Metadata files of versions before the last are not needed to read it.
  const needed = files.filter(file => !file.endsWith('.metadata.json') || metadataLocation.endsWith(file))
  const left = new Set(await lab.files(table))
  assert.deepEqual(
    needed.filter(file => !left.has(file)),
    [],
  )
  const identifier = { ...table.identifier, name: `${table.identifier.name}_again` }
  const again = await lab.context.catalog.registerTable({ identifier, metadataLocation })
  assert.deepEqual(await lab.tables.rows(again.metadata), counted(3))
  await lab.context.catalog.dropTable(identifier, { purgeRequested: true })
  lab.clock.pass(6 * DAY_MS)
  assert((await lab.maintain()).departed.length > 0)
  assert.deepEqual(await lab.files(table), [])
})

test('files that nothing names go after three days, not before, and none of what is inside another table', async () => {
  // Files carry the time of the machine.
  const lab = await MaintenanceLab.open()
  const table = await lab.tables.create({ v: 'int' })
  const { location } = table.metadata
  const inner = await registerInside(lab, table, `${location}/data/inner`)
  await lab.appendMany(inner, 1)
  await lab.appendMany(table, 2)
  await lab.context.io.create(`${location}/data/killed.parquet`, Buffer.from('x'))
  await lab.context.io.create(`${location}/metadata/killed-m0.avro`, Buffer.from('yy'))
  lab.clock.pass(2 * DAY_MS)
  assert.equal((await lab.maintainTable(table)).orphans.files, 0)
  lab.clock.pass(2 * DAY_MS)
  assert.deepEqual((await lab.maintainTable(table, { isDryRun: true })).orphans, { files: 2, bytes: 3 })
  assert.deepEqual((await lab.maintainTable(table)).orphans, { files: 2, bytes: 3 })
  const { properties } = (await lab.reload(table)).metadata
  assert.equal(Number(properties[ORPHANS_REMOVED_BEFORE]), lab.clock.nowMs() - 3 * DAY_MS)
  assert.deepEqual(await lab.rows(table), counted(2))
  assert.deepEqual(await lab.rows(inner), counted(1))
  await lab.close()
})

test('what members of a family name stays, also what a dropped one does; without a family nothing shared is touched', async () => {
  const source = await lab.tables.create({ v: 'int' })
  const first = await lab.appendMany(source, 3)
  const clone = await lab.clone(first)
  await lab.update(source, staged =>
    stageOverwrite(lab.context, lab.tables.session, staged, { all: true, select: 'SELECT 9 AS v' }),
  )
  lab.clock.pass(9 * DAY_MS)
  await lab.maintain()
  assert.deepEqual(await lab.rows(clone), counted(3))
  assert.deepEqual(await lab.rows(source), ['[9]'])
  const { transactionId } = (await lab.context.catalog.transactions({ limit: 1 }))[0] ?? assert.fail()
  await lab.context.catalog.dropTable(clone.identifier)
  await lab.context.catalog.dropTable(source.identifier)
  lab.clock.pass(4 * DAY_MS)
  await lab.maintain()
  const dropped = await lab.context.catalog.loadTableAt(clone.identifier, { transactionId })
  assert.deepEqual(await lab.tables.rows(dropped.metadata), counted(3))
})

test('a table that shares its files with nobody knows whom keeps all of its history', async () => {
  const table = await lab.tables.create({ v: 'int' })
  await lab.update(table, staged => stageProperties(staged, { set: { 'gc.enabled': 'false' } }))
  await lab.appendMany(table, 3)
  lab.clock.pass(9 * DAY_MS)
  const report = await lab.maintainTable(table)
  assert.equal(report.snapshotsExpired, 0)
  assert.match(report.postponed.join(), /gc\.enabled is false/)
  assert.equal((await lab.reload(table)).metadata.snapshots.length, 4, '3, and the rewritten one')
})

test('one table that cannot be read does not keep the others from being maintained', async () => {
  const broken = await lab.tables.create({ v: 'int' })
  await lab.appendMany(broken, 2)
  const snapshot = currentSnapshot((await lab.reload(broken)).metadata)
  await lab.context.io.remove([snapshot?.['manifest-list'] ?? ''])
  const sound = await lab.tables.create({ v: 'int' })
  await lab.appendMany(sound, 20)
  lab.clock.pass(2 * MINUTE_MS)
  const report = await lab.maintenance().run({ tables: [broken.identifier, sound.identifier] })
  assert.deepEqual(
    report.tables.map(({ error, rewrites }) => [error?.code, rewrites.length]),
    [
      ['FILE_NOT_FOUND', 0],
      [undefined, 1],
    ],
  )
})

/** Locations that are chosen lie in no other table's; metadata of others may come with any. */
async function registerInside(
  { context }: MaintenanceLab,
  { metadata }: LoadedTable,
  location: string,
): Promise<LoadedTable> {
  const metadataLocation = `${location}/metadata/00000-inner.metadata.json`
  const inner = { ...metadata, 'table-uuid': crypto.randomUUID(), location }
  await context.io.makeFolder(`${location}/data`)
  await context.io.create(metadataLocation, Buffer.from(serializeTableMetadata(inner)))
  const identifier = { namespace: ['lab'], name: 'inner' }
  return await context.catalog.registerTable({ identifier, metadataLocation })
}
