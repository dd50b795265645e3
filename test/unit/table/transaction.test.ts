import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Catalog, LoadedTable } from '../../../src/catalog/catalog.ts'
import { IngotError, isIngotError } from '../../../src/errors.ts'
import { buildPartitionSpec } from '../../../src/format/partition-spec.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { loadManifests } from '../../../src/table/manifests.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import {
  openTable,
  stageCreate,
  stagePartitionSpec,
  stageProperties,
  stageSchemaChange,
} from '../../../src/table/stage.ts'
import { type SnapshotSummary, stageAppend } from '../../../src/table/stage-delta.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { schemaOf, TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

function required<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}

async function append(
  staged: StagedTable | undefined,
  select: string,
  summary: SnapshotSummary = {},
): Promise<StagedTable> {
  const table = required(staged)
  const files = await writeDataFiles(lab.context, lab.session, table.metadata, { select })
  return stageAppend(lab.context, table, files, { summary })
}

function begin(overrides: Partial<Catalog> = {}): Transaction {
  const catalog = lab.context.catalog
  const wrapped: Catalog = new Proxy(catalog, {
    get(target, name) {
      const member: unknown = Reflect.get(overrides, name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const clock = { ...lab.context.clock, sleep: () => Promise.resolve() }
  return new Transaction({ ...lab.context, catalog: wrapped, clock })
}

const commitOptions = () => ({ idempotencyKey: crypto.randomUUID() })
const reload = (table: LoadedTable) => lab.context.catalog.loadTable(table.identifier)
const isConflict = (error: unknown): boolean => isIngotError(error, 'COMMIT_CONFLICT')

async function filesOf(table: LoadedTable): Promise<string[]> {
  const locations: string[] = []
  for await (const { location } of lab.context.io.list(table.metadata.location)) {
    if (!location.endsWith('.metadata.json')) locations.push(location)
  }
  return locations.sort()
}

test('several tables are staged on one state, read each other and are committed together', async () => {
  const source = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const transaction = begin()
  await transaction.update(source.identifier, staged => append(staged, 'SELECT 2 AS id'))
  const identifier = { namespace: ['lab'], name: 'made by the transaction' }
  assert.equal(await transaction.table(identifier), undefined)
  await transaction.update(identifier, async staged => {
    assert.equal(staged, undefined)
    const upstream = required(await transaction.table(source.identifier))
    const created = await stageCreate(lab.context, { identifier, schema: schemaOf({ id: 'long' }) })
    return append(created, await lab.scan(upstream.metadata))
  })
  assert.equal(transaction.stagedTables.length, 2)
  assert.deepEqual(await lab.rows((await reload(source)).metadata), ['["1"]'])
  const result = required(await transaction.commit({ ...commitOptions(), note: { run: 1 } }))
  assert.equal(result.tables.length, 2)
  const made = await lab.context.catalog.loadTable(identifier)
  assert.deepEqual(await lab.rows(made.metadata), ['["1"]', '["2"]'])
  assert.deepEqual(await lab.rows((await reload(source)).metadata), ['["1"]', '["2"]'])
})

test('a transaction without changes commits nothing', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin()
  await transaction.update(table.identifier, staged => stageAppend(lab.context, required(staged), []))
  assert.equal(await transaction.commit(commitOptions()), undefined)
})

test('updates of one table run one after the other, and one that fails leaves no trace', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin()
  const first = transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  const second = transaction.update(table.identifier, () => Promise.reject(new Error('no')))
  const third = transaction.update(table.identifier, staged => append(staged, 'SELECT 3 AS id'))
  await assert.rejects(second, /no/)
  await Promise.all([first, third])
  await transaction.commit(commitOptions())
  const committed = await reload(table)
  assert.deepEqual(await lab.rows(committed.metadata), ['["1"]', '["3"]'])
  assert.equal(committed.metadata.snapshots.length, 2)
})

test('appends that lost to others are committed on top of them, with their manifests', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const transaction = begin()
  const summary = { 'ingot.rows': '2' }
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 2 AS id', summary))
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 3 AS id'))
  const filesBefore = (await filesOf(table)).filter(file => file.endsWith('-m0.avro'))
  await lab.append(table, 'SELECT 10 AS id')
  const result = required(await transaction.commit(commitOptions()))
  const { metadata } = required(result.tables[0])
  assert.deepEqual(await lab.rows(metadata), ['["1"]', '["10"]', '["2"]', '["3"]'])
  assert.equal(currentSnapshot(metadata)?.summary['total-records'], '4')
  assert.equal(currentSnapshot(metadata)?.summary['total-data-files'], '4')
  assert.equal(
    metadata.snapshots.find(snapshot => snapshot.summary['ingot.rows'] === '2')?.['sequence-number'],
    3,
  )
  const filesAfter = (await filesOf(table)).filter(file => file.endsWith('-m0.avro'))
  assert.equal(filesAfter.length, filesBefore.length + 1)
})

test('a rebased append has ids and sequence numbers of its own, whatever it was staged with', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const transaction = begin()
  const staged = await transaction.update(table.identifier, before => append(before, 'SELECT 2 AS id'))
  await lab.append(table, 'SELECT 3 AS id')
  const { metadata } = required(required(await transaction.commit(commitOptions())).tables[0])
  const stagedId = staged.metadata['current-snapshot-id']
  assert.ok(metadata.snapshots.every(snapshot => snapshot['snapshot-id'] !== stagedId))
  const context = { io: lab.context.io, manifests: createManifestCache() }
  const manifests = await loadManifests(context, currentSnapshot(metadata))
  const lines = manifests.map(({ addedSnapshotId, sequenceNumber, minSequenceNumber }) => ({
    addedSnapshotId,
    sequenceNumber,
    minSequenceNumber,
  }))
  assert.deepEqual(
    lines.toReversed(),
    metadata.snapshots.map((snapshot, index) => ({
      addedSnapshotId: snapshot['snapshot-id'],
      sequenceNumber: index + 1,
      minSequenceNumber: index + 1,
    })),
  )
})

test('rows for a table that was dropped do not land in the one that took its name', async () => {
  for (const mainMoves of [false, true]) {
    const table = await lab.create({ id: 'long' })
    const transaction = begin()
    await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
    await lab.context.catalog.dropTable(table.identifier)
    const other = await lab.context.catalog.createTable({
      identifier: table.identifier,
      schema: schemaOf({ id: 'long' }),
    })
    if (mainMoves) await lab.append(other, 'SELECT 2 AS id')
    await assert.rejects(transaction.commit(commitOptions()), isConflict)
    assert.deepEqual(await lab.rows((await reload(table)).metadata), mainMoves ? ['["2"]'] : [])
  }
})

test('8 racing appends all arrive, as each retry finds one less to lose to', async () => {
  const table = await lab.create({ id: 'long' })
  await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const transaction = begin()
      await transaction.update(table.identifier, staged => append(staged, `SELECT ${index} AS id`))
      await transaction.commit(commitOptions())
    }),
  )
  assert.equal((await lab.rows((await reload(table)).metadata)).length, 8)
})

test('what depends on the base is refused when others moved it, and its files are removed', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const before = await filesOf(table)
  const changes: readonly ((staged: StagedTable) => Promise<StagedTable>)[] = [
    staged => stageOverwrite(lab.context, lab.session, staged, { all: true, select: 'SELECT 5 AS id' }),
    staged =>
      stageOverwrite(lab.context, lab.session, staged, { filterSql: 'id = 99', select: 'SELECT 99 AS id' }),
    async staged =>
      append(stageSchemaChange(staged, [{ type: 'rename', path: ['id'], name: 'x' }]), 'SELECT 6 AS x'),
  ]
  const transactions: Transaction[] = []
  for (const change of changes) {
    const transaction = begin()
    await transaction.update(table.identifier, staged => change(required(staged)))
    transactions.push(transaction)
  }
  const moved = await lab.append(table, 'SELECT 2 AS id')
  for (const transaction of transactions)
    await assert.rejects(transaction.commit(commitOptions()), isConflict)
  assert.deepEqual(await lab.rows((await reload(table)).metadata), ['["1"]', '["2"]'])
  const left = await filesOf(table)
  assert.ok(before.every(file => left.includes(file)))
  assert.equal(left.length, (await filesOf(moved)).length)
  assert.equal(left.filter(file => file.endsWith('.parquet')).length, 2)
})

test('an append whose progress was overtaken is refused: two loaders of one source are harmless', async () => {
  const table = await lab.create({ id: 'long' })
  const [one, two] = [begin(), begin()]
  for (const loader of [one, two]) {
    await loader.update(table.identifier, staged =>
      append(staged, 'SELECT 1 AS id', progressSummary({ offset: 10n })),
    )
  }
  await one.commit(commitOptions())
  await assert.rejects(two.commit(commitOptions()), isConflict)
  const { metadata } = await reload(table)
  assert.deepEqual(await lab.rows(metadata), ['["1"]'])
  assert.deepEqual(readProgress(metadata), { offset: 10 })
})

test('an append that another staged table was made from is not put on top of rows which that one has not seen', async () => {
  const source = await lab.create({ id: 'long' })
  const target = await lab.create({ id: 'long' })
  const transaction = begin()
  const upstream = await transaction.update(source.identifier, staged => append(staged, 'SELECT 1 AS id'))
  const seen = String(upstream.metadata['current-snapshot-id'])
  await transaction.update(target.identifier, staged =>
    append(staged, 'SELECT 1 AS id', progressSummary({ inputs: { source: seen } })),
  )
  await lab.append(source, 'SELECT 2 AS id')
  await assert.rejects(transaction.commit(commitOptions()), isConflict)
})

test('a change of properties by others does not refuse anything', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin()
  await transaction.update(table.identifier, staged =>
    stageOverwrite(lab.context, lab.session, required(staged), { all: true, select: 'SELECT 1 AS id' }),
  )
  await lab.commit(stageProperties(openTable(table), { set: { owner: 'them' } }))
  await transaction.commit(commitOptions())
  const { metadata } = await reload(table)
  assert.equal(metadata.properties.owner, 'them')
  assert.deepEqual(await lab.rows(metadata), ['["1"]'])
})

test('a commit whose answer was lost is looked for until the catalog can be reached', async () => {
  const table = await lab.create({ id: 'long' })
  let asked = 0
  const transaction = begin({
    async commit(changes, options) {
      await lab.context.catalog.commit(changes, options)
      throw new IngotError('COMMIT_STATE_UNKNOWN', 'the answer was lost')
    },
    findCommit(key) {
      asked += 1
      if (asked < 4) throw new IngotError('CATALOG_UNAVAILABLE', 'not now', { retryable: true })
      return lab.context.catalog.findCommit(key)
    },
  })
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  const result = required(await transaction.commit(commitOptions()))
  assert.equal(asked, 4)
  assert.equal(result.tables.length, 1)
  assert.deepEqual(await lab.rows((await reload(table)).metadata), ['["1"]'])
  await transaction.removeFiles()
  assert.deepEqual(await lab.rows((await reload(table)).metadata), ['["1"]'])
})

test('a commit that never arrived is a conflict, made under no other key, and its files are removed', async () => {
  const table = await lab.create({ id: 'long' })
  const before = await filesOf(table)
  const keys: string[] = []
  const transaction = begin({
    commit(_, options) {
      keys.push(options.idempotencyKey)
      throw new IngotError('COMMIT_STATE_UNKNOWN', 'the request was lost')
    },
  })
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  await assert.rejects(transaction.commit({ idempotencyKey: 'key' }), (error: unknown) => {
    return isIngotError(error, 'COMMIT_CONFLICT') && error.retryable
  })
  assert.deepEqual(keys, ['key'])
  assert.deepEqual(await filesOf(table), before)
})

test('a key that was given up is final: the commit is refused at once, not tried again under it', async () => {
  const table = await lab.create({ id: 'long' })
  let commits = 0
  const transaction = begin({
    commit(changes, options) {
      commits += 1
      return lab.context.catalog.commit(changes, options)
    },
  })
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  const options = commitOptions()
  await lab.context.catalog.findCommit(options.idempotencyKey)
  await assert.rejects(transaction.commit(options), isConflict)
  assert.equal(commits, 1)
  assert.deepEqual(await filesOf(table), [])
})

test('a commit of a table that was dropped says so, and its files are removed', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const before = await filesOf(table)
  const transaction = begin()
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 2 AS id'))
  await lab.context.catalog.dropTable(table.identifier)
  await assert.rejects(transaction.commit(commitOptions()), (error: unknown) =>
    isIngotError(error, 'TABLE_NOT_FOUND'),
  )
  assert.deepEqual(await filesOf(table), before)
})

test('a conflict is told although the files of the commit cannot be removed', async () => {
  const table = await lab.create({ id: 'long' })
  const io = { ...lab.context.io, remove: () => Promise.reject(new IngotError('STORAGE_FAILED', 'no')) }
  const transaction = new Transaction({ ...lab.context, io })
  await transaction.update(table.identifier, staged =>
    stageOverwrite(lab.context, lab.session, required(staged), { all: true, select: 'SELECT 1 AS id' }),
  )
  await lab.append(table, 'SELECT 2 AS id')
  await assert.rejects(transaction.commit(commitOptions()), isConflict)
})

test('rows written for another definition of the table are refused, whether main moved or not', async () => {
  const redefine: readonly ((staged: StagedTable) => StagedTable)[] = [
    staged => stageSchemaChange(staged, [{ type: 'rename', path: ['id'], name: 'x' }]),
    staged =>
      stagePartitionSpec(staged, buildPartitionSpec(schemaOf({ id: 'long' }), ['bucket(4, id)']).spec),
  ]
  for (const change of redefine) {
    for (const mainMoves of [false, true]) {
      const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
      const transaction = begin()
      await transaction.update(table.identifier, staged => append(staged, 'SELECT 2 AS id'))
      const redefined = await lab.commit(change(openTable(table)))
      if (mainMoves) {
        const name = redefined.metadata.schemas.length > 1 ? 'x' : 'id'
        await lab.append(redefined, `SELECT 3 AS ${name}`)
      }
      await assert.rejects(transaction.commit(commitOptions()), isConflict)
    }
  }
})

test('an append is not put on top of a table that was upgraded to a version it was not written for', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin()
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  const other = await lab.append(table, 'SELECT 2 AS id')
  const upgrade = { action: 'upgrade-format-version', 'format-version': 3 } as const
  await lab.commit({ ...openTable(other), updates: [upgrade] })
  await assert.rejects(transaction.commit(commitOptions()), isConflict)
})

test('the progress that an append stands on is checked again at every attempt', async () => {
  const table = await lab.create({ id: 'long' })
  let attempts = 0
  const transaction = begin({
    async commit(changes, options) {
      attempts += 1
      // Others are faster every time: first without progress of their own, then with the same source's.
      const fresh = openTable(await reload(table))
      const progress = attempts === 1 ? {} : progressSummary({ offset: 10 })
      await lab.commit(await append(fresh, `SELECT ${100 + attempts} AS id`, progress))
      return lab.context.catalog.commit(changes, options)
    },
  })
  await transaction.update(table.identifier, staged =>
    append(staged, 'SELECT 1 AS id', progressSummary({ offset: 10 })),
  )
  await assert.rejects(transaction.commit(commitOptions()), isConflict)
  assert.equal(attempts, 2)
  assert.deepEqual(await lab.rows((await reload(table)).metadata), ['["101"]', '["102"]'])
})

test('while the outcome is unknown no file is removed', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin({
    commit: () => Promise.reject(new IngotError('COMMIT_STATE_UNKNOWN', 'the answer was lost')),
    findCommit: () => Promise.reject(new IngotError('STORAGE_FAILED', 'the disk is gone')),
  })
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  const before = await filesOf(table)
  await assert.rejects(transaction.commit(commitOptions()), (error: unknown) =>
    isIngotError(error, 'COMMIT_STATE_UNKNOWN'),
  )
  await transaction.removeFiles()
  assert.deepEqual(await filesOf(table), before)
})

test('a discarded table is as it was loaded, and its files go with the others', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin()
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  transaction.discard(table.identifier)
  assert.deepEqual(transaction.stagedTables, [])
  assert.deepEqual((await transaction.table(table.identifier))?.updates, [])
  assert.notDeepEqual(await filesOf(table), [])
  await transaction.removeFiles()
  assert.deepEqual(await filesOf(table), [])
})

test('the files of a discarded table go after the commit of the others, those of the others stay', async () => {
  const [kept, lost] = [await lab.create({ id: 'long' }), await lab.create({ id: 'long' })]
  const transaction = begin()
  for (const table of [kept, lost])
    await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  transaction.discard(lost.identifier)
  await transaction.commit({ idempotencyKey: crypto.randomUUID() })
  assert.deepEqual(await filesOf(lost), [])
  const { metadata } = await lab.context.catalog.loadTable(kept.identifier)
  assert.deepEqual(await lab.rows(metadata), ['["1"]'])
})

test('the files of a discarded table go when nothing is left to commit', async () => {
  const table = await lab.create({ id: 'long' })
  const transaction = begin()
  await transaction.update(table.identifier, staged => append(staged, 'SELECT 1 AS id'))
  transaction.discard(table.identifier)
  assert.equal(await transaction.commit({ idempotencyKey: crypto.randomUUID() }), undefined)
  assert.deepEqual(await filesOf(table), [])
})

test('a table that could not be loaded is asked for again', async () => {
  const made = await lab.create({ id: 'long' })
  let isDown = true
  const transaction = begin({
    loadTable: async identifier => {
      if (isDown)
        throw new IngotError('CATALOG_UNAVAILABLE', 'the catalog does not answer', { retryable: true })
      return lab.context.catalog.loadTable(identifier)
    },
  })
  await assert.rejects(transaction.table(made.identifier), error =>
    isIngotError(error, 'CATALOG_UNAVAILABLE'),
  )
  isDown = false
  assert.deepEqual((await transaction.table(made.identifier))?.identifier, made.identifier)
})

test('a table is dropped in the transaction that changes others; its files stay', async () => {
  const dropped = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const kept = await lab.create({ id: 'long' })
  const files = await filesOf(dropped)
  const transaction = begin()
  await transaction.update(kept.identifier, staged => append(staged, 'SELECT 2 AS id'))
  await transaction.update(dropped.identifier, staged => append(staged, 'SELECT 3 AS id'))
  await transaction.drop(dropped.identifier)
  assert.equal(await transaction.table(dropped.identifier), undefined)
  await transaction.drop({ namespace: ['lab'], name: 'never there' })
  const { transactionId } = required(await transaction.commit(commitOptions()))
  await assert.rejects(reload(dropped), { code: 'TABLE_NOT_FOUND' })
  assert.deepEqual(await lab.rows((await reload(kept)).metadata), ['["2"]'])
  assert.deepEqual(await filesOf(dropped), files, 'what was staged of it before is removed')
  const then = await lab.context.catalog.loadTableAt(dropped.identifier, { transactionId: transactionId - 1 })
  assert.deepEqual(then, dropped)
})

test('a table that others wrote to since is not dropped, and nothing else of the transaction is done', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const other = await lab.create({ id: 'long' })
  const transaction = begin()
  await transaction.drop(table.identifier)
  await transaction.update(other.identifier, staged => append(staged, 'SELECT 2 AS id'))
  const fresh = await lab.append(table, 'SELECT 5 AS id')
  await assert.rejects(transaction.commit(commitOptions()), isConflict)
  assert.deepEqual(await reload(table), fresh)
  assert.deepEqual(await reload(other), other)
})
