import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { SnapshotAdmission } from '../../../src/catalog/snapshot-admission.ts'
import type { Update } from '../../../src/format/metadata-types.ts'
import type { FileIO } from '../../../src/storage/file-io.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { openLocalFixture } from '../../conformance/catalog-fixtures.ts'
import { createSample } from '../../conformance/catalog-samples.ts'
import { foreignSnapshot } from '../../support/foreign-snapshots.ts'

/** The storage, with the files that were read, by the ends of their names. */
function countingIo(): { readonly io: FileIO; readonly reads: string[] } {
  const inner = createLocalFileIO()
  const reads: string[] = []
  const io: FileIO = {
    ...inner,
    read: (location, range) => {
      reads.push(location.slice(location.lastIndexOf('/') + 1).replace(/\d{6,}/, 'N'))
      return inner.read(location, range)
    },
  }
  return { io, reads }
}

function manifestOf(updates: readonly Update[]): { readonly id: bigint; readonly path: string } {
  const [added] = updates
  assert.ok(added?.action === 'add-snapshot')
  const { 'snapshot-id': id, 'manifest-list': list } = added.snapshot
  return { id, path: list.replace(/snap-(\d+)\.avro$/, '$1-m0.avro') }
}

test('of a snapshot what is new is read, once; and after a restart nothing that the one before names', async () => {
  const fixture = await openLocalFixture()
  try {
    const { catalog } = fixture
    const { io, reads } = countingIo()
    const created = await createSample(catalog, 'n')
    const { location } = created.metadata
    const root = location.slice(0, location.lastIndexOf('/n/'))
    const admission = new SnapshotAdmission({ io, root })
    const commit = async (table: LoadedTable, updates: readonly Update[], by = admission) => {
      const change = { identifier: table.identifier, requirements: [], updates }
      await by.check(change, table.metadata)
      await catalog.commit([change], { idempotencyKey: crypto.randomUUID() })
      return { table: await catalog.loadTable(table.identifier), read: reads.splice(0) }
    }
    const first = await foreignSnapshot(created, { files: [`${location}/data/1.parquet`] })
    const one = await commit(created, first)
    assert.deepEqual(one.read, ['snap-N.avro', 'N-m0.avro'])

    const { id, path } = manifestOf(first)
    const second = await foreignSnapshot(one.table, {
      files: [`${location}/data/2.parquet`],
      manifests: [path],
      parentSnapshotId: id,
    })
    const two = await commit(one.table, second)
    assert.deepEqual(two.read, ['snap-N.avro', 'N-m0.avro'])

    const before = manifestOf(second)
    const third = await foreignSnapshot(two.table, {
      manifests: [path, before.path],
      parentSnapshotId: before.id,
    })
    assert.deepEqual((await commit(two.table, third)).read, ['snap-N.avro'])
    const restarted = new SnapshotAdmission({ io, root })
    const fourth = await foreignSnapshot(two.table, {
      manifests: [path, before.path],
      parentSnapshotId: before.id,
    })
    await restarted.check(
      { identifier: two.table.identifier, requirements: [], updates: fourth },
      two.table.metadata,
    )
    // The list that is added, and the one before.
    assert.deepEqual(reads.splice(0), ['snap-N.avro', 'snap-N.avro'])
  } finally {
    await fixture.dispose()
  }
})
