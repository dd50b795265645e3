import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { familyOf } from '../../../src/catalog/clone-metadata.ts'
import { locationsOf } from '../../../src/catalog/table-locations.ts'
import { Maintenance } from '../../../src/maintenance/maintain-lake.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { includeClone } from '../../../src/table/include-clone.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { formatIdentifier } from '../../../src/table-identifier.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import type { TableLab } from '../../support/table-lab.ts'
import { CopyLab } from './copy-lab.ts'

const LATER_MS = 9 * 24 * 60 * 60_000

async function clone(lab: TableLab, original: LoadedTable, name: string): Promise<LoadedTable> {
  const transaction = new Transaction(lab.context)
  includeClone(transaction, original, { identifier: { namespace: ['lab'], name } })
  const result = await transaction.commit({ idempotencyKey: crypto.randomUUID() })
  return result?.tables[1] ?? assert.fail('nothing was cloned')
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter(name => /\.(parquet|avro|json)$/.test(name)).sort()
}

test('clones share their files in the copy as they do in the source, each file once, and outlive what they were made from', async () => {
  await using lab = await CopyLab.open()
  const { tables } = lab
  const original = await tables.append(
    await tables.create({ id: 'long' }),
    'SELECT range AS id FROM range(100)',
  )
  const first = await clone(tables, original, 'first')
  const changed = await tables.commit(
    await stageOverwrite(tables.context, tables.session, openTable(first), { filterSql: 'id < 10' }),
  )
  const second = await clone(tables, changed, 'second')
  await lab.copy()
  assert.deepEqual(await filesIn(lab.folder), await filesIn(tables.folder))

  const catalog = lab.copied()
  const inCopy = await catalog.loadTable(second.identifier)
  assert.equal(familyOf(inCopy.metadata), familyOf(second.metadata))
  const moved = locationsOf(second.metadata).shared.map(folder => folder.replace(tables.folder, lab.folder))
  assert.deepEqual(locationsOf(inCopy.metadata).shared, moved)
  assert.equal(moved.length, 2)

  await lab.withoutSource(async () => {
    for (const { identifier } of [original, first])
      await catalog.dropTable(identifier, { purgeRequested: true })
    const nowMs = Date.now() + LATER_MS
    const context = {
      ...tables.context,
      ...{ catalog, io: createLocalFileIO(), manifests: createManifestCache() },
      clock: { nowMs: () => nowMs, sleep: async () => undefined },
    }
    const engine = {
      session: <T>(_options: unknown, work: (session: typeof tables.session) => Promise<T>) =>
        work(tables.session),
      workersMax: 1,
      close: async () => undefined,
    }
    const { departed } = await new Maintenance({ context, engine, metrics: createMetrics() }).run()
    const dropped = [first, original].map(({ identifier }) => formatIdentifier(identifier))
    assert.deepEqual(departed.map(({ table }) => table).sort(), dropped)
    const { metadata } = await catalog.loadTable(second.identifier)
    const rows = await tables.rows(metadata)
    assert.equal(rows.length, 90)
  })
})
