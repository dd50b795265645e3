import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Catalog, LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import type { ByteRange } from '../../../src/storage/file-io.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { loadManifests } from '../../../src/table/manifests.ts'
import { planScan } from '../../../src/table/scan.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageDelta } from '../../../src/table/stage-delta.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { stageNewRef } from '../../../src/table/stage-refs.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { commitEqualityDeletes } from '../../support/foreign-deletes.ts'
import type { TableLab } from '../../support/table-lab.ts'
import { CopyLab } from './copy-lab.ts'

const range = (from: number, to: number): string =>
  `SELECT range AS id, CAST(range % 2 AS VARCHAR) AS part FROM range(${from}, ${to})`

async function tableOf(
  lab: TableLab,
  version: 2 | 3,
  partitionBy: readonly string[] = [],
): Promise<LoadedTable> {
  let table = await lab.create({ id: 'long', part: 'string' }, partitionBy, version)
  for (const from of [0, 100, 200]) table = await lab.append(table, range(from, from + 100))
  return table
}

async function remove(lab: TableLab, table: LoadedTable, filterSql: string): Promise<LoadedTable> {
  return lab.commit(await stageOverwrite(lab.context, lab.session, openTable(table), { filterSql }))
}

/** Every kind of delete file, refs, a past that differs, a table that is dropped, a view. */
async function fill(lab: TableLab): Promise<readonly TableIdentifier[]> {
  const plain = await remove(lab, await remove(lab, await tableOf(lab, 2), 'id IN (3, 105)'), 'id = 7')
  await lab.commit(stageNewRef(openTable(plain), { name: 'kept', type: 'tag' }))
  const divided = await remove(lab, await tableOf(lab, 2, ['part']), 'id IN (4, 5, 250)')
  const vectors = await remove(lab, await remove(lab, await tableOf(lab, 3), 'id IN (3, 105)'), 'id = 8')
  const keys = await commitEqualityDeletes(lab, await tableOf(lab, 2), {
    select: 'SELECT 9::BIGINT AS id',
    fieldIds: '{id: 1}',
    equalityIds: [1],
  })
  const empty = await lab.create({ id: 'long' })
  const dropped = await tableOf(lab, 2)
  await lab.context.catalog.dropTable(dropped.identifier)
  await lab.context.catalog.createView({
    identifier: { namespace: ['lab'], name: 'v' },
    schema: empty.metadata.schemas[0] ?? assert.fail('it has a schema'),
    viewVersion: {
      'version-id': 1,
      'schema-id': 0,
      'timestamp-ms': 1_700_000_000_000,
      summary: {},
      representations: [{ type: 'sql', sql: 'select 1 as id', dialect: 'spark' }],
      'default-namespace': ['lab'],
    },
  })
  return [plain, divided, vectors, keys, empty].map(({ identifier }) => identifier)
}

async function rowsOf(lab: TableLab, catalog: Catalog, identifier: TableIdentifier): Promise<string[]> {
  return lab.rows((await catalog.loadTable(identifier)).metadata)
}

/** What each transaction left of each table, as its rows. */
async function historyOf(lab: TableLab, catalog: Catalog): Promise<readonly string[]> {
  const lines: string[] = []
  for (const { transactionId, pointers, committedAtMs, idempotencyKey } of await catalog.transactions()) {
    for (const { identifier, metadataLocation, kind } of pointers) {
      const isThere = metadataLocation !== null && kind === undefined
      const rows = isThere
        ? await lab.rows((await catalog.loadTableAt(identifier, { transactionId })).metadata)
        : []
      lines.push(JSON.stringify([transactionId, committedAtMs, idempotencyKey, identifier, isThere, rows]))
    }
  }
  return lines
}

/** Each file with a hash of its bytes; the store's own are left out. */
async function filesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    if (name.startsWith('catalog.db') || name.startsWith('temp') || !(await stat(path)).isFile()) continue
    files.set(
      name,
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    )
  }
  return files
}

test('the copy has all tables and their history, needs nothing of the source, and can be written to', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const identifiers = await fill(tables)
  const before = await filesIn(tables.folder)
  const history = await historyOf(tables, tables.context.catalog)
  const expected = new Map<TableIdentifier, string[]>()
  for (const each of identifiers) expected.set(each, await rowsOf(tables, tables.context.catalog, each))

  const report = await lab.copy()
  const [newest] = await tables.context.catalog.transactions({ limit: 1 })
  assert.deepEqual(
    [report.transactionId, report.tables, report.views, report.copied.missing],
    [newest?.transactionId, 5, 1, 0],
  )
  assert.deepEqual(await filesIn(tables.folder), before, 'the source is as it was')
  assert.deepEqual(new Set((await filesIn(lab.folder)).keys()), new Set(before.keys()))

  const copied = lab.copied()
  await lab.withoutSource(async () => {
    assert.deepEqual(await historyOf(tables, copied), history)
    assert.deepEqual(
      (await copied.loadView({ namespace: ['lab'], name: 'v' })).metadata['current-version-id'],
      1,
    )
    for (const [identifier, rows] of expected) {
      assert.deepEqual(await rowsOf(tables, copied, identifier), rows)
      await assertSizesAreTrue(tables, await copied.loadTable(identifier))
    }
    const [plain, , vectors] = identifiers
    for (const identifier of [plain, vectors]) {
      assert.ok(identifier)
      const context = { ...tables.context, catalog: copied, manifests: createManifestCache() }
      const staged = await stageOverwrite(
        context,
        tables.session,
        openTable(await copied.loadTable(identifier)),
        {
          filterSql: 'id = 11',
        },
      )
      await tables.commit(staged, copied)
      const left = (expected.get(identifier) ?? []).filter(
        row => !row.startsWith('["11",') && !row.startsWith('[11,'),
      )
      assert.deepEqual(await rowsOf(tables, copied, identifier), left)
    }
  })
})

/** Of each manifest, each file that a scan reads, and its deletes. */
async function assertSizesAreTrue(lab: TableLab, { metadata }: LoadedTable): Promise<void> {
  const context = { io: lab.context.io, manifests: createManifestCache() }
  for (const { manifestPath, manifestLength } of await loadManifests(context, currentSnapshot(metadata))) {
    assert.equal((await lab.context.io.stat(manifestPath))?.sizeBytes, manifestLength, manifestPath)
  }
  const { tasks } = await planScan(context, metadata)
  for (const { entry, deletes } of tasks) {
    for (const { file } of [entry, ...deletes.map(each => each.entry)]) {
      assert.equal((await lab.context.io.stat(file.filePath))?.sizeBytes, file.fileSizeBytes, file.filePath)
      assert.ok(file.filePath.startsWith(`${metadata.location}/`), file.filePath)
    }
  }
}

test('a copy that ends at any write can be run again, and is then what it would have been', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const table = await remove(tables, await tableOf(tables, 2), 'id IN (3, 105)')
  const vectors = await remove(tables, await tableOf(tables, 3), 'id IN (3, 105)')
  const real = createLocalFileIO()
  let [written, ends] = [0, 0]
  for (let isDone = false; !isDone; ) {
    let left = 1
    const io = {
      ...real,
      create: async (location: string, bytes: Uint8Array): Promise<void> => {
        if (left === 0) throw new Error('the process ends here')
        left -= 1
        written += 1
        await real.create(location, bytes)
      },
    }
    try {
      await lab.copy(io)
      isDone = true
    } catch (error) {
      if (!(error instanceof Error && error.message === 'the process ends here')) throw error
      ends += 1
      assert.deepEqual(await lab.store.namespaces(), [], 'nothing is seen before all is there')
    }
  }
  assert.ok(ends > 20, `it ended ${ends} times`)
  assert.equal(written, (await filesIn(lab.folder)).size, 'no file was written twice')
  const copied = lab.copied()
  for (const { identifier } of [table, vectors]) {
    assert.deepEqual(
      await rowsOf(tables, copied, identifier),
      await rowsOf(tables, tables.context.catalog, identifier),
    )
  }
})

test('run again it adds what is new, unless somebody wrote to the copy', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const table = await tableOf(tables, 2)
  const gone = await tables.create({ id: 'long' })
  await tables.context.catalog.createNamespace(['soon', 'dropped'])
  await lab.copy()
  await tables.context.catalog.dropTable(gone.identifier)
  await tables.context.catalog.dropNamespace(['soon', 'dropped'])
  const newer = await remove(tables, table, 'id < 50')
  const report = await lab.copy()
  assert.ok(report.copied.files > 0 && report.copied.files < 10, `${report.copied.files} files are new`)
  const copied = lab.copied()
  assert.deepEqual(await rowsOf(tables, copied, table.identifier), await tables.rows(newer.metadata))
  await assert.rejects(copied.loadTable(gone.identifier), error => isIngotError(error, 'TABLE_NOT_FOUND'))
  assert.equal((await lab.copy()).copied.files, 0)

  await copied.createNamespace(['mine'])
  await assert.rejects(
    lab.copy(),
    error =>
      isIngotError(error, 'REQUEST_INVALID') && /the target has a change under key/.test(error.message),
  )
  assert.deepEqual(await copied.namespaceProperties(['mine']), {})
})

test('what is committed while a lake is copied is not in the copy, and is in the next', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const table = await tableOf(tables, 2)
  let isCommitted: Promise<LoadedTable> | undefined
  const report = await lab.copy(undefined, ({ type }) => {
    if (type === 'files') isCommitted ??= tables.append(table, range(300, 301))
  })
  const newer = (await isCommitted) ?? assert.fail('a file was copied')
  const copied = lab.copied()
  assert.equal(report.rows, 300)
  assert.deepEqual(await rowsOf(tables, copied, table.identifier), await tables.rows(table.metadata))
  assert.equal((await lab.copy()).rows, 301)
  assert.deepEqual(await rowsOf(tables, copied, table.identifier), await tables.rows(newer.metadata))
})

test('a lake is not copied into itself, nor to its own store', async () => {
  await using lab = await CopyLab.open()
  await tableOf(lab.tables, 2)
  for (const [root, message] of [
    [`file://${lab.tables.folder}`, /cannot be copied into/],
    [`file://${lab.tables.folder}/lab/`, /cannot be copied into/],
    ['file:///', /cannot be copied into/],
    [`file://${lab.folder}`, /have the same catalog store/],
  ] as const) {
    await assert.rejects(
      lab.copyTo(root, lab.sourceStore),
      error => isIngotError(error, 'REQUEST_INVALID') && message.test(error.message),
      root,
    )
  }
  assert.deepEqual((await filesIn(lab.folder)).size, 0)
})

test('a file of a current version that is gone ends the copy; of the past it is counted', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const table = await tableOf(tables, 2)
  const { tasks } = await planScan(tables.context, table.metadata)
  const lost = tasks[0]?.entry.file.filePath ?? assert.fail('it has a file')
  await tables.context.io.remove([lost])
  await assert.rejects(lab.copy(), error => isIngotError(error, 'FILE_NOT_FOUND'))
  assert.deepEqual(await lab.store.namespaces(), [])
  await tables.context.catalog.dropTable(table.identifier)
  assert.equal((await lab.copy()).copied.missing, 1)
})

test('what a storage gives back otherwise than it was written ends the copy', async () => {
  await using lab = await CopyLab.open()
  await tableOf(lab.tables, 2)
  const real = createLocalFileIO()
  const io = {
    ...real,
    read: async (location: string, range?: ByteRange) => {
      const bytes = Uint8Array.from(await real.read(location, range))
      if (location.endsWith('.parquet')) bytes[10] = (bytes[10] ?? 0) ^ 1
      return bytes
    },
  }
  await assert.rejects(
    lab.copy(io),
    error => isIngotError(error, 'STORAGE_FAILED') && /is not what was written there/.test(error.message),
  )
})

test('a file that is read back in parts is compared to its end', async () => {
  const changes: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
    bytes => bytes.fill(0, -1),
    bytes => Buffer.concat([bytes, Buffer.from('x')]),
  ]
  for (const change of changes) {
    await using lab = await CopyLab.open()
    const { tables } = lab
    const select = 'SELECT random() AS n FROM range(1500000)'
    const table = await tables.append(await tables.create({ n: 'double' }), select)
    const { tasks } = await planScan(tables.context, table.metadata)
    const sizeBytes = tasks[0]?.entry.file.fileSizeBytes ?? 0
    assert.ok(sizeBytes > 8 * 1024 * 1024)
    const real = createLocalFileIO()
    const read = async (location: string, range?: ByteRange): Promise<Uint8Array> => {
      const bytes = await real.read(location, range)
      const isEnd = location.endsWith('.parquet') && range !== undefined && range.end > sizeBytes
      return isEnd ? change(Uint8Array.from(bytes)) : bytes
    }
    await assert.rejects(lab.copy({ ...real, read }), error => isIngotError(error, 'STORAGE_FAILED'))
  }
})

test('a table with a file outside of the root is refused, with its location', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const table = await tableOf(tables, 2)
  const { tasks } = await planScan(tables.context, table.metadata)
  const inside = tasks[0]?.entry.file ?? assert.fail('it has a file')
  const elsewhere = `file:///elsewhere/${randomUUID()}.parquet`
  const file = { ...inside, filePath: elsewhere }
  await tables.commit(
    await stageDelta(tables.context, openTable(table), { operation: 'append', add: [file] }),
  )
  await assert.rejects(
    lab.copy(),
    error => isIngotError(error, 'UNSUPPORTED') && error.message.includes(elsewhere),
  )
})
