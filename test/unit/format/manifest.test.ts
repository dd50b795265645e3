import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isIngotError } from '../../../src/errors.ts'
import { readAvro, writeAvro } from '../../../src/format/avro.ts'
import type { AvroSchema, AvroValue } from '../../../src/format/avro-schema.ts'
import {
  inheritEntries,
  readManifest,
  summarizeManifest,
  writeManifest,
} from '../../../src/format/manifest.ts'
import { readManifestList, writeManifestList } from '../../../src/format/manifest-list.ts'
import type {
  DataFile,
  ManifestEntry,
  ManifestFile,
  PrimitiveValue,
} from '../../../src/format/manifest-types.ts'
import type { PartitionSpec, PrimitiveType, Schema } from '../../../src/format/types.ts'

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const VALUES: Record<string, fc.Arbitrary<PrimitiveValue>> = {
  boolean: fc.boolean(),
  int: fc.integer(),
  long,
  float: fc.float(),
  double: fc.double(),
  date: fc.integer(),
  time: fc.bigInt({ min: 0n, max: 86_399_999_999n }),
  timestamp: long,
  timestamptz: long,
  string: fc.string({ unit: 'grapheme' }),
  uuid: fc.uuid(),
  binary: fc.uint8Array().map(bytes => Buffer.from(bytes)),
  'fixed[3]': fc.uint8Array({ minLength: 3, maxLength: 3 }).map(bytes => Buffer.from(bytes)),
  'decimal(38, 4)': fc.bigInt({ min: 1n - 10n ** 38n, max: 10n ** 38n - 1n }),
  'decimal(4, 1)': fc.bigInt({ min: -9999n, max: 9999n }),
}
const TYPES = Object.keys(VALUES) as PrimitiveType[]

const SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 0,
  fields: TYPES.map((type, index) => ({ id: index + 1, name: `c.${index} ü`, required: false, type })),
}
const SPEC: PartitionSpec = {
  'spec-id': 2,
  fields: TYPES.map((_type, index) => ({
    'source-id': index + 1,
    'field-id': 1000 + index,
    name: `c.${index} ü`,
    transform: 'identity',
  })),
}

const count = fc.integer({ min: 0, max: 2 ** 40 })
const countMap = fc
  .dictionary(fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(String), count)
  .map(counts => new Map(Object.entries(counts).map(([key, value]) => [Number(key), value])))
const bytes = fc.uint8Array().map(array => Buffer.from(array))
const boundMap = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), bytes))
  .map(pairs => new Map<number, Uint8Array>(pairs))
const partition = fc.tuple(...TYPES.map(type => fc.option(VALUES[type] ?? fc.constant(0))))

const file: fc.Arbitrary<DataFile> = fc.record(
  {
    content: fc.constantFrom('data', 'position-deletes', 'equality-deletes'),
    filePath: fc.string({ unit: 'grapheme' }),
    fileFormat: fc.constantFrom('PARQUET', 'PUFFIN'),
    partition,
    recordCount: count,
    fileSizeBytes: count,
    columnSizes: countMap,
    valueCounts: countMap,
    nullValueCounts: countMap,
    nanValueCounts: countMap,
    lowerBounds: boundMap,
    upperBounds: boundMap,
    keyMetadata: bytes,
    splitOffsets: fc.array(long),
    equalityIds: fc.array(fc.integer()),
    sortOrderId: fc.integer({ min: 0, max: 9 }),
    referencedDataFile: fc.string(),
    contentOffset: long,
    contentSizeBytes: long,
    firstRowId: long,
  },
  {
    noNullPrototype: true,
    requiredKeys: ['content', 'filePath', 'fileFormat', 'partition', 'recordCount', 'fileSizeBytes'],
  },
)

const entry: fc.Arbitrary<ManifestEntry> = fc.oneof(
  fc.record(
    {
      status: fc.constantFrom('existing', 'deleted', 'added'),
      snapshotId: long,
      sequenceNumber: count,
      fileSequenceNumber: count,
      file,
    },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      status: fc.constant('added' as const),
      snapshotId: fc.constant(null),
      sequenceNumber: fc.constant(null),
      fileSequenceNumber: fc.constant(null),
      file,
    },
    { noNullPrototype: true },
  ),
)

const options = { spec: SPEC, schema: SCHEMA, schemas: [SCHEMA], content: 'data', formatVersion: 3 } as const

test('manifests come back as they were written, every type of partition value', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), entries => {
      assert.deepEqual(readManifest(writeManifest({ ...options, entries })).entries, entries)
    }),
  )
})

const PLAIN: DataFile = {
  content: 'data',
  filePath: 'p',
  fileFormat: 'PARQUET',
  partition: [],
  recordCount: 3,
  fileSizeBytes: 9,
}
const ADDED: ManifestEntry = {
  status: 'added',
  snapshotId: null,
  sequenceNumber: null,
  fileSequenceNumber: null,
  file: PLAIN,
}
const UNPARTITIONED: PartitionSpec = { 'spec-id': 0, fields: [] }

test('the header has what the spec asks for', () => {
  const { metadata, schema } = readAvro(
    writeManifest({ ...options, spec: UNPARTITIONED, formatVersion: 2, entries: [ADDED] }),
  )
  assert.deepEqual([...metadata.keys()].sort(), [
    'content',
    'format-version',
    'partition-spec',
    'partition-spec-id',
    'schema',
    'schema-id',
  ])
  const text = JSON.stringify(schema)
  assert.match(text, /"logicalType":"map"/)
  assert.match(text, /"element-id":133/)
  assert.doesNotMatch(text, /first_row_id/, 'version 2 has no row ids')
})

test('an existing entry without sequence number is neither written nor read', () => {
  const broken: ManifestEntry = { ...ADDED, status: 'existing' }
  assert.throws(
    () => writeManifest({ ...options, spec: UNPARTITIONED, entries: [broken] }),
    error => isIngotError(error, 'METADATA_INVALID'),
  )
  assert.throws(
    () => inheritEntries({ ...LINE, sequenceNumber: 4 }, [broken]),
    error => isIngotError(error, 'METADATA_INVALID'),
  )
  assert.equal(inheritEntries({ ...LINE, sequenceNumber: 0 }, [broken])[0]?.sequenceNumber, 0)
})

const LINE: ManifestFile = {
  manifestPath: 'm',
  manifestLength: 1,
  partitionSpecId: 0,
  content: 'data',
  sequenceNumber: 7,
  minSequenceNumber: 7,
  addedSnapshotId: 2n ** 62n,
  addedFilesCount: 1,
  existingFilesCount: 0,
  deletedFilesCount: 0,
  addedRowsCount: 3,
  existingRowsCount: 0,
  deletedRowsCount: 0,
  partitions: [],
}

test('live entries inherit ids, sequence numbers and row ids; deleted ones are gone', () => {
  const deleted: ManifestEntry = {
    status: 'deleted',
    snapshotId: 1n,
    sequenceNumber: 1,
    fileSequenceNumber: 1,
    file: PLAIN,
  }
  const existing: ManifestEntry = { ...deleted, status: 'existing', file: { ...PLAIN, firstRowId: 5n } }
  const live = inheritEntries({ ...LINE, firstRowId: 100n }, [ADDED, deleted, existing, ADDED])
  assert.deepEqual(
    live.map(each => [each.snapshotId, each.sequenceNumber, each.file.firstRowId]),
    [
      [2n ** 62n, 7, 100n],
      [1n, 1, 5n],
      [2n ** 62n, 7, 103n],
    ],
  )
})

test('a manifest is summed up', () => {
  const schema: Schema = {
    type: 'struct',
    'schema-id': 0,
    fields: [{ id: 1, name: 'd', required: false, type: 'double' }],
  }
  const spec: PartitionSpec = {
    'spec-id': 3,
    fields: [{ 'source-id': 1, 'field-id': 1000, name: 'd', transform: 'identity' }],
  }
  const at = (
    value: number | null,
    status: ManifestEntry['status'],
    sequenceNumber: number | null,
  ): ManifestEntry => ({
    status,
    snapshotId: 1n,
    sequenceNumber,
    fileSequenceNumber: sequenceNumber,
    file: { ...PLAIN, partition: [value] },
  })
  const summary = summarizeManifest({
    entries: [
      at(1.5, 'added', null),
      at(Number.NaN, 'existing', 4),
      at(null, 'existing', 5),
      at(-0, 'deleted', 2),
    ],
    spec,
    schemas: [schema],
    content: 'data',
    manifestPath: 'm',
    manifestLength: 8,
    snapshotId: 9n,
    sequenceNumber: 6,
  })
  assert.equal(summary.minSequenceNumber, 4)
  assert.deepEqual([summary.addedRowsCount, summary.existingRowsCount, summary.deletedRowsCount], [3, 6, 3])
  const [field] = summary.partitions
  assert.deepEqual([field?.containsNull, field?.containsNan], [true, true])
  assert.equal(Buffer.from(field?.lowerBound ?? []).readDoubleLE(), -0)
  assert.equal(Buffer.from(field?.upperBound ?? []).readDoubleLE(), 1.5)
})

test('manifest lists come back as they were written', () => {
  const line = fc.record(
    {
      manifestPath: fc.string({ unit: 'grapheme' }),
      manifestLength: count,
      partitionSpecId: fc.nat(),
      content: fc.constantFrom('data', 'deletes'),
      sequenceNumber: count,
      minSequenceNumber: count,
      addedSnapshotId: long,
      addedFilesCount: fc.nat(),
      existingFilesCount: fc.nat(),
      deletedFilesCount: fc.nat(),
      addedRowsCount: count,
      existingRowsCount: count,
      deletedRowsCount: count,
      partitions: fc.array(
        fc.record(
          { containsNull: fc.boolean(), containsNan: fc.boolean(), lowerBound: bytes, upperBound: bytes },
          { noNullPrototype: true, requiredKeys: ['containsNull'] },
        ),
      ),
      keyMetadata: bytes,
      firstRowId: long,
    },
    {
      noNullPrototype: true,
      requiredKeys: [
        'manifestPath',
        'manifestLength',
        'partitionSpecId',
        'content',
        'sequenceNumber',
        'minSequenceNumber',
        'addedSnapshotId',
        'addedFilesCount',
        'existingFilesCount',
        'deletedFilesCount',
        'addedRowsCount',
        'existingRowsCount',
        'deletedRowsCount',
        'partitions',
      ],
    },
  )
  fc.assert(
    fc.property(fc.array(line), manifests => {
      const written = writeManifestList({
        manifests,
        snapshotId: 1n,
        parentSnapshotId: undefined,
        sequenceNumber: 1,
        formatVersion: 3,
      })
      assert.deepEqual(readManifestList(written), manifests)
    }),
  )
  const { metadata } = readAvro(
    writeManifestList({
      manifests: [],
      snapshotId: 2n ** 62n,
      parentSnapshotId: undefined,
      sequenceNumber: 1,
      formatVersion: 2,
    }),
  )
  assert.deepEqual(Object.fromEntries(metadata), {
    'snapshot-id': '4611686018427387904',
    'parent-snapshot-id': 'null',
    'sequence-number': '1',
    'format-version': '2',
  })
})

test('other writers name and order fields otherwise, and leave some out', () => {
  const schema: AvroSchema = {
    type: 'record',
    name: 'other',
    fields: [
      { name: 'who', type: 'long', 'field-id': 503 },
      { name: 'unknown', type: { type: 'map', values: ['null', 'double'] }, 'field-id': 9999 },
      { name: 'bytes', type: 'long', 'field-id': 501 },
      { name: 'path', type: 'string', 'field-id': 500 },
      { name: 'spec', type: 'int', 'field-id': 502 },
    ],
  }
  const written = writeAvro({
    schema,
    metadata: new Map(),
    records: [
      [
        5,
        new Map([
          ['a', null],
          ['b', 1],
        ]),
        12,
        'm',
        1,
      ],
    ],
    codec: 'null',
  })
  const [line] = readManifestList(written)
  assert.deepEqual(
    [line?.manifestPath, line?.addedSnapshotId, line?.partitionSpecId, line?.content],
    ['m', 5n, 1, 'data'],
  )
  assert.equal(line?.addedFilesCount, 1, 'a manifest whose counts are not known must not look empty')
})

test('avro files that are cut, garbled or hostile are refused', () => {
  const whole = Buffer.from(writeManifest({ ...options, spec: UNPARTITIONED, entries: [ADDED, ADDED] }))
  // Right after the header it is a whole file without entries.
  const headerLength = writeManifest({ ...options, spec: UNPARTITIONED, entries: [] }).length
  for (let length = 0; length < whole.length; length += 1) {
    if (length === headerLength) continue
    assert.throws(
      () => readManifest(whole.subarray(0, length)),
      error => isIngotError(error, 'METADATA_INVALID'),
      `cut at ${length}`,
    )
  }
  const garbled = Buffer.from(whole)
  garbled[garbled.length - 1] = (garbled.at(-1) ?? 0) ^ 1
  assert.throws(
    () => readManifest(garbled),
    error => isIngotError(error, 'METADATA_INVALID'),
  )
  const snappy = Buffer.from(whole.toString('latin1').replace('\x0edeflate', '\x0csnappy'), 'latin1')
  assert.throws(
    () => readManifest(snappy),
    error => isIngotError(error, 'UNSUPPORTED'),
  )
})

test('arrays of more items than bytes are refused', () => {
  const schema: AvroSchema = { type: 'record', name: 'r', fields: [{ name: 'a', type: 'long' }] }
  const count = writeAvro({ schema, metadata: new Map(), records: [[2 ** 40]], codec: 'null' })
  const text = Buffer.from(count).toString('latin1')
  // A schema of the same length, by which the number is a count of items.
  const padding = ' '.repeat(JSON.stringify(schema).length - 1)
  const hostile: AvroSchema = { type: 'array', items: 'null', padding: '' }
  const shorter = JSON.stringify(hostile).replace(
    '""',
    JSON.stringify(padding.slice(JSON.stringify(hostile).length - 1)),
  )
  const swapped = Buffer.from(text.replace(JSON.stringify(schema), shorter), 'latin1')
  assert.equal(swapped.length, count.length)
  assert.throws(
    () => readAvro(swapped),
    error => isIngotError(error, 'METADATA_INVALID') && error.message.includes('items'),
  )
})

test('integers of every length come back', () => {
  const schema: AvroSchema = { type: 'record', name: 'r', fields: [{ name: 'a', type: 'long' }] }
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          long,
          fc.integer().map(BigInt),
          fc.integer({ min: 0, max: 63 }).map(bits => 2n ** BigInt(bits) - 1n),
        ),
      ),
      values => {
        const { records } = readAvro(
          writeAvro({ schema, metadata: new Map(), records: values.map(value => [value]) }),
        )
        assert.deepEqual(
          records.map(record => BigInt((record as readonly AvroValue[])[0] as number | bigint)),
          values,
        )
      },
    ),
  )
})
