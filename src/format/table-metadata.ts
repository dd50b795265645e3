import { createHash } from 'node:crypto'
import { IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'
import { defaultMisfit } from './default-values.ts'
import { type JsonObject, JsonReader, METADATA_DEPTH_MAX, withoutUndefined } from './json-reader.ts'
import type { SnapshotRef, TableMetadata } from './metadata-types.ts'
import {
  assignPartitionIds,
  PARTITION_ID_BEFORE_FIRST,
  specMisfit,
  UNPARTITIONED,
  UNSORTED,
} from './partition-spec.ts'
import { assignFreshIds, currentSchema, highestFieldId } from './schema.ts'
import { readPartitionFields, readPartitionSpec, readSchema, readSortOrder } from './schema-json.ts'
import { readSnapshot, readSnapshotRef } from './snapshot-json.ts'
import { readEncryptedKey, readPartitionStatisticsFile, readStatisticsFile } from './statistics-json.ts'
import type { PartitionSpec, Schema, SortOrder } from './types.ts'

/**
 * Reads a metadata file of format version 1, 2 or 3 (Iceberg spec, "Table Metadata"). What version 1 and other writers
 * leave out gets the spec's defaults, what is not known is kept.
 * @throws METADATA_INVALID naming the field that is wrong
 */
export function parseTableMetadata(source: Uint8Array | string): TableMetadata {
  return readDocument(parseDocument(source))
}

/**
 * As parseTableMetadata, but of its history no more than the snapshots that branches and tags name: of a table that is written
 * to each second that is a tenth of the work.
 * @throws METADATA_INVALID naming the field that is wrong
 */
export function parseTableHeads(source: Uint8Array | string): TableMetadata {
  const value = parseDocument(source)
  if (typeof value !== 'object' || value === null) return readDocument(value)
  const { snapshots, refs, 'current-snapshot-id': current, ...others } = value as JsonObject
  const named = Object.values(Object(refs) as JsonObject).map(ref => Object(ref) as JsonObject)
  const heads = new Set([current, ...named.map(ref => ref['snapshot-id'])])
  return readDocument({
    ...{ ...others, refs, 'current-snapshot-id': current, 'snapshot-log': [], 'metadata-log': [] },
    snapshots: Array.isArray(snapshots)
      ? snapshots.filter(snapshot => heads.has(Object(snapshot)['snapshot-id']))
      : snapshots,
  })
}

function parseDocument(source: Uint8Array | string): unknown {
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
  try {
    return parseJson(text, METADATA_DEPTH_MAX)
  } catch (cause) {
    throw new IngotError('METADATA_INVALID', `table metadata is not JSON: ${String(cause)}`, { cause })
  }
}

function readDocument(value: unknown): TableMetadata {
  const reader = new JsonReader(value, '', 'METADATA_INVALID')
  const metadata = readMetadata(reader)
  checkReferences(metadata, reader)
  return metadata
}

function readMetadata(reader: JsonReader): TableMetadata {
  const version = reader.integer('format-version')
  if (version !== 1 && version !== 2 && version !== 3) {
    throw reader.wrong('format-version', '1, 2 or 3', version)
  }
  const { schema: _schema, 'partition-spec': _partitionSpec, ...kept } = reader.members
  const location = reader.string('location')
  const schemas = readSchemas(reader)
  const specs = readSpecs(reader)
  const currentSnapshotId = readCurrentSnapshotId(reader)
  return withoutUndefined<TableMetadata>({
    ...kept,
    'format-version': version,
    'table-uuid': reader.optional('table-uuid', reader.string)?.toLowerCase() ?? uuidOf(location),
    location,
    'last-sequence-number': reader.optional('last-sequence-number', reader.integer) ?? 0,
    'last-updated-ms': reader.optional('last-updated-ms', reader.integer) ?? 0,
    'last-column-id':
      reader.optional('last-column-id', reader.integer) ?? Math.max(...schemas.map(highestFieldId)),
    schemas,
    'current-schema-id':
      reader.optional('current-schema-id', reader.integer) ?? schemas.at(-1)?.['schema-id'] ?? 0,
    'partition-specs': specs,
    'default-spec-id': reader.optional('default-spec-id', reader.integer) ?? specs.at(-1)?.['spec-id'] ?? 0,
    'last-partition-id': reader.optional('last-partition-id', reader.integer) ?? highestPartitionId(specs),
    'sort-orders': reader.optional('sort-orders', reader.objects)?.map(readSortOrder) ?? [UNSORTED],
    'default-sort-order-id': reader.optional('default-sort-order-id', reader.integer) ?? 0,
    properties: reader.optional('properties', reader.texts) ?? {},
    'current-snapshot-id': currentSnapshotId,
    snapshots: reader.optional('snapshots', reader.objects)?.map(readSnapshot) ?? [],
    'snapshot-log': readSnapshotLog(reader),
    'metadata-log': readMetadataLog(reader),
    refs: readRefs(reader, currentSnapshotId),
    statistics: reader.optional('statistics', reader.objects)?.map(readStatisticsFile),
    'partition-statistics': reader
      .optional('partition-statistics', reader.objects)
      ?.map(readPartitionStatisticsFile),
    'encryption-keys': reader.optional('encryption-keys', reader.objects)?.map(readEncryptedKey),
  })
}

function readSchemas(reader: JsonReader): readonly Schema[] {
  const schemas = reader.optional('schemas', reader.objects)?.map(readSchema)
  if (schemas !== undefined && schemas.length > 0) return schemas
  return [readSchema(reader.object('schema'))]
}

function readSpecs(reader: JsonReader): readonly PartitionSpec[] {
  const specs = reader.optional('partition-specs', reader.objects)?.map(readPartitionSpec)
  if (specs !== undefined && specs.length > 0) return specs
  if (!reader.has('partition-spec')) return [UNPARTITIONED]
  // Version 1 numbers partition fields by their place (Iceberg spec, "Partition Evolution").
  const fields = readPartitionFields(reader, 'partition-spec', index => PARTITION_ID_BEFORE_FIRST + 1 + index)
  return [{ 'spec-id': 0, fields }]
}

function highestPartitionId(specs: readonly PartitionSpec[]): number {
  return Math.max(
    PARTITION_ID_BEFORE_FIRST,
    ...specs.flatMap(spec => spec.fields.map(field => field['field-id'])),
  )
}

/** Some writers put -1 or null for an empty table where the spec leaves the member out. */
function readCurrentSnapshotId(reader: JsonReader): bigint | undefined {
  const id = reader.optional('current-snapshot-id', reader.long)
  return id === -1n ? undefined : id
}

function readSnapshotLog(reader: JsonReader): TableMetadata['snapshot-log'] {
  const entries = reader.optional('snapshot-log', reader.objects) ?? []
  return entries.map(entry => ({
    ...entry.members,
    'snapshot-id': entry.long('snapshot-id'),
    'timestamp-ms': entry.integer('timestamp-ms'),
  }))
}

function readMetadataLog(reader: JsonReader): TableMetadata['metadata-log'] {
  const entries = reader.optional('metadata-log', reader.objects) ?? []
  return entries.map(entry => ({
    ...entry.members,
    'metadata-file': entry.string('metadata-file'),
    'timestamp-ms': entry.integer('timestamp-ms'),
  }))
}

function readRefs(
  reader: JsonReader,
  currentSnapshotId: bigint | undefined,
): Readonly<Record<string, SnapshotRef>> {
  const refs = reader.optional('refs', reader.object)
  const named = refs === undefined ? [] : Object.keys(refs.members)
  const entries = named.map(
    name =>
      [
        name,
        readSnapshotRef(new JsonReader(refs?.members[name], `refs.${name}`, 'METADATA_INVALID')),
      ] as const,
  )
  if (!named.includes('main') && currentSnapshotId !== undefined) {
    entries.push(['main', { 'snapshot-id': currentSnapshotId, type: 'branch' }])
  }
  return Object.fromEntries(entries)
}

/** For the rare version 1 table without a uuid: the same one at every reading. */
function uuidOf(location: string): string {
  const hex = createHash('sha256').update(location).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function checkReferences(metadata: TableMetadata, reader: JsonReader): void {
  const requireId = (field: string, id: number, known: readonly number[]): void => {
    if (!known.includes(id)) throw reader.wrong(field, `one of ${known.join(', ')}`, id)
  }
  requireId(
    'current-schema-id',
    metadata['current-schema-id'],
    metadata.schemas.map(schema => schema['schema-id']),
  )
  requireId(
    'default-spec-id',
    metadata['default-spec-id'],
    metadata['partition-specs'].map(spec => spec['spec-id']),
  )
  requireId(
    'default-sort-order-id',
    metadata['default-sort-order-id'],
    metadata['sort-orders'].map(order => order['order-id']),
  )
  const snapshotIds = new Set(metadata.snapshots.map(snapshot => snapshot['snapshot-id']))
  for (const [name, ref] of Object.entries(metadata.refs)) {
    if (!snapshotIds.has(ref['snapshot-id'])) {
      throw reader.wrong(`refs.${name}.snapshot-id`, 'a snapshot of the table', ref['snapshot-id'])
    }
  }
  const main = metadata.refs.main?.['snapshot-id']
  if (metadata['current-snapshot-id'] !== main) {
    throw reader.wrong(
      'current-snapshot-id',
      `the snapshot of main, ${main}`,
      metadata['current-snapshot-id'],
    )
  }
}

/**
 * The text of a metadata file. Everything that strict readers insist on is in it, defaults included; version 1 tables get
 * their single schema and spec beside the lists, as that version asks.
 */
export function serializeTableMetadata(metadata: TableMetadata): string {
  if (metadata['format-version'] !== 1) return printMembers({ ...metadata })
  const spec = metadata['partition-specs'].find(
    candidate => candidate['spec-id'] === metadata['default-spec-id'],
  )
  return printMembers({
    ...metadata,
    schema: currentSchema(metadata),
    'partition-spec': spec?.fields ?? [],
  })
}

/** Lists of hundreds of entries, of which a commit adds one and leaves the others as they are. */
const LONG_LISTS: readonly string[] = ['snapshots', 'snapshot-log', 'metadata-log']

/** Texts of entries that were printed before: objects of metadata never change. */
const printed = new WeakMap<object, string>()

function printMembers(metadata: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(metadata)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const isLong = LONG_LISTS.includes(key) && Array.isArray(value)
      return `${JSON.stringify(key)}:${isLong ? `[${value.map(printOnce).join(',')}]` : stringifyJson(value)}`
    })
  return `{${members.join(',')}}`
}

function printOnce(entry: object): string {
  const text = printed.get(entry) ?? stringifyJson(entry)
  printed.set(entry, text)
  return text
}

/** What a new table starts with; ids in it are replaced. */
export interface NewTable {
  readonly uuid: string
  readonly location: string
  readonly schema: Schema
  readonly partitionSpec?: PartitionSpec | undefined
  readonly sortOrder?: SortOrder | undefined
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** @default 2 */
  readonly formatVersion?: 2 | 3 | undefined
  readonly nowMs: number
}

/**
 * The metadata of an empty table. Field ids are assigned anew, breadth first; the source ids of the spec and the order and
 * the identifier ids are mapped along; partition fields are numbered from 1000.
 * @throws REQUEST_INVALID when the spec or the order does not fit the schema
 */
export function newTableMetadata(table: NewTable): TableMetadata {
  const version = table.formatVersion ?? 2
  const fresh = assignFreshIds(table.schema)
  const toNewId = (oldId: number, what: string): number => {
    const newId = fresh.newIds.get(oldId)
    if (newId !== undefined) return newId
    throw new IngotError('REQUEST_INVALID', `${what} names column ${oldId}, which the schema does not have`)
  }
  const identifierIds = table.schema['identifier-field-ids']?.map(id => toNewId(id, 'identifier-field-ids'))
  const schema = withoutUndefined<Schema>({
    ...fresh.type,
    'schema-id': 0,
    'identifier-field-ids': identifierIds,
  })
  const numbered = assignPartitionIds(
    (table.partitionSpec ?? UNPARTITIONED).fields.map(field => ({
      ...field,
      'source-id': toNewId(field['source-id'], `partition field ${field.name}`),
      'field-id': 0,
    })),
    [],
    PARTITION_ID_BEFORE_FIRST,
  )
  const spec: PartitionSpec = { 'spec-id': 0, fields: numbered.fields }
  const misfit = specMisfit(spec, schema) ?? defaultMisfit(schema, version)
  if (misfit !== undefined) throw new IngotError('REQUEST_INVALID', misfit)
  const order = newSortOrder(table.sortOrder ?? UNSORTED, id => toNewId(id, 'the sort order'))
  return {
    'format-version': version,
    'table-uuid': table.uuid,
    location: table.location,
    'last-sequence-number': 0,
    'last-updated-ms': table.nowMs,
    'last-column-id': fresh.lastColumnId,
    schemas: [schema],
    'current-schema-id': 0,
    'partition-specs': [spec],
    'default-spec-id': 0,
    'last-partition-id': numbered.lastPartitionId,
    'sort-orders': [order],
    'default-sort-order-id': order['order-id'],
    properties: withoutFormatVersion(table.properties ?? {}),
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    refs: {},
    ...(version === 3 ? { 'next-row-id': 0 } : {}),
  }
}

function newSortOrder(order: SortOrder, toNewId: (oldId: number) => number): SortOrder {
  if (order.fields.length === 0) return UNSORTED
  return {
    'order-id': 1,
    fields: order.fields.map(field => ({ ...field, 'source-id': toNewId(field['source-id']) })),
  }
}

/** The property selects the version of a new table and is not one of the table. */
function withoutFormatVersion(
  properties: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { 'format-version': _selected, ...kept } = properties
  return kept
}
