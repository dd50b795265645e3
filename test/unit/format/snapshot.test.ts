import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import type { DataFile } from '../../../src/format/manifest-types.ts'
import type { Snapshot, TableMetadata } from '../../../src/format/metadata-types.ts'
import {
  ancestorsOf,
  currentSnapshot,
  resolveSnapshot,
  snapshotById,
  summarizeSnapshot,
} from '../../../src/format/snapshot.ts'
import { newTableMetadata } from '../../../src/format/table-metadata.ts'

const EMPTY = newTableMetadata({
  uuid: 'u',
  location: 'l',
  schema: { type: 'struct', 'schema-id': 0, fields: [] },
  nowMs: 0,
})

const at = (id: bigint, parent?: bigint): Snapshot => ({
  'snapshot-id': id,
  ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
  'sequence-number': Number(id),
  'timestamp-ms': Number(id) * 1000,
  'manifest-list': 'l',
  summary: { operation: 'append' },
})

const TABLE: TableMetadata = {
  ...EMPTY,
  'current-snapshot-id': 4n,
  snapshots: [at(1n, 99n), at(2n, 1n), at(3n, 2n), at(4n, 2n)],
  'snapshot-log': [
    { 'snapshot-id': 2n, 'timestamp-ms': 2000 },
    { 'snapshot-id': 3n, 'timestamp-ms': 3000 },
    { 'snapshot-id': 4n, 'timestamp-ms': 4000 },
  ],
  refs: { main: { 'snapshot-id': 4n, type: 'branch' }, undone: { 'snapshot-id': 3n, type: 'tag' } },
}

test('snapshots are found, an empty table has none', () => {
  assert.equal(currentSnapshot(EMPTY), undefined)
  assert.equal(currentSnapshot(TABLE)?.['snapshot-id'], 4n)
  assert.equal(snapshotById(TABLE, 9n), undefined)
})

test('ancestors go back as far as they are kept, and a cycle ends', () => {
  assert.deepEqual(
    ancestorsOf(TABLE, 4n).map(each => each['snapshot-id']),
    [4n, 2n, 1n],
  )
  assert.deepEqual(ancestorsOf(TABLE, 9n), [])
  const cycle: TableMetadata = { ...TABLE, snapshots: [at(1n, 2n), at(2n, 1n)] }
  assert.deepEqual(
    ancestorsOf(cycle, 1n).map(each => each['snapshot-id']),
    [1n, 2n],
  )
})

test('a snapshot is resolved by id, ref and time', () => {
  assert.equal(resolveSnapshot(TABLE, { snapshotId: 1n })['snapshot-id'], 1n)
  assert.equal(resolveSnapshot(TABLE, { ref: 'undone' })['snapshot-id'], 3n)
  assert.equal(resolveSnapshot(TABLE, { timeMs: 2000 })['snapshot-id'], 2n)
  assert.equal(resolveSnapshot(TABLE, { timeMs: 3999 })['snapshot-id'], 3n)
  assert.equal(resolveSnapshot(TABLE, { timeMs: Number.MAX_SAFE_INTEGER })['snapshot-id'], 4n)
})

test('what is not there says what is', () => {
  const hints: readonly (readonly [Parameters<typeof resolveSnapshot>[1], RegExp])[] = [
    [{ snapshotId: 9n }, /1, 2, 3, 4/],
    [{ ref: 'none' }, /main, undone/],
    [{ timeMs: 1999 }, /1970-01-01T00:00:02/],
  ]
  for (const [selector, hint] of hints) {
    assert.throws(
      () => resolveSnapshot(TABLE, selector),
      error => isIngotError(error, 'SNAPSHOT_NOT_FOUND') && hint.test(error.hint ?? ''),
    )
  }
  assert.throws(
    () => resolveSnapshot(EMPTY, { timeMs: 1 }),
    error => isIngotError(error, 'SNAPSHOT_NOT_FOUND'),
  )
})

const file = (content: DataFile['content'], recordCount: number, fileSizeBytes: number): DataFile => ({
  content,
  filePath: 'p',
  fileFormat: 'PARQUET',
  partition: [],
  recordCount,
  fileSizeBytes,
})

test('totals follow what is added and removed', () => {
  const first = summarizeSnapshot({
    operation: 'append',
    parent: undefined,
    added: [file('data', 10, 100), file('data', 5, 50)],
    removed: [],
    extra: { 'ingot.run': 'r', operation: 'replace', 'total-records': '999' },
  })
  assert.deepEqual(first, {
    'ingot.run': 'r',
    'added-data-files': '2',
    'added-records': '15',
    'added-files-size': '150',
    'total-data-files': '2',
    'total-records': '15',
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
    'total-files-size': '150',
    operation: 'append',
  })
  const second = summarizeSnapshot({
    operation: 'overwrite',
    parent: first,
    added: [file('position-deletes', 2, 7)],
    removed: [file('data', 5, 50), { ...file('position-deletes', 0, 90), contentSizeBytes: 3n }],
  })
  assert.equal(second['total-records'], '10')
  assert.equal(second['deleted-data-files'], '1')
  assert.equal(second['deleted-records'], '5')
  assert.equal(second['total-position-deletes'], '2')
  assert.equal(second['total-delete-files'], '0')
  assert.equal(second['total-files-size'], '104')
  assert.equal(second['removed-files-size'], '53')
})

test('a total that the parent does not have is not made up', () => {
  const summary = summarizeSnapshot({
    operation: 'append',
    parent: { operation: 'append' },
    added: [file('data', 1, 1)],
    removed: [],
  })
  assert.equal('total-records' in summary, false)
  assert.equal(summary['added-records'], '1')
})
