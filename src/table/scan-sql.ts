import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema, schemaById } from '../format/schema.ts'
import type { NestedField, Schema } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { deletedKeys, hasKeyDeletes } from './deleted-keys.ts'
import { deletedPositions } from './deleted-positions.ts'
import { fileFactsSql, numberScopes, type Scopes } from './file-facts.ts'
import { refuseUnreadableColumns, unreadableSql } from './refuse-unreadable.ts'
import { LAST_UPDATED, type LineageColumns, ROW_ID } from './row-lineage.ts'
import { type RowSet, restrictionSql } from './row-set.ts'
import type { ScanPlan, ScanTask } from './scan.ts'
import { columnReference, groupByLayout, type LayoutGroup, readGroupSql } from './scan-columns.ts'
import { toSqlType } from './sql-types.ts'

export interface ScanSqlOptions {
  /** Top-level columns in the order wanted. @default all of the schema */
  readonly columns?: readonly string[]
  /** Names of two more columns: the file as the engine names it (VARCHAR), and the row's number in it from 0 (BIGINT). */
  readonly positions?: { readonly file: string; readonly row: string }
  /** Names of two more columns (BIGINT): which row of the table it is, and the sequence number of the commit that last changed it; null where the table does not know. */
  readonly lineage?: LineageColumns
  /** @default the current schema */
  readonly schemaId?: number
  /**
   * What a column of a type that is not read does: be refused, or, in SELECTs whose text decides which of their columns are read, fail
   * when its value is asked for (see refusalIn). These read two types more, which nothing is written from. @default 'refuse'
   */
  readonly unreadable?: 'refuse' | 'fail'
  /** Only rows that delete files of these tasks name, and the plan's own do not: tasks of the same files in another plan. */
  readonly deletedBy?: readonly ScanTask[]
}

/**
 * A SELECT of the rows of a plan under one schema of the table: columns are found by field id, in files without them by the table's
 * name mapping, so that renamed, added, dropped and widened ones read right in files of any age; rows that delete files name are left out. Rows have no order.
 * @throws UNSUPPORTED when the snapshot that wrote a file is expired, and which nested fields it has cannot be told otherwise;
 *   for a column of a type, or a data file of a format, that is not read; for a data file without field ids whose columns no name
 *   mapping tells
 */
export function scanSql(metadata: TableMetadata, plan: ScanPlan, options: ScanSqlOptions = {}): string {
  const schema =
    options.schemaId === undefined ? currentSchema(metadata) : schemaById(metadata, options.schemaId)
  const fields = selectFields(schema, options.columns)
  if (options.unreadable !== 'fail') refuseUnreadableColumns(fields)
  if (plan.tasks.length === 0) return emptySql(fields, options)
  return groupByDeletes(plan.tasks)
    .flatMap(tasks => selectsOf(metadata, fields, tasks, options))
    .join('\nUNION ALL\n')
}

/** Apart, so that each pays for no more than its own kind of deletes. */
function groupByDeletes(tasks: readonly ScanTask[]): (readonly ScanTask[])[] {
  const clean = tasks.filter(task => task.deletes.length === 0)
  const byKeys = tasks.filter(hasKeyDeletes)
  const byPosition = tasks.filter(task => task.deletes.length > 0 && !hasKeyDeletes(task))
  return [clean, byPosition, byKeys].filter(group => group.length > 0)
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
  const columns = fields.map(field => {
    const value = unreadableSql(field) ?? `CAST(NULL AS ${toSqlType(field.type)})`
    return `${value} AS ${quoteIdentifier(field.name)}`
  })
  if (options.positions !== undefined) {
    columns.push(`CAST(NULL AS VARCHAR) AS ${quoteIdentifier(options.positions.file)}`)
    columns.push(`CAST(NULL AS BIGINT) AS ${quoteIdentifier(options.positions.row)}`)
  }
  if (options.lineage !== undefined) {
    columns.push(`CAST(NULL AS BIGINT) AS ${quoteIdentifier(options.lineage.rowId)}`)
    columns.push(`CAST(NULL AS BIGINT) AS ${quoteIdentifier(options.lineage.lastUpdated)}`)
  }
  return `SELECT ${columns.join(', ')} WHERE false`
}

/** The SELECTs of tasks with deletes of the same kinds: one for each layout of their files, and for each set of rows that is asked for. */
function selectsOf(
  metadata: TableMetadata,
  fields: readonly NestedField[],
  tasks: readonly ScanTask[],
  options: ScanSqlOptions,
): string[] {
  const scopes = numberScopes(tasks)
  const own = deletedRows(metadata, tasks, scopes)
  const others = options.deletedBy && deletedRows(metadata, sameFiles(options.deletedBy, tasks), scopes)
  const keyFields = [...own.fields, ...(others?.fields ?? [])]
  const lineageFields = options.lineage === undefined ? [] : [ROW_ID, LAST_UPDATED]
  const facts = keyFields.length + lineageFields.length === 0 ? '' : ` ${fileFactsSql(tasks, scopes)}`
  const readable = fields.filter(field => unreadableSql(field) === undefined)
  const read = uniqueById([...readable, ...lineageFields, ...keyFields])
  // The engine does not read files of no column.
  return groupByLayout(metadata, read.length === 0 ? [ROW_ID] : read, tasks).flatMap(layout => {
    const select = `SELECT ${columnsSql(fields, layout, options)} FROM ${readGroupSql(layout)} AS d${facts}`
    const without = own.setsFor(layout)
    const wanted = others?.setsFor(layout)
    if (wanted === undefined) return [select + restrictionSql(without)]
    // Rows of several sets come once.
    return wanted.map((set, index) => select + restrictionSql([...without, ...wanted.slice(0, index)], set))
  })
}

function sameFiles(tasks: readonly ScanTask[], as: readonly ScanTask[]): readonly ScanTask[] {
  const paths = new Set(as.map(task => task.enginePath))
  return tasks.filter(task => paths.has(task.enginePath))
}

/** The columns that a scan may read beyond its own, and the rows that delete files name. */
function deletedRows(
  metadata: TableMetadata,
  tasks: readonly ScanTask[],
  scopes: Scopes,
): {
  readonly fields: readonly NestedField[]
  readonly setsFor: (layout: LayoutGroup<ScanTask>) => RowSet[]
} {
  const positions = deletedPositions(tasks)
  const keys = deletedKeys(metadata, tasks, scopes)
  return {
    fields: keys?.fields ?? [],
    setsFor: layout => [...(positions === undefined ? [] : [positions]), ...(keys?.setsFor(layout) ?? [])],
  }
}

function uniqueById(fields: readonly NestedField[]): NestedField[] {
  // The first of an id stays: a field that is selected is read as the schema of the scan has it.
  return [...new Map(fields.toReversed().map(field => [field.id, field])).values()]
}

function columnsSql(
  fields: readonly NestedField[],
  { columns }: LayoutGroup<ScanTask>,
  { positions, lineage }: ScanSqlOptions,
): string {
  const selected = fields.map(field => {
    const reference = columnReference(field.id)
    const value = unreadableSql(field) ?? columns.get(field.id)?.reader.valueSql(reference) ?? reference
    return `${value} AS ${quoteIdentifier(field.name)}`
  })
  if (positions !== undefined) {
    selected.push(`d.filename AS ${quoteIdentifier(positions.file)}`)
    selected.push(`d.file_row_number AS ${quoteIdentifier(positions.row)}`)
  }
  if (lineage !== undefined) {
    const rowId = `coalesce(${columnReference(ROW_ID.id)}, f.first_row_id + d.file_row_number)`
    // Where rows have no ids their age is not told either, as Iceberg's own library has it.
    const inherited = 'CASE WHEN f.first_row_id IS NOT NULL THEN f.sequence_number END'
    const lastUpdated = `coalesce(${columnReference(LAST_UPDATED.id)}, ${inherited})`
    selected.push(`${rowId} AS ${quoteIdentifier(lineage.rowId)}`)
    selected.push(`${lastUpdated} AS ${quoteIdentifier(lineage.lastUpdated)}`)
  }
  return selected.join(', ')
}
