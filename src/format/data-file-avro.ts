import { type FieldWriter, RecordReader, recordOfSubject } from './avro-record.ts'
import { type AvroComplexSchema, type AvroSchema, type AvroValue, avroError } from './avro-schema.ts'
import type { DataFile, FileContent, PrimitiveValue } from './manifest-types.ts'
import { type FromAvro, fromAvro, partitionAvroSchema, toAvro } from './partition-avro.ts'
import type { PartitionColumn } from './partition-spec.ts'
import type { PrimitiveType } from './types.ts'

const CONTENTS: readonly FileContent[] = ['data', 'position-deletes', 'equality-deletes']
const FORMATS: readonly DataFile['fileFormat'][] = ['PARQUET', 'AVRO', 'ORC', 'PUFFIN']

/** Maps from column ids are arrays of key and value in Avro, whose own maps have text keys. */
function columnMap(keyId: number, valueId: number, value: AvroSchema): AvroSchema {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [
        { name: 'key', type: 'int', 'field-id': keyId },
        { name: 'value', type: value, 'field-id': valueId },
      ],
    },
  }
}

function listOf(items: AvroSchema, elementId: number): AvroSchema {
  return { type: 'array', items, 'element-id': elementId }
}

/** How a data file is written (Iceberg spec, "Manifests", data_file). Fields of version 3 come last. */
export function dataFileWriters(
  columns: readonly PartitionColumn[],
  formatVersion: 2 | 3,
): readonly FieldWriter<DataFile>[] {
  const writers: FieldWriter<DataFile>[] = [
    { id: 134, name: 'content', type: 'int', valueOf: file => CONTENTS.indexOf(file.content) },
    { id: 100, name: 'file_path', type: 'string', valueOf: file => file.filePath },
    { id: 101, name: 'file_format', type: 'string', valueOf: file => file.fileFormat },
    { id: 102, name: 'partition', type: partitionAvroSchema(columns), valueOf: partitionWriter(columns) },
    { id: 103, name: 'record_count', type: 'long', valueOf: file => file.recordCount },
    { id: 104, name: 'file_size_in_bytes', type: 'long', valueOf: file => file.fileSizeBytes },
    ...STATISTICS,
    { id: 131, name: 'key_metadata', type: 'bytes', optional: true, valueOf: file => file.keyMetadata },
    {
      id: 132,
      name: 'split_offsets',
      type: listOf('long', 133),
      optional: true,
      valueOf: file => file.splitOffsets,
    },
    {
      id: 135,
      name: 'equality_ids',
      type: listOf('int', 136),
      optional: true,
      valueOf: file => file.equalityIds,
    },
    { id: 140, name: 'sort_order_id', type: 'int', optional: true, valueOf: file => file.sortOrderId },
    {
      id: 143,
      name: 'referenced_data_file',
      type: 'string',
      optional: true,
      valueOf: file => file.referencedDataFile,
    },
  ]
  return formatVersion === 3 ? [...writers, ...FIELDS_OF_VERSION_3] : writers
}

const STATISTICS: readonly FieldWriter<DataFile>[] = [
  {
    id: 108,
    name: 'column_sizes',
    type: columnMap(117, 118, 'long'),
    optional: true,
    valueOf: file => file.columnSizes,
  },
  {
    id: 109,
    name: 'value_counts',
    type: columnMap(119, 120, 'long'),
    optional: true,
    valueOf: file => file.valueCounts,
  },
  {
    id: 110,
    name: 'null_value_counts',
    type: columnMap(121, 122, 'long'),
    optional: true,
    valueOf: file => file.nullValueCounts,
  },
  {
    id: 137,
    name: 'nan_value_counts',
    type: columnMap(138, 139, 'long'),
    optional: true,
    valueOf: file => file.nanValueCounts,
  },
  {
    id: 125,
    name: 'lower_bounds',
    type: columnMap(126, 127, 'bytes'),
    optional: true,
    valueOf: file => file.lowerBounds,
  },
  {
    id: 128,
    name: 'upper_bounds',
    type: columnMap(129, 130, 'bytes'),
    optional: true,
    valueOf: file => file.upperBounds,
  },
]

const FIELDS_OF_VERSION_3: readonly FieldWriter<DataFile>[] = [
  { id: 142, name: 'first_row_id', type: 'long', optional: true, valueOf: file => file.firstRowId },
  { id: 144, name: 'content_offset', type: 'long', optional: true, valueOf: file => file.contentOffset },
  {
    id: 145,
    name: 'content_size_in_bytes',
    type: 'long',
    optional: true,
    valueOf: file => file.contentSizeBytes,
  },
]

function partitionWriter(columns: readonly PartitionColumn[]): (file: DataFile) => AvroValue {
  const writers: FieldWriter<DataFile>[] = columns.map(({ field, type }, index) => ({
    id: field['field-id'],
    name: field.name,
    type,
    valueOf: file => toAvro(type, file.partition[index] ?? null),
  }))
  return file => recordOfSubject(writers, file)
}

/** Which partition field, and the type that its values are to have; the writer's own when undefined. */
export interface ExpectedPartitionField {
  readonly id: number
  readonly type?: PrimitiveType
}

/**
 * A function that makes a DataFile of a data_file record, by the schema that it was written with. Partition values come in
 * the order of `expected`, in the order of the writer when that is undefined.
 */
export function dataFileReader(
  schema: AvroSchema,
  named: ReadonlyMap<string, AvroComplexSchema>,
  expected: readonly ExpectedPartitionField[] | undefined,
): (record: AvroValue) => DataFile {
  const fields = new RecordReader(schema)
  const partitionSchema = fields.field(102)?.type
  const readPartition =
    partitionSchema === undefined ? () => [] : partitionReader(partitionSchema, named, expected)
  const partition = fields.picker(102)
  const content = fields.picker(134)
  const filePath = fields.requiredPicker(100)
  const fileFormat = fields.requiredPicker(101)
  const recordCount = fields.requiredPicker(103)
  const fileSizeBytes = fields.requiredPicker(104)
  const readOptional = optionalReaders(fields)
  return record => ({
    content: contentOf(content(record)),
    filePath: filePath(record) as string,
    fileFormat: formatOf(fileFormat(record)),
    partition: readPartition(partition(record)),
    recordCount: Number(recordCount(record)),
    fileSizeBytes: Number(fileSizeBytes(record)),
    ...readOptional(record),
  })
}

type OptionalMembers = Omit<
  DataFile,
  'content' | 'filePath' | 'fileFormat' | 'partition' | 'recordCount' | 'fileSizeBytes'
>

function optionalReaders(fields: RecordReader): (record: AvroValue) => OptionalMembers {
  const optional = <T>(id: number, convert: (value: NonNullable<AvroValue>) => T) => {
    const pick = fields.picker(id)
    return (record: AvroValue): T | undefined => {
      const value = pick(record)
      return value === null ? undefined : convert(value)
    }
  }
  const readers: readonly (readonly [keyof OptionalMembers, (record: AvroValue) => unknown])[] = [
    ['columnSizes', optional(108, toMap<number>)],
    ['valueCounts', optional(109, toMap<number>)],
    ['nullValueCounts', optional(110, toMap<number>)],
    ['nanValueCounts', optional(137, toMap<number>)],
    ['lowerBounds', optional(125, toMap<Uint8Array>)],
    ['upperBounds', optional(128, toMap<Uint8Array>)],
    ['keyMetadata', optional(131, value => value as Uint8Array)],
    ['splitOffsets', optional(132, value => (value as readonly number[]).map(BigInt))],
    ['equalityIds', optional(135, value => value as readonly number[])],
    ['sortOrderId', optional(140, Number)],
    ['referencedDataFile', optional(143, String)],
    ['contentOffset', optional(144, toBigInt)],
    ['contentSizeBytes', optional(145, toBigInt)],
    ['firstRowId', optional(142, toBigInt)],
  ]
  return record => {
    const members: { -readonly [K in keyof OptionalMembers]?: unknown } = {}
    for (const [name, read] of readers) {
      const value = read(record)
      if (value !== undefined) members[name] = value
    }
    return members as OptionalMembers
  }
}

function toBigInt(value: AvroValue): bigint {
  return BigInt(value as number | bigint)
}

/** Writers that leave out the logical type have an array of key and value. */
function toMap<T extends AvroValue>(value: AvroValue): ReadonlyMap<number, T> {
  if (value instanceof Map) return value as ReadonlyMap<number, T>
  return new Map(value as readonly (readonly [number, T])[])
}

function contentOf(value: AvroValue): FileContent {
  // Version 1 has data files only.
  const content = CONTENTS[value === null ? 0 : Number(value)]
  if (content === undefined) throw avroError(`a file has content ${String(value)}`)
  return content
}

function formatOf(value: AvroValue): DataFile['fileFormat'] {
  const text = String(value).toUpperCase()
  const format = FORMATS.find(candidate => candidate === text)
  if (format === undefined) throw avroError(`a file has format ${String(value)}`)
  return format
}

function partitionReader(
  schema: AvroSchema,
  named: ReadonlyMap<string, AvroComplexSchema>,
  expected: readonly ExpectedPartitionField[] | undefined,
): (record: AvroValue) => readonly (PrimitiveValue | null)[] {
  const fields = new RecordReader(schema)
  const wanted = expected ?? fields.ids().map((id): ExpectedPartitionField => ({ id }))
  const readers = wanted.map(({ id, type }) => {
    const field = fields.field(id)
    const pick = fields.picker(id)
    const convert: FromAvro = field === undefined ? () => null : fromAvro(field, named)
    // A column that was int when the file was written and is long now.
    const isLong = type === 'long'
    return (record: AvroValue): PrimitiveValue | null => {
      const value = convert(pick(record))
      return isLong && typeof value === 'number' ? BigInt(value) : value
    }
  })
  return record => readers.map(read => read(record))
}
