import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeValue } from '../../src/format/bounds.ts'
import { inheritEntries, readManifest, summarizeManifest } from '../../src/format/manifest.ts'
import { readManifestList } from '../../src/format/manifest-list.ts'
import type { ManifestEntry, ManifestFile, PrimitiveValue } from '../../src/format/manifest-types.ts'
import type { TableMetadata } from '../../src/format/metadata-types.ts'
import { partitionType } from '../../src/format/partition-spec.ts'
import { fieldsById, schemaById } from '../../src/format/schema.ts'
import { snapshotById } from '../../src/format/snapshot.ts'
import { parseTableMetadata, serializeTableMetadata } from '../../src/format/table-metadata.ts'
import type { PrimitiveType } from '../../src/format/types.ts'
import { parseJson } from '../../src/json.ts'

interface ExpectedEntry {
  readonly status: string
  readonly snapshotId: string
  readonly sequenceNumber: number
  readonly path: string
  readonly records: number
  readonly size: number
  readonly partition: readonly (string | null)[]
  readonly valueCounts: Record<string, number>
  readonly nullCounts: Record<string, number>
  readonly lower: Record<string, string>
  readonly upper: Record<string, string>
}

interface ExpectedManifest {
  readonly file: string
  readonly specId: number
  readonly sequenceNumber: number
  readonly addedSnapshotId: string
  readonly counts: readonly number[]
  readonly partitions: readonly (readonly [boolean, string | null, string | null])[]
  readonly entries: readonly ExpectedEntry[]
}

interface Expected {
  readonly schemas: readonly string[]
  readonly refs: Record<string, string>
  readonly snapshots: readonly {
    readonly id: string
    readonly operation: string
    readonly manifestList: string
    readonly manifests: readonly ExpectedManifest[]
  }[]
}

// The tests run compiled, in a folder beside test/; the golden files are not copied there.
const TABLES = fileURLToPath(new URL('../../../test/golden/tables/', import.meta.url))

function read(table: string, name: string): Uint8Array {
  return readFileSync(`${TABLES}${table}/${name}`)
}

function readTable(table: string): { readonly metadata: TableMetadata; readonly expected: Expected } {
  const expected = JSON.parse(Buffer.from(read(table, 'expected.json')).toString()) as Expected
  return { metadata: parseTableMetadata(read(table, 'metadata.json')), expected }
}

const baseName = (location: string): string => location.slice(location.lastIndexOf('/') + 1)
const base64 = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : Buffer.from(bytes).toString('base64')

function textRecord<T>(map: ReadonlyMap<number, T> | undefined, print: (value: T) => unknown): object {
  return Object.fromEntries([...(map ?? [])].map(([key, value]) => [String(key), print(value)]))
}

/** As Python's str prints it. */
function printed(value: PrimitiveValue | null, type: PrimitiveType): string | null {
  if (value === null) return null
  return type === 'boolean' ? (value ? 'True' : 'False') : String(value)
}

function checkManifest(
  metadata: TableMetadata,
  table: string,
  manifest: ManifestFile,
  expected: ExpectedManifest,
): void {
  const spec = metadata['partition-specs'].find(
    candidate => candidate['spec-id'] === manifest.partitionSpecId,
  )
  assert(spec !== undefined)
  const columns = partitionType(spec, metadata.schemas)
  const { entries } = readManifest(read(table, expected.file), columns)
  assert.equal(manifest.manifestLength, read(table, expected.file).length)
  assert.deepEqual(
    entries.map(entry =>
      describeEntry(
        entry,
        manifest,
        columns.map(column => column.type),
      ),
    ),
    expected.entries,
  )
  assert.equal(
    inheritEntries(manifest, entries).length,
    entries.filter(entry => entry.status !== 'deleted').length,
  )
  const { contentSummary, ...own } = summaryOf(entries, manifest, metadata, spec)
  assert.deepEqual(own, { counts: expected.counts, partitions: expected.partitions })
  assert.equal(contentSummary, 'data')
}

function describeEntry(
  entry: ManifestEntry,
  manifest: ManifestFile,
  types: readonly PrimitiveType[],
): ExpectedEntry {
  const { file } = entry
  return {
    status: entry.status,
    snapshotId: String(entry.snapshotId ?? manifest.addedSnapshotId),
    sequenceNumber: entry.sequenceNumber ?? manifest.sequenceNumber,
    path: baseName(file.filePath),
    records: file.recordCount,
    size: file.fileSizeBytes,
    partition: file.partition.map((value, index) => printed(value, types[index] ?? 'int')),
    valueCounts: textRecord(file.valueCounts, Number) as Record<string, number>,
    nullCounts: textRecord(file.nullValueCounts, Number) as Record<string, number>,
    lower: textRecord(file.lowerBounds, base64) as Record<string, string>,
    upper: textRecord(file.upperBounds, base64) as Record<string, string>,
  }
}

function summaryOf(
  entries: readonly ManifestEntry[],
  manifest: ManifestFile,
  metadata: TableMetadata,
  spec: TableMetadata['partition-specs'][number],
): {
  readonly contentSummary: string
  readonly counts: readonly number[]
  readonly partitions: readonly unknown[]
} {
  const summary = summarizeManifest({
    entries,
    spec,
    schemas: metadata.schemas,
    content: manifest.content,
    manifestPath: manifest.manifestPath,
    manifestLength: manifest.manifestLength,
    snapshotId: manifest.addedSnapshotId,
    sequenceNumber: manifest.sequenceNumber,
  })
  return {
    contentSummary: summary.content,
    counts: [
      summary.addedFilesCount,
      summary.existingFilesCount,
      summary.deletedFilesCount,
      summary.addedRowsCount,
      summary.existingRowsCount,
      summary.deletedRowsCount,
    ],
    partitions: summary.partitions.map(each => [
      each.containsNull,
      base64(each.lowerBound),
      base64(each.upperBound),
    ]),
  }
}

for (const table of ['partitioned', 'evolved']) {
  test(`metadata of ${table} is read and written without loss`, () => {
    const { metadata, expected } = readTable(table)
    assert.deepEqual(
      metadata.schemas,
      expected.schemas.map(text => parseJson(text)),
    )
    const refs = Object.entries(metadata.refs).map(([name, ref]) => [name, String(ref['snapshot-id'])])
    assert.deepEqual(Object.fromEntries(refs), expected.refs)
    assert.deepEqual(parseTableMetadata(serializeTableMetadata(metadata)), metadata)
    const original = parseJson(Buffer.from(read(table, 'metadata.json')).toString()) as Record<
      string,
      unknown
    >
    const written = parseJson(serializeTableMetadata(metadata)) as Record<string, unknown>
    for (const key of Object.keys(original)) assert(key in written || original[key] === null, key)
  })

  test(`manifest lists and manifests of ${table} are read as PyIceberg reads them`, () => {
    const { metadata, expected } = readTable(table)
    assert.equal(metadata.snapshots.length, expected.snapshots.length)
    for (const [index, snapshot] of metadata.snapshots.entries()) {
      const expectedSnapshot = expected.snapshots[index]
      assert(expectedSnapshot !== undefined)
      assert.equal(String(snapshot['snapshot-id']), expectedSnapshot.id)
      assert.equal(snapshot.summary.operation, expectedSnapshot.operation)
      const manifests = readManifestList(read(table, expectedSnapshot.manifestList))
      assert.deepEqual(
        manifests.map(manifest => baseName(manifest.manifestPath)),
        expectedSnapshot.manifests.map(each => each.file),
      )
      for (const [place, manifest] of manifests.entries()) {
        const expectedManifest: ExpectedManifest | undefined = expectedSnapshot.manifests[place]
        assert(expectedManifest !== undefined)
        assert.equal(String(manifest.addedSnapshotId), expectedManifest.addedSnapshotId)
        assert.equal(manifest.sequenceNumber, expectedManifest.sequenceNumber)
        const writer = snapshotById(metadata, manifest.addedSnapshotId)
        const writtenIn: TableMetadata = {
          ...metadata,
          schemas: [schemaById(metadata, writer?.['schema-id'] ?? 0)],
        }
        checkManifest(writtenIn, table, manifest, expectedManifest)
      }
    }
  })
}

test('a partition value written as int is a long once its column is', () => {
  const { metadata, expected } = readTable('evolved')
  const manifest = expected.snapshots[0]?.manifests[0]
  const spec = metadata['partition-specs'].find(candidate => candidate['spec-id'] === manifest?.specId)
  assert(manifest !== undefined && spec !== undefined)
  const bytes = read('evolved', manifest.file)
  assert.deepEqual(readManifest(bytes, partitionType(spec, metadata.schemas)).entries[0]?.file.partition, [
    7n,
  ])
  const asWritten = readManifest(bytes).entries[0]?.file
  assert.deepEqual(asWritten?.partition, [7])
  const lower = asWritten?.lowerBounds?.get(1)
  assert(lower !== undefined)
  assert.equal(decodeValue('long', lower), 7n)
})

test('bounds that PyIceberg writes have the values of the rows', () => {
  const { metadata, expected } = readTable('partitioned')
  const schema = metadata.schemas[0]
  assert(schema !== undefined)
  const manifest = expected.snapshots[0]?.manifests[0]?.file
  assert(manifest !== undefined)
  const first = readManifest(read('partitioned', manifest)).entries.find(
    entry => entry.file.lowerBounds?.get(1)?.[0] === 1,
  )
  const lowerOf = (fieldId: number): unknown => {
    const type = fieldsById(schema).get(fieldId)?.field.type
    const bytes = first?.file.lowerBounds?.get(fieldId)
    assert(typeof type === 'string' && bytes !== undefined, String(fieldId))
    return decodeValue(type, bytes)
  }
  assert.equal(lowerOf(1), 1n)
  assert.equal(lowerOf(2), -1n)
  assert.equal(lowerOf(3), 'us ü')
  assert.equal(lowerOf(6), 0.5)
  assert.equal(lowerOf(8), -150n)
  assert.equal(lowerOf(10), -1)
  assert.equal(lowerOf(11), 86_399_000_001n)
})
