import { IngotError, isIngotError } from '../errors.ts'
import type { DataFile } from '../format/manifest-types.ts'
import type { NestedField, Type } from '../format/types.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { writeDataFiles } from '../table/data-files.ts'
import type { EngineSession } from '../table/engine.ts'
import { fromSqlType } from '../table/sql-types.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import { ColumnNames } from './column-names.ts'
import { UnreadableFile } from './inflate-file.ts'
import type { UndeclaredFields } from './json-checker.ts'
import { withKeptColumnsSql } from './kept-columns.ts'
import { undeclaredField } from './ndjson-reader.ts'
import {
  fileSql,
  type ParquetColumn,
  type ParquetRowsOptions,
  parquetRowsSql,
  readWholeSql,
  rescuedCountsSql,
} from './parquet-rows-sql.ts'
import type { RescuedField } from './rescued-fields.ts'

/** A Parquet file to load, and into what. */
export interface ParquetLoad {
  readonly context: TableContext
  readonly staged: StagedTable
  readonly path: string
  readonly source: string
  readonly columns: readonly LakeColumn[] | undefined
  /** The columns that the file must have. */
  readonly required: readonly string[]
  /** Columns of the table that rows cannot fill. */
  readonly kept: readonly NestedField[]
  readonly undeclared: UndeclaredFields
  readonly ingestedAtSql: string
}

/** The rows of one Parquet file as data files of the table. */
export interface LoadedParquet {
  readonly files: readonly DataFile[]
  readonly rowCount: number
  readonly rescuedCount: number
  readonly rescuedFields: readonly RescuedField[]
}

/**
 * Writes the rows of a Parquet file as data files of a bronze table.
 * @throws UnreadableFile when it is damaged; DATA_INVALID when it lacks a declared column, or has others that may not be
 */
export async function loadParquetFile(session: EngineSession, load: ParquetLoad): Promise<LoadedParquet> {
  const { context, staged, path, source, columns } = load
  const fileColumns = await describeParquet(session, path)
  requireColumns(load, fileColumns)
  const rescuesUndeclared = load.undeclared === 'rescue'
  const { ingestedAtSql } = load
  const options = { path, source, fileColumns, columns, rescuesUndeclared, ingestedAtSql }
  const select = withKeptColumnsSql(parquetRowsSql(options), load.kept)
  try {
    const files = await writeDataFiles(context, session, staged.metadata, { select })
    const rescued = staged.metadata.schemas
      .flatMap(schema => schema.fields)
      .find(({ name }) => name === '_rescued')
    const rowCount = sum(files.map(file => file.recordCount))
    const nullCount = sum(files.map(file => file.nullValueCounts?.get(rescued?.id ?? 0) ?? file.recordCount))
    const rescuedCount = rowCount - nullCount
    const rescuedFields = rescuedCount === 0 ? [] : await countRescuedFields(session, options)
    return { files, rowCount, rescuedCount, rescuedFields }
  } catch (error) {
    if (isIngotError(error, 'ENGINE_FAILED')) await requireReadable(session, path)
    throw error
  }
}

async function countRescuedFields(
  session: EngineSession,
  options: ParquetRowsOptions,
): Promise<readonly RescuedField[]> {
  const { rows } = await session.query(rescuedCountsSql(options))
  return rows.map(([name, count]) => ({ name: String(name), rows: Number(count) }))
}

/** The columns of a Parquet file. @throws UnreadableFile */
export async function describeParquet(
  session: EngineSession,
  path: string,
): Promise<readonly ParquetColumn[]> {
  try {
    const { rows } = await session.query(`DESCRIBE SELECT * FROM ${fileSql(path)}`)
    return rows.map(row => ({ name: String(row[0]), sqlType: String(row[1]) }))
  } catch (error) {
    throw isIngotError(error, 'ENGINE_FAILED') ? unreadable(error) : error
  }
}

/** The columns that a file would add to a table, in its order: those whose names and types a column can have. */
export function undeclaredColumns(
  fileColumns: readonly ParquetColumn[],
  declared: readonly LakeColumn[],
): readonly LakeColumn[] {
  const names = ColumnNames.ofBronze(declared.map(column => column.name))
  return fileColumns.flatMap(({ name, sqlType }) => {
    const type = columnType(sqlType)
    return type === undefined || !names.take(name) ? [] : [{ name, type }]
  })
}

/** Undefined when no column can have it, such as an interval: its values are rescued as text. */
function columnType(sqlType: string): Type | undefined {
  try {
    return fromSqlType(sqlType)
  } catch (error) {
    if (isIngotError(error, 'UNSUPPORTED')) return undefined
    throw error
  }
}

/** Tells a damaged file from an engine that cannot write. */
async function requireReadable(session: EngineSession, path: string): Promise<void> {
  try {
    await session.query(readWholeSql(path))
  } catch (error) {
    throw isIngotError(error, 'ENGINE_FAILED') ? unreadable(error) : error
  }
}

function unreadable(error: IngotError): UnreadableFile {
  return new UnreadableFile(`damaged Parquet: ${error.context.engineMessage ?? error.message}`, {
    cause: error,
  })
}

function requireColumns(
  { columns, required, source, undeclared }: ParquetLoad,
  fileColumns: readonly ParquetColumn[],
): void {
  if (columns === undefined) return
  const names = fileColumns.map(column => column.name)
  const extra = names.find(name => !required.includes(name))
  if (extra !== undefined && undeclared === 'fail') throw undeclaredField(extra, source, 1)
  const missing = required.filter(name => !names.includes(name))
  if (missing.length === 0) return
  throw new IngotError('DATA_INVALID', `${source} lacks ${missing.join(', ')}: it has ${names.join(', ')}`, {
    hint: `declared are ${required.join(', ')}; name them as the file does`,
    context: { source, missing, columns: names },
  })
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
