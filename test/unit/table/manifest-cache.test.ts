import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LiveEntry, ManifestFile } from '../../../src/format/manifest-types.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'

function manifest(manifestPath: string, sequenceNumber = 1): ManifestFile {
  return {
    manifestPath,
    manifestLength: 1,
    partitionSpecId: 0,
    content: 'data',
    sequenceNumber,
    minSequenceNumber: 1,
    addedSnapshotId: 1n,
    addedFilesCount: 1,
    existingFilesCount: 0,
    deletedFilesCount: 0,
    addedRowsCount: 1,
    existingRowsCount: 0,
    deletedRowsCount: 0,
    partitions: [],
  }
}

function entries(count: number): LiveEntry[] {
  return Array.from({ length: count }, () => ({
    snapshotId: 1n,
    sequenceNumber: 1,
    fileSequenceNumber: 1,
    specId: 0,
    file: {
      content: 'data',
      filePath: 'x',
      fileFormat: 'PARQUET',
      partition: [],
      recordCount: 1,
      fileSizeBytes: 1,
    },
  }))
}

test('the manifests used least recently are forgotten when there are too many entries', () => {
  const cache = createManifestCache({ entriesMax: 10 })
  cache.set(manifest('a'), entries(4))
  cache.set(manifest('b'), entries(3))
  assert.equal(cache.get(manifest('a'))?.length, 4)
  cache.set(manifest('c'), entries(2))
  assert.equal(cache.get(manifest('b')), undefined)
  assert.equal(cache.get(manifest('a'))?.length, 4)
  assert.equal(cache.get(manifest('c'))?.length, 2)
})

test('a manifest that does not fit is not kept and drives out nothing', () => {
  const cache = createManifestCache({ entriesMax: 10 })
  cache.set(manifest('a'), entries(4))
  cache.set(manifest('big'), entries(11))
  assert.equal(cache.get(manifest('big')), undefined)
  assert.equal(cache.get(manifest('a'))?.length, 4)
})

test('one manifest under two sequence numbers is two sets of entries', () => {
  const cache = createManifestCache()
  cache.set(manifest('a', 1), entries(1))
  assert.equal(cache.get(manifest('a', 2)), undefined)
})
