import { isDeepStrictEqual } from 'node:util'
import { IngotError } from '../errors.ts'
import type { DataFile, LiveEntry } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { ParquetField } from '../format/parquet-schema.ts'
import { type PartitionColumn, partitionType } from '../format/partition-spec.ts'
import { fieldsById } from '../format/schema.ts'
import type { NestedField, PrimitiveType, Schema } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteLiteral } from '../sql-text.ts'
import { defaultText } from './default-text.ts'
import { type ColumnReader, readerForAnySchema, readerForSchema, readerForStored } from './nested-layout.ts'
import type { StoredColumns } from './parquet-schemas.ts'
import { specById } from './partition-columns.ts'
import { partitionValueSql } from './partition-value-sql.ts'
import { refuseUnmapped, refuseUnreadableFile } from './refuse-unreadable.ts'

/** A file to read, as the engine names it and as its manifest describes it. */
interface ReadableFile extends StoredColumns {
  readonly entry: LiveEntry
  readonly enginePath: string
}

/** A top-level column of files, and how to read it. */
interface ReadColumn {
  readonly field: NestedField
  readonly reader: ColumnReader
  readonly source: ColumnSource
}

/** Where the values of a column are: in a column of the files, by field id or by name, or, of all rows of a file, in its partition. */
type ColumnSource =
  | { readonly by: 'id' }
  | { readonly by: 'name'; readonly name: string }
  | { readonly by: 'partition'; readonly index: number; readonly type: PrimitiveType }

/** Files in which the columns are stored alike, so that one SELECT reads them. */
export interface LayoutGroup<F extends ReadableFile> {
  /** By field id. */
  readonly columns: ReadonlyMap<number, ReadColumn>
  readonly files: readonly F[]
}

/**
 * One group of all files with field ids, but for columns of which only a file's own schema tells what it holds (see readerForAnySchema):
 * then one for each schema. Of files without field ids one for each set of columns that they store.
 * @throws UNSUPPORTED when the schema of a file cannot be told, or a file is not Parquet
 */
export function groupByLayout<F extends ReadableFile>(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  files: readonly F[],
): LayoutGroup<F>[] {
  for (const { entry } of files) refuseUnreadableFile(entry.file)
  const withIds = files.filter(({ storedColumns }) => storedColumns === undefined)
  return [
    ...(withIds.length === 0 ? [] : groupWithIds(metadata, fields, withIds)),
    ...groupByNames(metadata, fields, files),
  ]
}

function groupWithIds<F extends ReadableFile>(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  files: readonly F[],
): LayoutGroup<F>[] {
  const readers = fields.map(field => ({ field, reader: readerForAnySchema(metadata, field) }))
  const groups = new Map<number | undefined, readonly F[]>(
    readers.every(({ reader }) => reader !== undefined)
      ? [[undefined, files]]
      : groupBySchema(metadata, fields, files),
  )
  return [...groups].map(([schemaId, group]) => ({
    columns: new Map(
      readers.map(({ field, reader }) => [
        field.id,
        { field, reader: reader ?? readerForSchema(metadata, field, schemaId), source: { by: 'id' } },
      ]),
    ),
    files: group,
  }))
}

function groupByNames<F extends ReadableFile>(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  files: readonly F[],
): LayoutGroup<F>[] {
  const groups = new Map<string, { stored: readonly ParquetField[]; specId: number; files: F[] }>()
  const shapes = new Map<readonly ParquetField[], string>()
  for (const file of files) {
    const { storedColumns: stored, entry } = file
    if (stored === undefined) continue
    const shape = shapes.get(stored) ?? JSON.stringify(stored)
    shapes.set(stored, shape)
    const key = `${entry.specId} ${shape}`
    const group = groups.get(key)
    if (group === undefined) {
      refuseUnmapped(metadata, entry.file, stored)
      groups.set(key, { stored, specId: entry.specId, files: [file] })
    } else group.files.push(file)
  }
  return [...groups.values()].map(({ stored, specId, files: group }) => {
    const partition = partitionType(specById(metadata, specId), metadata.schemas)
    const columns = fields.map(field => [field.id, readStored(metadata, field, stored, partition)] as const)
    return { columns: new Map(columns), files: group }
  })
}

/** Where files that store these columns have a field (Iceberg spec, "Column Projection"). */
function readStored(
  metadata: TableMetadata,
  field: NestedField,
  stored: readonly ParquetField[],
  partition: readonly PartitionColumn[],
): ReadColumn {
  const found = stored.find(column => column.fieldId === field.id)
  if (found !== undefined) {
    const source = { by: 'name', name: found.name } as const
    return { field, reader: readerForStored(metadata, field, found), source }
  }
  const reader = readerForSchema(metadata, field, undefined)
  const index = partition.findIndex(
    column => column.field['source-id'] === field.id && column.field.transform === 'identity',
  )
  const type = partition[index]?.type
  if (type !== undefined) return { field, reader, source: { by: 'partition', index, type } }
  return { field, reader, source: { by: 'name', name: absentName(stored, field.id) } }
}

/** A name that no column of the files has, for one that is to have its default. */
function absentName(stored: readonly ParquetField[], fieldId: number): string {
  let name = `absent ${fieldId}`
  while (stored.some(column => column.name.toLowerCase() === name)) name += ' '
  return name
}

function groupBySchema<F extends ReadableFile>(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  files: readonly F[],
): Map<number, F[]> {
  const schemaIds = new Map(
    metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot['schema-id']]),
  )
  const bySchema = new Map<number, F[]>()
  for (const file of files) {
    const schemaId =
      schemaIds.get(file.entry.snapshotId) ?? schemaOfColumns(metadata.schemas, fields, file.entry.file)
    if (schemaId === undefined) throw unknownLayout(metadata, file)
    const group = bySchema.get(schemaId)
    if (group === undefined) bySchema.set(schemaId, [file])
    else group.push(file)
  }
  return bySchema
}

/**
 * The schema of a file whose snapshot is expired, by the fields that its manifest counts. Undefined when no schema has just those
 * fields, or when several have them under different names.
 */
function schemaOfColumns(
  schemas: readonly Schema[],
  fields: readonly NestedField[],
  { valueCounts }: DataFile,
): number | undefined {
  const versions = schemas.map(schema => ({
    schemaId: schema['schema-id'],
    names: leafNames(schema, fields),
  }))
  const known = new Set(versions.flatMap(({ names }) => [...names.keys()]))
  const counted = [...(valueCounts?.keys() ?? [])].filter(id => known.has(id))
  const fitting = versions.filter(
    ({ names }) => names.size === counted.length && counted.every(id => names.has(id)),
  )
  const [first] = fitting
  if (first === undefined || counted.length === 0) return undefined
  const isTold = fitting.every(({ names }) => isDeepStrictEqual(names, first.names))
  return isTold ? first.schemaId : undefined
}

/** The names inside these columns on the way to each primitive field, by its id. */
function leafNames(schema: Schema, columns: readonly NestedField[]): Map<number, string> {
  const inside = schema.fields.filter(field => columns.some(column => column.id === field.id))
  const leaves = [...fieldsById({ type: 'struct', fields: inside }).values()]
  return new Map(
    leaves
      .filter(({ field }) => isPrimitive(field.type))
      .map(({ field, path }) => [field.id, JSON.stringify(path.slice(1))]),
  )
}

function unknownLayout(metadata: TableMetadata, file: ReadableFile): IngotError {
  return new IngotError(
    'UNSUPPORTED',
    `which fields the nested columns of file ${file.entry.file.filePath} have cannot be told: the snapshot that wrote it is expired`,
    {
      hint: 'read the table with an engine that maps nested fields by id, or rebuild it',
      context: { location: metadata.location, file: file.entry.file.filePath },
    },
  )
}

/**
 * A column in the SQL of a scan, `d` being the files. Not the user's name: a column called `filename` would hide the
 * virtual column of that name.
 */
export function columnReference(fieldId: number): string {
  return `d.${internalName(fieldId)}`
}

function internalName(fieldId: number): string {
  return `__c${fieldId}`
}

/** What reads the columns of a group, and the virtual columns `filename` and `file_row_number`. */
export function readGroupSql(group: LayoutGroup<ReadableFile>): string {
  const columns = [...group.columns.values()]
  const inFiles = columns.flatMap(({ field, reader, source }) => {
    if (source.by === 'partition') return []
    const key = source.by === 'id' ? field.id : source.name
    return [mappedColumn(key, internalName(field.id), reader.sqlType, defaultSql(field))]
  })
  const paths = group.files.map(file => file.enginePath)
  const ofPartition = columns.flatMap(({ field, reader, source }) =>
    source.by === 'partition' ? [{ field, reader, ...source }] : [],
  )
  if (ofPartition.length === 0) return readParquetSql(paths, inFiles)
  // The map of columns must not be empty.
  const read = readParquetSql(paths, [...inFiles, mappedColumn('absent', '__none', 'BOOLEAN')])
  const names = ofPartition.map(({ field }) => internalName(field.id)).join(', ')
  const values = group.files.map(({ enginePath, entry: { file } }) =>
    [
      quoteLiteral(enginePath),
      ...ofPartition.map(({ reader, index, type }) => {
        const value = partitionValueSql(type, file.partition[index] ?? null)
        return `CAST(${value} AS ${reader.sqlType})`
      }),
    ].join(', '),
  )
  const partitions = `(VALUES (${values.join('), (')})) AS p(path, ${names})`
  return `(SELECT r.*, r.filename, r.file_row_number, p.* EXCLUDE (path) FROM ${read} AS r JOIN ${partitions} ON p.path = r.filename)`
}

/** The table function that reads columns, made by mappedColumn, of Parquet files. */
export function readParquetSql(paths: readonly string[], columns: readonly string[]): string {
  const list = paths.map(quoteLiteral).join(', ')
  // Folder names of partitions are no columns.
  return `read_parquet([${list}], schema=MAP {${columns.join(', ')}}, hive_partitioning=false)`
}

/**
 * Which column of the files, by field id or by name, is to have this name and type; where a file lacks it, the value `defaultValue` (SQL). The
 * columns of one function are all by id or all by name.
 */
export function mappedColumn(
  key: number | string,
  name: string,
  sqlType: string,
  defaultValue = 'NULL',
): string {
  const keySql = typeof key === 'number' ? key : quoteLiteral(key)
  return `${keySql}: {name: ${quoteLiteral(name)}, type: ${quoteLiteral(sqlType)}, default_value: ${defaultValue}}`
}

/** The value of a column in files older than it, as text: the values of the map must have one type. */
function defaultSql(field: NestedField): string {
  const text = defaultText(field, 'initial-default')
  return text === undefined ? 'NULL' : quoteLiteral(text)
}
