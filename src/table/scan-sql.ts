import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema, schemaById } from '../format/schema.ts'
import type { NestedField, Schema } from '../format/types.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { DELETE_FILE_PATH_ID, DELETE_POSITION_ID } from './delete-columns.ts'
import { type ColumnReader, readerForAnySchema, readerForSchema } from './nested-layout.ts'
import type { ScanPlan, ScanTask } from './scan.ts'
import { toSqlType } from './sql-types.ts'

export interface ScanSqlOptions {
  /** Top-level columns in the order wanted. @default all of the schema */
  readonly columns?: readonly string[]
  /** Names of two more columns: the file as the engine names it (VARCHAR), and the row's number in it from 0 (BIGINT). */
  readonly positions?: { readonly file: string; readonly row: string }
  /** @default the current schema */
  readonly schemaId?: number
  /** Only rows that delete files of these tasks name, and the plan's own do not: tasks of the same files in another plan. */
  readonly deletedBy?: readonly ScanTask[]
}

/**
 * A SELECT of the rows of a plan under one schema of the table: columns are found by field id, so that renamed, added,
 * dropped and widened ones read right in files of any age; rows that delete files name are left out. Rows have no order.
 * @throws UNSUPPORTED when a nested name was re-used for another field and the snapshot that wrote a file is expired
 */
export function scanSql(metadata: TableMetadata, plan: ScanPlan, options: ScanSqlOptions = {}): string {
  const schema =
    options.schemaId === undefined ? currentSchema(metadata) : schemaById(metadata, options.schemaId)
  const fields = selectFields(schema, options.columns)
  if (plan.tasks.length === 0) return emptySql(fields, options)
  const layouts = groupByLayout(metadata, fields, plan.tasks)
  const selects = layouts.flatMap(({ readers, tasks }) => {
    const clean = tasks.filter(task => task.deletes.length === 0)
    const deleted = clean.length === tasks.length ? [] : tasks.filter(task => task.deletes.length > 0)
    return [clean, deleted]
      .filter(group => group.length > 0)
      .map(group => selectSql(fields, readers, group, options))
  })
  return selects.join('\nUNION ALL\n')
}

function selectFields(schema: Schema, columns: readonly string[] | undefined): readonly NestedField[] {
  if (columns === undefined) return schema.fields
  return columns.map(name => {
    const field = schema.fields.find(candidate => candidate.name === name)
    if (field !== undefined) return field
    const names = schema.fields.map(candidate => candidate.name)
    throw new IngotError('QUERY_INVALID', `table has no column ${name}`, {
      hint: `its columns are ${names.join(', ')}`,
      context: { column: name },
    })
  })
}

function emptySql(fields: readonly NestedField[], options: ScanSqlOptions): string {
  const columns = fields.map(
    field => `CAST(NULL AS ${toSqlType(field.type)}) AS ${quoteIdentifier(field.name)}`,
  )
  if (options.positions !== undefined) {
    columns.push(`CAST(NULL AS VARCHAR) AS ${quoteIdentifier(options.positions.file)}`)
    columns.push(`CAST(NULL AS BIGINT) AS ${quoteIdentifier(options.positions.row)}`)
  }
  return `SELECT ${columns.join(', ')} WHERE false`
}

interface LayoutGroup {
  /** In the order of the fields. */
  readonly readers: readonly ColumnReader[]
  readonly tasks: readonly ScanTask[]
}

/** One group of all files, but for tables where a nested name changed its meaning: then one for each schema. */
function groupByLayout(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  tasks: readonly ScanTask[],
): LayoutGroup[] {
  const readers = fields.map(field => readerForAnySchema(metadata, field))
  const unambiguous = readers.filter(reader => reader !== undefined)
  if (unambiguous.length === fields.length) return [{ readers: unambiguous, tasks }]
  const schemaIds = new Map(
    metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot['schema-id']]),
  )
  const bySchema = new Map<number, ScanTask[]>()
  for (const task of tasks) {
    const schemaId = schemaIds.get(task.entry.snapshotId)
    if (schemaId === undefined) throw unknownLayout(metadata, task)
    const group = bySchema.get(schemaId)
    if (group === undefined) bySchema.set(schemaId, [task])
    else group.push(task)
  }
  return [...bySchema].map(([schemaId, group]) => ({
    readers: fields.map((field, index) => readers[index] ?? readerForSchema(metadata, field, schemaId)),
    tasks: group,
  }))
}

function unknownLayout(metadata: TableMetadata, task: ScanTask): IngotError {
  return new IngotError(
    'UNSUPPORTED',
    `file ${task.entry.file.filePath} was written by a snapshot that is expired, and a nested name was re-used since`,
    {
      hint: 'read the table with an engine that maps nested fields by id, or rebuild it',
      context: { location: metadata.location, file: task.entry.file.filePath },
    },
  )
}

function selectSql(
  fields: readonly NestedField[],
  readers: readonly ColumnReader[],
  tasks: readonly ScanTask[],
  options: ScanSqlOptions,
): string {
  const columns = fields.map((field, index) => {
    const reference = `d.${internalName(field)}`
    return `${readers[index]?.valueSql(reference) ?? reference} AS ${quoteIdentifier(field.name)}`
  })
  if (options.positions !== undefined) {
    columns.push(`d.filename AS ${quoteIdentifier(options.positions.file)}`)
    columns.push(`d.file_row_number AS ${quoteIdentifier(options.positions.row)}`)
  }
  const mapped = fields.map((field, index) =>
    columnMapping(field.id, internalName(field), readers[index]?.sqlType ?? toSqlType(field.type), field),
  )
  const source = readParquetSql(
    tasks.map(task => task.enginePath),
    mapped,
  )
  return `SELECT ${columns.join(', ')} FROM ${source} AS d${deletesSql(tasks, options.deletedBy)}`
}

/**
 * Leaves out the rows of `tasks` that are deleted, or keeps only those of them that tasks of another plan delete. Each by the form
 * that the engine runs well: NOT IN never hashes the data rows, which are many, as an ANTI JOIN may (of 3,000,000 rows: 1.0 instead of
 * 0.3 CPU seconds); a SEMI JOIN on plain columns reads only the row groups that have such rows, where IN decodes all.
 */
function deletesSql(tasks: readonly ScanTask[], deletedBy: readonly ScanTask[] | undefined): string {
  const own = tasks.some(task => task.deletes.length > 0) ? deletedRowsSql(tasks) : undefined
  if (deletedBy === undefined) {
    return own === undefined ? '' : ` WHERE (d.filename, d.file_row_number) NOT IN (${own})`
  }
  const others = deletedRowsSql(deletedBy)
  const kept = own === undefined ? others : `${others} EXCEPT ${own}`
  return ` SEMI JOIN (${kept}) AS x ON d.filename = x.path AND d.file_row_number = x.pos`
}

/** Not the user's name: a column called `filename` would hide the virtual column of that name. */
function internalName(field: NestedField): string {
  return `__c${field.id}`
}

function readParquetSql(paths: readonly string[], columns: readonly string[]): string {
  const list = paths.map(quoteLiteral).join(', ')
  // Folder names of partitions are no columns.
  return `read_parquet([${list}], schema=MAP {${columns.join(', ')}}, hive_partitioning=false)`
}

function columnMapping(id: number, name: string, sqlType: string, field?: NestedField): string {
  const defaultValue = field === undefined ? 'NULL' : defaultSql(field)
  return `${id}: {name: ${quoteLiteral(name)}, type: ${quoteLiteral(sqlType)}, default_value: ${defaultValue}}`
}

/** The value of a column in files older than it, as text: the values of the map must have one type. */
function defaultSql(field: NestedField): string {
  const value = field['initial-default']
  if (value === undefined || value === null || typeof value === 'object') return 'NULL'
  const isBytes =
    field.type === 'binary' || (typeof field.type === 'string' && field.type.startsWith('fixed['))
  return quoteLiteral(isBytes ? String(value).replaceAll(/../g, '\\x$&') : String(value))
}

/** A SELECT of the positions of the rows that delete files name: by the location of the data file, as manifests know it. */
function deletedRowsSql(tasks: readonly ScanTask[]): string {
  const deletes = new Map(tasks.flatMap(task => task.deletes.map(file => [file.enginePath, file] as const)))
  const mapped = [
    columnMapping(DELETE_FILE_PATH_ID, 'file_path', 'VARCHAR'),
    columnMapping(DELETE_POSITION_ID, 'pos', 'BIGINT'),
  ]
  const dataFiles = tasks.map(
    task =>
      `(${quoteLiteral(task.entry.file.filePath)}, ${quoteLiteral(task.enginePath)}, ${task.entry.sequenceNumber})`,
  )
  const deleteFiles = [...deletes.values()].map(
    file => `(${quoteLiteral(file.enginePath)}, ${file.entry.sequenceNumber})`,
  )
  return [
    `SELECT f.path, p.pos FROM ${readParquetSql([...deletes.keys()], mapped)} AS p`,
    `JOIN (VALUES ${deleteFiles.join(', ')}) AS x(path, sequence_number) ON x.path = p.filename`,
    `JOIN (VALUES ${dataFiles.join(', ')}) AS f(location, path, sequence_number) ON f.location = p.file_path`,
    // A file written later under the same name is not what the delete meant (Iceberg spec, "Scan Planning").
    'WHERE f.sequence_number <= x.sequence_number',
  ].join(' ')
}
