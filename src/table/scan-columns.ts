import { isDeepStrictEqual } from 'node:util'
import { IngotError } from '../errors.ts'
import type { DataFile, LiveEntry } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { fieldsById } from '../format/schema.ts'
import type { NestedField, Schema } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteLiteral } from '../sql-text.ts'
import { defaultText } from './default-text.ts'
import { type ColumnReader, readerForAnySchema, readerForSchema } from './nested-layout.ts'
import { refuseUnreadableFile } from './refuse-unreadable.ts'

/** A file to read, as the engine names it and as its manifest describes it. */
interface ReadableFile {
  readonly entry: LiveEntry
  readonly enginePath: string
}

/** A top-level column of files, and how to read it. */
interface ReadColumn {
  readonly field: NestedField
  readonly reader: ColumnReader
}

/** Files in which the columns are stored alike, so that one SELECT reads them. */
export interface LayoutGroup<F extends ReadableFile> {
  /** By field id. */
  readonly columns: ReadonlyMap<number, ReadColumn>
  readonly files: readonly F[]
}

/**
 * One group of all files, but for columns of which only a file's own schema tells what it holds (see readerForAnySchema): then one
 * for each schema.
 * @throws UNSUPPORTED when the schema of a file cannot be told, or a file is not Parquet
 */
export function groupByLayout<F extends ReadableFile>(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  files: readonly F[],
): LayoutGroup<F>[] {
  for (const { entry } of files) refuseUnreadableFile(entry.file)
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
        { field, reader: reader ?? readerForSchema(metadata, field, schemaId) },
      ]),
    ),
    files: group,
  }))
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

/** The table function that reads the columns of a group by field id. */
export function readGroupSql(group: LayoutGroup<ReadableFile>): string {
  const columns = [...group.columns.values()].map(({ field, reader }) =>
    mappedColumn(field.id, internalName(field.id), reader.sqlType, defaultSql(field)),
  )
  return readParquetSql(
    group.files.map(file => file.enginePath),
    columns,
  )
}

/** The table function that reads columns, made by mappedColumn, of Parquet files. */
export function readParquetSql(paths: readonly string[], columns: readonly string[]): string {
  const list = paths.map(quoteLiteral).join(', ')
  // Folder names of partitions are no columns.
  return `read_parquet([${list}], schema=MAP {${columns.join(', ')}}, hive_partitioning=false)`
}

/** Which column of the files, by field id, is to have this name and type; where a file lacks it, the value `defaultValue` (SQL). */
export function mappedColumn(id: number, name: string, sqlType: string, defaultValue = 'NULL'): string {
  return `${id}: {name: ${quoteLiteral(name)}, type: ${quoteLiteral(sqlType)}, default_value: ${defaultValue}}`
}

/** The value of a column in files older than it, as text: the values of the map must have one type. */
function defaultSql(field: NestedField): string {
  const text = defaultText(field, 'initial-default')
  return text === undefined ? 'NULL' : quoteLiteral(text)
}
