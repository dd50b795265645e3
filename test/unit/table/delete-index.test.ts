import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import type { DataFile, LiveEntry } from '../../../src/format/manifest-types.ts'
import type { PartitionSpec } from '../../../src/format/types.ts'
import { DELETE_FILE_PATH_ID } from '../../../src/table/delete-columns.ts'
import { createDeleteIndex } from '../../../src/table/delete-index.ts'

const SPECS: readonly PartitionSpec[] = [
  { 'spec-id': 0, fields: [] },
  { 'spec-id': 1, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'p', transform: 'identity' }] },
  { 'spec-id': 2, fields: [{ 'source-id': 1, 'field-id': 1001, name: 'v', transform: 'void' }] },
]

function entry(
  sequenceNumber: number,
  specId: number,
  file: Partial<DataFile> & { filePath: string },
): LiveEntry {
  const whole: DataFile = {
    content: 'data',
    fileFormat: 'PARQUET',
    partition: [],
    recordCount: 10,
    fileSizeBytes: 1,
    ...file,
  }
  return { snapshotId: 1n, sequenceNumber, fileSequenceNumber: sequenceNumber, specId, file: whole }
}

function deletesFor(data: LiveEntry, ...deletes: LiveEntry[]): string[] {
  const index = createDeleteIndex(deletes, SPECS, location => location)
  return index.deletesFor(data).map(task => task.enginePath)
}

const positions = { content: 'position-deletes' } as const
const equality = { content: 'equality-deletes', equalityIds: [1] } as const
const isUnsupported = (name: string) => (error: unknown) =>
  isIngotError(error, 'UNSUPPORTED') && error.message.includes(name)

test('position deletes apply to files of their own commit and older ones, not to newer ones', () => {
  const deletes = entry(5, 0, { ...positions, filePath: 'd' })
  assert.deepEqual(deletesFor(entry(4, 0, { filePath: 'a' }), deletes), ['d'])
  assert.deepEqual(deletesFor(entry(5, 0, { filePath: 'a' }), deletes), ['d'])
  assert.deepEqual(deletesFor(entry(6, 0, { filePath: 'a' }), deletes), [])
})

test('position deletes apply within their partition and spec', () => {
  const deletes = entry(5, 1, { ...positions, filePath: 'd', partition: ['x'] })
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: ['x'] }), deletes), ['d'])
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: ['y'] }), deletes), [])
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: [null] }), deletes), [])
  assert.deepEqual(deletesFor(entry(4, 0, { filePath: 'a' }), deletes), [])
})

test('a partition value is the same before and after its column was widened', () => {
  const deletes = entry(5, 1, { ...positions, filePath: 'd', partition: [7n] })
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: [7] }), deletes), ['d'])
})

test('the file that a delete file references, or the range of paths that it names, limits it', () => {
  const references = entry(5, 0, { ...positions, filePath: 'd', referencedDataFile: 'a' })
  assert.deepEqual(deletesFor(entry(4, 0, { filePath: 'a' }), references), ['d'])
  assert.deepEqual(deletesFor(entry(4, 0, { filePath: 'b' }), references), [])
  const bounds = (path: string) => new Map([[DELETE_FILE_PATH_ID, Buffer.from(path)]])
  const ranged = entry(5, 0, {
    ...positions,
    filePath: 'd',
    lowerBounds: bounds('b'),
    upperBounds: bounds('c'),
  })
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].filter(filePath => deletesFor(entry(4, 0, { filePath }), ranged).length > 0),
    ['b', 'c'],
  )
})

test('equality deletes apply to older files, of their partition or, from an unpartitioned spec, of all', () => {
  const inX = entry(4, 1, { filePath: 'a', partition: ['x'] })
  for (const specId of [0, 2]) {
    const everywhere = entry(5, specId, { ...equality, filePath: 'eq' })
    assert.deepEqual(deletesFor(inX, everywhere), ['eq'])
    assert.deepEqual(deletesFor(entry(5, 0, { filePath: 'a' }), everywhere), [])
  }
  const ofPartition = entry(5, 1, { ...equality, filePath: 'eq', partition: ['x'] })
  assert.deepEqual(deletesFor(inX, ofPartition), ['eq'])
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: ['y'] }), ofPartition), [])
})

test('partitions of zero and minus zero are two', () => {
  const deletes = entry(5, 1, { ...equality, filePath: 'eq', partition: [-0] })
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: [-0] }), deletes), ['eq'])
  assert.deepEqual(deletesFor(entry(4, 1, { filePath: 'a', partition: [0] }), deletes), [])
})

test('delete files of formats that are not read are refused where they apply, with the file', () => {
  const avro = entry(5, 0, { ...equality, filePath: 'eq.avro', fileFormat: 'AVRO' })
  assert.throws(() => deletesFor(entry(4, 0, { filePath: 'a' }), avro), isUnsupported('eq.avro'))
  assert.deepEqual(deletesFor(entry(5, 0, { filePath: 'a' }), avro), [])
})

test('a deletion vector replaces the position delete files of its data file, not the equality deletes', () => {
  const vector = (name: string) =>
    entry(5, 0, {
      ...positions,
      filePath: name,
      fileFormat: 'PUFFIN',
      referencedDataFile: 'a',
      contentOffset: 4n,
    })
  const others = [entry(5, 0, { ...positions, filePath: 'd' }), entry(5, 0, { ...equality, filePath: 'eq' })]
  assert.deepEqual(deletesFor(entry(4, 0, { filePath: 'a' }), ...others, vector('dv')), ['dv', 'eq'])
  assert.deepEqual(deletesFor(entry(4, 0, { filePath: 'b' }), ...others, vector('dv')), ['d', 'eq'])
  assert.deepEqual(deletesFor(entry(6, 0, { filePath: 'a' }), vector('dv')), [])
  assert.throws(
    () => deletesFor(entry(4, 0, { filePath: 'a' }), vector('dv'), vector('another')),
    error => isIngotError(error, 'METADATA_INVALID') && /a has 2 deletion vectors/.test(error.message),
  )
})
