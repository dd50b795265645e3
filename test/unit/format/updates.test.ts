import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import type {
  Requirement,
  Snapshot,
  StatisticsFile,
  TableMetadata,
  Update,
} from '../../../src/format/metadata-types.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import {
  newTableMetadata,
  parseTableMetadata,
  serializeTableMetadata,
} from '../../../src/format/table-metadata.ts'
import { checkRequirements } from '../../../src/format/table-requirements.ts'
import { applyUpdates, withMetadataLog } from '../../../src/format/table-updates.ts'
import type { Schema } from '../../../src/format/types.ts'
import { stringifyJson } from '../../../src/json.ts'

const SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 0,
  'identifier-field-ids': [7],
  fields: [
    {
      id: 9,
      name: 'point',
      required: false,
      type: { type: 'struct', fields: [{ id: 3, name: 'x', required: false, type: 'double' }] },
    },
    { id: 7, name: 'id', required: true, type: 'long' },
  ],
}

function newTable(): TableMetadata {
  return newTableMetadata({
    uuid: 'u',
    location: 'file:///t',
    schema: SCHEMA,
    partitionSpec: {
      'spec-id': 5,
      fields: [{ 'source-id': 7, 'field-id': 4000, name: 'id_bucket', transform: 'bucket[4]' }],
    },
    sortOrder: {
      'order-id': 9,
      fields: [{ 'source-id': 3, transform: 'identity', direction: 'asc', 'null-order': 'nulls-last' }],
    },
    properties: { 'format-version': '2', owner: 'me' },
    nowMs: 1000,
  })
}

function snapshot(id: bigint, sequenceNumber: number, parent?: bigint): Snapshot {
  return {
    'snapshot-id': id,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': 1000 + sequenceNumber * 10,
    'manifest-list': `file:///t/${id}.avro`,
    summary: { operation: 'append' },
    'schema-id': 0,
  }
}

function commit(id: bigint, sequenceNumber: number, parent?: bigint): Update[] {
  return [
    { action: 'add-snapshot', snapshot: snapshot(id, sequenceNumber, parent) },
    { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
  ]
}

const apply = (metadata: TableMetadata | null, updates: readonly Update[], nowMs = 2000): TableMetadata =>
  applyUpdates(metadata, updates, { nowMs })

const isConflict = (error: unknown): boolean => isIngotError(error, 'COMMIT_CONFLICT')

const BIG = 2n ** 62n + 1n

test('a new table has fresh ids, breadth first, and what names columns is mapped along', () => {
  const metadata = newTable()
  const schema = currentSchema(metadata)
  assert.deepEqual(
    schema.fields.map(field => field.id),
    [1, 2],
  )
  assert.deepEqual(schema['identifier-field-ids'], [2])
  assert.equal(metadata['last-column-id'], 3)
  assert.deepEqual(metadata['partition-specs'], [
    {
      'spec-id': 0,
      fields: [{ 'source-id': 2, 'field-id': 1000, name: 'id_bucket', transform: 'bucket[4]' }],
    },
  ])
  assert.equal(metadata['sort-orders'][0]?.fields[0]?.['source-id'], 3)
  assert.equal(metadata['default-sort-order-id'], 1)
  assert.deepEqual(metadata.properties, { owner: 'me' })
  assert.equal('current-snapshot-id' in metadata, false)
})

test('a spec that names no column of a new table is refused', () => {
  const partitionSpec = {
    'spec-id': 0,
    fields: [{ 'source-id': 99, 'field-id': 1000, name: 'p', transform: 'identity' as const }],
  }
  assert.throws(
    () => newTableMetadata({ uuid: 'u', location: 'l', schema: SCHEMA, partitionSpec, nowMs: 0 }),
    error => isIngotError(error, 'REQUEST_INVALID') && error.message.includes('99'),
  )
})

test('snapshots move main, the log, the sequence number and the time', () => {
  const first = apply(newTable(), commit(BIG, 1))
  const second = apply(first, commit(2n, 2, BIG), 500)
  assert.equal(second['current-snapshot-id'], 2n)
  assert.equal(second['last-sequence-number'], 2)
  assert.equal(second['last-updated-ms'], 2000, 'time does not go back')
  assert.deepEqual(
    second['snapshot-log'].map(entry => entry['snapshot-id']),
    [BIG, 2n],
  )
  const back = apply(
    second,
    [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': BIG }],
    3000,
  )
  assert.deepEqual(back['snapshot-log'].at(-1), { 'snapshot-id': BIG, 'timestamp-ms': 3000 })
  assert.deepEqual(parseTableMetadata(serializeTableMetadata(back)), back)
})

test('one commit logs only where main ends up', () => {
  const metadata = apply(newTable(), [...commit(1n, 1), ...commit(2n, 2, 1n)])
  assert.deepEqual(
    metadata['snapshot-log'].map(entry => entry['snapshot-id']),
    [2n],
  )
})

test('a sequence number that is taken, and a snapshot that is gone, are conflicts', () => {
  const metadata = apply(newTable(), commit(1n, 1))
  const conflicts: Update[][] = [
    commit(2n, 1, 1n),
    [{ action: 'set-snapshot-ref', 'ref-name': 'tag', type: 'tag', 'snapshot-id': 9n }],
    [{ action: 'remove-snapshots', 'snapshot-ids': [1n] }],
  ]
  for (const updates of conflicts) assert.throws(() => apply(metadata, updates), isConflict)
})

test('a rollback is logged after what was logged before, although the clock went back', () => {
  const two = apply(apply(newTable(), commit(1n, 1), 1010), commit(2n, 2, 1n), 1020)
  const back = apply(
    two,
    [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 1n }],
    5,
  )
  assert.deepEqual(
    back['snapshot-log'].map(entry => [entry['snapshot-id'], entry['timestamp-ms']]),
    [
      [1n, 1010],
      [2n, 1020],
      [1n, 1020],
    ],
  )
})

test('a snapshot of a version 3 table must number its rows, without taking numbers twice', () => {
  const upgraded = apply(newTable(), [{ action: 'upgrade-format-version', 'format-version': 3 }])
  const withRows = (id: bigint, firstRowId: number): Update[] => [
    {
      action: 'add-snapshot',
      snapshot: { ...snapshot(id, Number(id)), ...{ 'first-row-id': firstRowId, 'added-rows': 7 } },
    },
  ]
  assert.throws(
    () => apply(upgraded, commit(1n, 1)),
    error => isIngotError(error, 'REQUEST_INVALID') && error.message.includes('first-row-id'),
  )
  const one = apply(upgraded, withRows(1n, 0))
  assert.equal((one as { 'next-row-id'?: unknown })['next-row-id'], 7)
  assert.throws(() => apply(one, withRows(2n, 6)), isConflict)
  assert.equal((apply(one, withRows(2n, 7)) as { 'next-row-id'?: unknown })['next-row-id'], 14)
})

test('refs may have the names of members that every object has', () => {
  const one = apply(newTable(), commit(1n, 1))
  for (const name of ['constructor', '__proto__', 'toString']) {
    const update = { action: 'set-snapshot-ref', 'ref-name': name, type: 'tag', 'snapshot-id': 1n } as const
    const tagged = parseTableMetadata(serializeTableMetadata(apply(one, [update])))
    assert.deepEqual(Object.getOwnPropertyDescriptor(tagged.refs, name)?.value, {
      type: 'tag',
      'snapshot-id': 1n,
    })
  }
})

function statistics(snapshotId: bigint): StatisticsFile {
  return {
    'snapshot-id': snapshotId,
    'statistics-path': 'file:///t/metadata/s.puffin',
    'file-size-in-bytes': 413,
    'file-footer-size-in-bytes': 42,
    'blob-metadata': [],
  }
}

test('removing a snapshot clears the log up to it and its statistics', () => {
  const base = apply(apply(apply(newTable(), commit(1n, 1)), commit(2n, 2, 1n)), commit(3n, 3, 2n))
  const text = serializeTableMetadata(base).replace(
    '"refs"',
    `"statistics":[${stringifyJson(statistics(2n))},${stringifyJson(statistics(3n))}],"refs"`,
  )
  const pruned = apply(parseTableMetadata(text), [{ action: 'remove-snapshots', 'snapshot-ids': [2n] }])
  assert.deepEqual(
    pruned.snapshots.map(each => each['snapshot-id']),
    [1n, 3n],
  )
  assert.deepEqual(
    pruned['snapshot-log'].map(entry => entry['snapshot-id']),
    [3n],
  )
  assert.deepEqual(pruned.statistics, [statistics(3n)])
})

test('removing main empties the table; other refs come and go', () => {
  const tagged = apply(newTable(), [
    ...commit(1n, 1),
    { action: 'set-snapshot-ref', 'ref-name': 'keep', type: 'tag', 'snapshot-id': 1n, 'max-ref-age-ms': 5 },
  ])
  assert.deepEqual(tagged.refs.keep, { 'snapshot-id': 1n, type: 'tag', 'max-ref-age-ms': 5 })
  const emptied = apply(tagged, [{ action: 'remove-snapshot-ref', 'ref-name': 'main' }])
  assert.equal('current-snapshot-id' in emptied, false)
  assert.deepEqual(Object.keys(emptied.refs), ['keep'])
})

test('equal schemas, specs and orders are reused, -1 means the last added', () => {
  const metadata = newTable()
  const schema = currentSchema(metadata)
  const wider: Schema = {
    ...schema,
    'schema-id': 77,
    fields: [...schema.fields, { id: 4, name: 'n', required: false, type: 'int' }],
  }
  const evolved = apply(metadata, [
    { action: 'add-schema', schema: wider },
    { action: 'set-current-schema', 'schema-id': -1 },
    {
      action: 'add-spec',
      spec: {
        'spec-id': 0,
        fields: [
          { 'source-id': 2, 'field-id': 0, name: 'id_bucket', transform: 'bucket[4]' },
          { 'source-id': 4, 'field-id': 0, name: 'n', transform: 'identity' },
        ],
      },
    },
    { action: 'set-default-spec', 'spec-id': -1 },
    { action: 'add-sort-order', 'sort-order': { 'order-id': 3, fields: [] } },
    { action: 'set-default-sort-order', 'sort-order-id': -1 },
  ])
  assert.equal(evolved['current-schema-id'], 1)
  assert.equal(evolved['last-column-id'], 4)
  assert.deepEqual(
    evolved['partition-specs'][1]?.fields.map(field => field['field-id']),
    [1000, 1001],
  )
  assert.equal(evolved['last-partition-id'], 1001)
  assert.equal(evolved['default-sort-order-id'], 0)
  const again = apply(evolved, [
    { action: 'add-schema', schema },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: { 'spec-id': 9, fields: metadata['partition-specs'][0]?.fields ?? [] } },
    { action: 'set-default-spec', 'spec-id': -1 },
  ])
  assert.equal(again.schemas.length, 2)
  assert.equal(again['current-schema-id'], 0)
  assert.equal(again['default-spec-id'], 0)
  const removed = apply(again, [
    { action: 'remove-schemas', 'schema-ids': [1] },
    { action: 'remove-partition-specs', 'spec-ids': [1] },
  ])
  assert.equal(removed.schemas.length + removed['partition-specs'].length, 2)
})

test('properties and location are set and removed', () => {
  const metadata = apply(newTable(), [
    { action: 'set-properties', updates: { a: '1', b: '2' } },
    { action: 'remove-properties', removals: ['a', 'owner'] },
    { action: 'set-location', location: 'file:///moved' },
    { action: 'upgrade-format-version', 'format-version': 3 },
    { action: 'assign-uuid', uuid: 'u' },
  ])
  assert.deepEqual(metadata.properties, { b: '2' })
  assert.equal(metadata.location, 'file:///moved')
  assert.equal(metadata['format-version'], 3)
})

test('updates that no table can take are refused', () => {
  const refused: Update[] = [
    { action: 'assign-uuid', uuid: 'other' },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'set-current-schema', 'schema-id': 8 },
    { action: 'set-default-spec', 'spec-id': 8 },
    { action: 'set-default-sort-order', 'sort-order-id': 8 },
    {
      action: 'add-spec',
      spec: { 'spec-id': 1, fields: [{ 'source-id': 88, 'field-id': 0, name: 'p', transform: 'identity' }] },
    },
    { action: 'remove-schemas', 'schema-ids': [0] },
    { action: 'remove-partition-specs', 'spec-ids': [0] },
    { action: 'toString' } as unknown as Update,
  ]
  for (const update of refused) {
    assert.throws(
      () => apply(newTable(), [update]),
      error => isIngotError(error, 'REQUEST_INVALID'),
      JSON.stringify(update),
    )
  }
  const v3 = apply(newTable(), [{ action: 'upgrade-format-version', 'format-version': 3 }])
  assert.throws(
    () => apply(v3, [{ action: 'upgrade-format-version', 'format-version': 2 }]),
    error => isIngotError(error, 'REQUEST_INVALID'),
  )
  assert.throws(
    () => apply(v3, [{ action: 'upgrade-format-version', 'format-version': 4 }]),
    error => isIngotError(error, 'UNSUPPORTED'),
  )
})

test('a schema without the source of the default spec is refused', () => {
  const metadata = newTable()
  const [point] = currentSchema(metadata).fields
  assert(point !== undefined)
  assert.throws(
    () =>
      apply(metadata, [
        { action: 'add-schema', schema: { type: 'struct', 'schema-id': 0, fields: [point] } },
        { action: 'set-current-schema', 'schema-id': -1 },
      ]),
    error => isIngotError(error, 'REQUEST_INVALID') && error.message.includes('id_bucket'),
  )
})

test('updates build a table from nothing', () => {
  const built = applyUpdates(
    null,
    [
      { action: 'assign-uuid', uuid: 'u' },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'add-schema', schema: currentSchema(newTable()) },
      ...commit(5n, 1),
    ],
    { nowMs: 1, location: 'file:///t' },
  )
  assert.equal(built['current-schema-id'], 0)
  assert.equal(built['default-spec-id'], 0)
  assert.equal(built['default-sort-order-id'], 0)
  assert.equal(built['last-column-id'], 3)
  assert.deepEqual(parseTableMetadata(serializeTableMetadata(built)), built)
  assert.throws(
    () => apply(null, []),
    error => isIngotError(error, 'REQUEST_INVALID'),
  )
})

test('the metadata log is as long as the property says', () => {
  let metadata = apply(newTable(), [
    { action: 'set-properties', updates: { 'write.metadata.previous-versions-max': '2' } },
  ])
  for (const name of ['a', 'b', 'c']) metadata = withMetadataLog(metadata, name, 1)
  assert.deepEqual(
    metadata['metadata-log'].map(entry => entry['metadata-file']),
    ['b', 'c'],
  )
})

test('requirements are checked against what there is', () => {
  const metadata = apply(newTable(), commit(BIG, 1))
  const held: Requirement[] = [
    { type: 'assert-table-uuid', uuid: 'U' },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': BIG },
    { type: 'assert-ref-snapshot-id', ref: 'none', 'snapshot-id': null },
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 3 },
    { type: 'assert-current-schema-id', 'current-schema-id': 0 },
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 1000 },
    { type: 'assert-default-spec-id', 'default-spec-id': 0 },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': 1 },
  ]
  checkRequirements(metadata, held)
  checkRequirements(null, [{ type: 'assert-create' }])
  const failing: Requirement[] = [
    { type: 'assert-create' },
    { type: 'assert-table-uuid', uuid: 'other' },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': BIG - 1n },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null },
    { type: 'assert-ref-snapshot-id', ref: 'none', 'snapshot-id': 1n },
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 4 },
    { type: 'assert-current-schema-id', 'current-schema-id': 1 },
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 999 },
    { type: 'assert-default-spec-id', 'default-spec-id': 1 },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': 0 },
  ]
  for (const requirement of failing) {
    assert.throws(
      () => checkRequirements(metadata, [requirement]),
      error => isIngotError(error, 'COMMIT_CONFLICT') && error.message.includes(requirement.type),
    )
  }
  assert.throws(() => checkRequirements(null, held.slice(0, 1)), isConflict)
})
