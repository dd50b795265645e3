import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import type { Snapshot, TableMetadata } from '../../../src/format/metadata-types.ts'
import { UNPARTITIONED, UNSORTED } from '../../../src/format/partition-spec.ts'
import { newTableMetadata } from '../../../src/format/table-metadata.ts'
import { applyUpdates } from '../../../src/format/table-updates.ts'
import { keepsProgress, progressSummary, readProgress } from '../../../src/table/progress.ts'
import { schemaOf } from '../../support/table-lab.ts'

const EMPTY = newTableMetadata({
  uuid: '00000000-0000-4000-8000-000000000000',
  location: 'file:///t',
  schema: schemaOf({ id: 'long' }),
  partitionSpec: UNPARTITIONED,
  sortOrder: UNSORTED,
  properties: {},
  formatVersion: 2,
  nowMs: 1,
})

/** A table whose main has one snapshot for each summary, each the parent of the next. */
function tableOf(...summaries: readonly Readonly<Record<string, string>>[]): TableMetadata {
  return summaries.reduce<TableMetadata>((metadata, summary, index) => {
    const snapshot: Snapshot = {
      'snapshot-id': BigInt(index + 1),
      ...(index > 0 ? { 'parent-snapshot-id': BigInt(index) } : {}),
      'sequence-number': index + 1,
      'timestamp-ms': index + 1,
      'manifest-list': `file:///t/${index}`,
      summary: { operation: 'append', ...summary },
    }
    const head = { 'snapshot-id': snapshot['snapshot-id'], type: 'branch' } as const
    return applyUpdates(
      metadata,
      [
        { action: 'add-snapshot', snapshot },
        { ...head, action: 'set-snapshot-ref', 'ref-name': 'main' },
      ],
      { nowMs: index + 2 },
    )
  }, EMPTY)
}

test('the nearest ancestor that states progress has it', () => {
  const stated = { offsets: { a: 9007199254740993n }, files: ['x'] }
  const metadata = tableOf(
    progressSummary({ offsets: 1 }),
    progressSummary(stated),
    { 'spark.app.id': 'x' },
    {},
  )
  assert.deepEqual(readProgress(metadata), stated)
})

test('a table without progress, without snapshots or without the ref has none', () => {
  assert.equal(readProgress(EMPTY), undefined)
  assert.equal(readProgress(tableOf({}, {})), undefined)
  assert.equal(readProgress(tableOf(progressSummary({ a: 1 })), 'nope'), undefined)
})

test('a summary without progress, or with the same in another order, keeps it', () => {
  const metadata = tableOf(progressSummary({ a: 1, b: 2 }))
  assert.equal(keepsProgress(metadata, {}), true)
  assert.equal(keepsProgress(metadata, progressSummary({ b: 2, a: 1 })), true)
  assert.equal(keepsProgress(metadata, progressSummary({ a: 1 })), false)
})

test('progress that somebody garbled is refused, not taken for none', () => {
  for (const text of ['{', '[]', 'null', '7', '']) {
    assert.throws(
      () => readProgress(tableOf({ 'ingot.progress': text })),
      (error: unknown) => isIngotError(error, 'METADATA_INVALID') && error.message.includes('snapshot 1'),
      text,
    )
  }
})
