import { isPrimitive, type Type } from '../format/types.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { toSqlType } from '../table/sql-types.ts'
import { textFitsSql } from './text-fits-sql.ts'

/** A column of a Parquet file, as the engine describes it. */
export interface ParquetColumn {
  readonly name: string
  /** As the engine prints it. */
  readonly sqlType: string
}

export interface ParquetRowsOptions {
  readonly path: string
  readonly source: string
  readonly fileColumns: readonly ParquetColumn[]
  /** The table's columns that rows can have; undefined: `payload` holds each row as JSON. */
  readonly columns: readonly LakeColumn[] | undefined
  readonly rescuesUndeclared: boolean
  /** SQL for `_ingested_at`. */
  readonly ingestedAtSql: string
}

/**
 * The rows of a Parquet file as a SELECT of the bronze table's columns, by name. A value is cast when the column's type holds it
 * exactly (cast back, it is the same), else it is null and its text is in `_rescued`.
 */
export function parquetRowsSql(options: ParquetRowsOptions): string {
  const { columns, fileColumns } = options
  const system = [
    `${quoteLiteral(options.source)} AS _source`,
    '0 AS _source_partition',
    `${POSITION} + 1 AS _position`,
    `${options.ingestedAtSql} AS _ingested_at`,
    `${rescuedSql(options)} AS _rescued`,
  ]
  const own =
    columns === undefined
      ? [
          `${jsonObjectSql(fileColumns.map(column => jsonField(column, `${at(column)} IS NOT NULL`)))} AS payload`,
        ]
      : columns.map(column => columnSql(column, fileColumns))
  return `SELECT ${[...own, ...system].join(', ')} FROM ${renamedSql(options)}`
}

/** How the engine counts the rows of a file, from 0. */
const POSITION = 'file_row_number'

/** A SELECT that reads every value of the file: fails when the file is damaged. */
export function readWholeSql(path: string): string {
  return `SELECT count(*), bit_xor(hash(COLUMNS(*))) FROM ${fileSql(path)}`
}

/** A SELECT whose columns are the file's. */
export function fileSql(path: string): string {
  return `read_parquet([${quoteLiteral(path)}], hive_partitioning = false)`
}

function renamedSql({ path }: ParquetRowsOptions): string {
  return `read_parquet([${quoteLiteral(path)}], hive_partitioning = false, file_row_number = true)`
}

function at(column: ParquetColumn): string {
  return quoteIdentifier(column.name)
}

function columnSql(column: LakeColumn, fileColumns: readonly ParquetColumn[]): string {
  const name = quoteIdentifier(column.name)
  const from = fileColumns.find(candidate => candidate.name === column.name)
  if (from === undefined) return `NULL AS ${name}`
  if (castsAlways(from.sqlType, column.type)) return name
  return `CASE WHEN ${fitsSql(from, column.type)} THEN ${tryCastSql(from, column.type)} END AS ${name}`
}

function tryCastSql(from: ParquetColumn, type: Type): string {
  return `TRY_CAST(${at(from)} AS ${toSqlType(type)})`
}

/** Whether the value survives the way there and back; text, which has many spellings of a value, is checked as text. */
function fitsSql(from: ParquetColumn, type: Type): string {
  const there = tryCastSql(from, type)
  if (from.sqlType === 'VARCHAR') return textFitsSql(at(from), there, type)
  return `TRY_CAST(${there} AS ${from.sqlType}) IS NOT DISTINCT FROM ${at(from)}`
}

const CASTS_ALWAYS: Readonly<Record<string, readonly string[]>> = {
  INTEGER: ['TINYINT', 'SMALLINT', 'UTINYINT', 'USMALLINT'],
  BIGINT: ['TINYINT', 'SMALLINT', 'INTEGER', 'UTINYINT', 'USMALLINT', 'UINTEGER'],
  DOUBLE: ['FLOAT', 'TINYINT', 'SMALLINT', 'INTEGER', 'UTINYINT', 'USMALLINT', 'UINTEGER'],
  TIMESTAMP: ['TIMESTAMP_S', 'TIMESTAMP_MS', 'DATE'],
  TIMESTAMPTZ: ['TIMESTAMP WITH TIME ZONE'],
  VARCHAR: ['BIGINT', 'INTEGER', 'SMALLINT', 'TINYINT', 'BOOLEAN', 'UUID', 'DATE'],
}

function castsAlways(sqlType: string, type: Type): boolean {
  const wanted = toSqlType(type)
  if (!isPrimitive(type)) return wanted.replaceAll('"', '') === sqlType.replaceAll('"', '')
  return wanted === sqlType || (CASTS_ALWAYS[wanted]?.includes(sqlType) ?? false)
}

function rescuedSql(options: ParquetRowsOptions): string {
  const fields = rescuableColumns(options).map(({ from, isRescuedSql }) => jsonField(from, isRescuedSql))
  return fields.length === 0 ? 'NULL' : `nullif(${jsonObjectSql(fields)}, '{}')`
}

interface RescuableColumn {
  readonly from: ParquetColumn
  /** Whether the value of a row goes to `_rescued`. */
  readonly isRescuedSql: string
}

function rescuableColumns(options: ParquetRowsOptions): readonly RescuableColumn[] {
  const { columns, fileColumns, rescuesUndeclared } = options
  if (columns === undefined) return []
  return fileColumns.flatMap(from => {
    const column = columns.find(candidate => candidate.name === from.name)
    const isThere = `${at(from)} IS NOT NULL`
    if (column === undefined) return rescuesUndeclared ? [{ from, isRescuedSql: isThere }] : []
    if (castsAlways(from.sqlType, column.type)) return []
    return [{ from, isRescuedSql: `${isThere} AND NOT (${fitsSql(from, column.type)})` }]
  })
}

/** How many values of each of the file's columns parquetRowsSql rescues: a SELECT of names and counts. */
export function rescuedCountsSql(options: ParquetRowsOptions): string {
  const columns = rescuableColumns(options)
  const names = columns.map(({ from }) => quoteLiteral(from.name)).join(', ')
  const counts = columns.map(({ isRescuedSql }) => `count_if(${isRescuedSql})`).join(', ')
  return `SELECT unnest([${names}]), unnest([${counts}]) FROM ${renamedSql(options)}`
}

function jsonObjectSql(fields: readonly string[]): string {
  return fields.length === 0 ? "'{}'" : `'{' || concat_ws(',', ${fields.join(', ')}) || '}'`
}

/** `"name":value`, or null when the condition does not hold. */
function jsonField(column: ParquetColumn, conditionSql: string): string {
  const key = quoteLiteral(`${JSON.stringify(column.name)}:`)
  return `CASE WHEN ${conditionSql} THEN ${key} || ${jsonValueSql(column)} END`
}

const NATIVE_IN_JSON = /^(?:(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT))|BOOLEAN|VARCHAR|STRUCT\(|MAP\()|\]$/

/** Numbers that JSON readers would round, dates and the like are the text that the engine prints; bytes are base64. */
function jsonValueSql(column: ParquetColumn): string {
  if (column.sqlType === 'BLOB') return `to_json(to_base64(${at(column)}))::VARCHAR`
  const text = `${at(column)}::VARCHAR`
  if (column.sqlType === 'FLOAT' || column.sqlType === 'DOUBLE') {
    // JSON has no NaN and no infinity.
    return `CASE WHEN isfinite(${at(column)}) THEN to_json(${at(column)}) ELSE to_json(${text}) END::VARCHAR`
  }
  if (!NATIVE_IN_JSON.test(column.sqlType)) return `to_json(${text})::VARCHAR`
  const json = `to_json(${at(column)})::VARCHAR`
  const withTexts = withTextFloats(column.sqlType)
  if (withTexts === column.sqlType) return json
  const hasNoNumber = `regexp_matches(${json}, '[\\[:,](NaN|-?Infinity)[,}\\]]')`
  return `CASE WHEN ${hasNoNumber} THEN to_json(${at(column)}::${withTexts})::VARCHAR ELSE ${json} END`
}

/** The type with texts for its floating-point numbers, whatever fields are called. */
function withTextFloats(sqlType: string): string {
  return sqlType.replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'|\b(?:FLOAT|DOUBLE)\b/g, part =>
    part.startsWith('"') || part.startsWith("'") ? part : 'VARCHAR',
  )
}
