import type { DataFile, PrimitiveValue } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import type { Schema } from '../format/types.ts'
import { randomUuid } from '../random.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { readCopyResult, toDataFile, type WrittenFile } from './copy-result.ts'
import type { EngineSession } from './engine.ts'
import { fieldIdsSql, leafColumns } from './parquet-columns.ts'
import {
  folderTextSql,
  type PartitionColumn,
  partitionColumnsOf,
  specById,
  textInFolder,
} from './partition-columns.ts'
import { parsePartitionText } from './partition-text.ts'
import { refuseUnreadableColumns } from './refuse-unreadable.ts'
import { withLineage } from './row-lineage.ts'
import { toSqlType } from './sql-types.ts'
import type { TableContext } from './staged-table.ts'
import { withWriteDefaults } from './with-write-defaults.ts'

const TARGET_FILE_BYTES = 128 * 1024 * 1024

export interface WriteDataFilesOptions {
  /** One SELECT whose columns are matched to the table's by name; each is cast to the table's type. One with a write-default may be left out. */
  readonly select: string
  /** @default the table's property `write.target-file-size-bytes`, else 128 MiB. Partitions get one file each. */
  readonly targetFileBytes?: number
  /** @default the table's default spec */
  readonly specId?: number
  /** Whether the SELECT has the columns of row lineage, as lineageColumnsFor names them; null where a row is new. @default false */
  readonly lineage?: boolean
}

/**
 * Writes the rows of a SELECT as Parquet files under the table's location and makes them durable. Files are named by
 * UUIDs and belong to nobody until a snapshot names them; a SELECT without rows gives no file.
 * @throws ENGINE_FAILED when the SELECT lacks a column or a value does not fit the table's type
 */
export async function writeDataFiles(
  context: TableContext,
  session: EngineSession,
  metadata: TableMetadata,
  options: WriteDataFilesOptions,
): Promise<DataFile[]> {
  const schema = options.lineage ? withLineage(currentSchema(metadata)) : currentSchema(metadata)
  const spec = specById(metadata, options.specId ?? metadata['default-spec-id'])
  const partitionColumns = partitionColumnsOf(metadata, spec, schema)
  const select = await withWriteDefaults(session, schema, options.select)
  const folder = `${metadata.location}/data`
  await context.io.makeFolder(folder)
  const copied = await session.query(
    partitionColumns.length === 0
      ? copySql(schema, castSql(schema, select), context.io.toEnginePath(folder), [
          `FILE_SIZE_BYTES ${targetFileBytes(metadata, options)}`,
          `FILENAME_PATTERN ${quoteLiteral(`${randomUuid(context.random)}_{i}`)}`,
        ])
      : copyPartitionedSql(schema, partitionColumns, select, context.io.toEnginePath(folder)),
  )
  const written = readCopyResult(copied)
  const leaves = leafColumns(schema)
  const files: DataFile[] = []
  for (const file of written.filter(({ recordCount }) => recordCount > 0)) {
    const location = context.io.fromEnginePath(file.enginePath)
    files.push(toDataFile(file, location, leaves, await partitionOf(session, partitionColumns, file)))
  }
  // For a SELECT without rows the engine writes a file without rows.
  const empty = written.filter(({ recordCount }) => recordCount === 0)
  await context.io.remove(empty.map(({ enginePath }) => context.io.fromEnginePath(enginePath)))
  await context.io.sync(files.map(file => file.filePath))
  return files
}

/** The columns of `select` that the table has, by name and in its order, cast to its types. */
export function castSql(schema: Schema, select: string): string {
  refuseUnreadableColumns(schema.fields)
  const columns = schema.fields.map(field => {
    const name = quoteIdentifier(field.name)
    return `CAST(${name} AS ${toSqlType(field.type)}) AS ${name}`
  })
  // The line ends keep a comment at the end of the text from swallowing the parenthesis.
  return `SELECT ${columns.join(', ')} FROM (\n${select}\n)`
}

function targetFileBytes(metadata: TableMetadata, options: WriteDataFilesOptions): number {
  const property = Number(metadata.properties['write.target-file-size-bytes'])
  const wanted = options.targetFileBytes ?? (Number.isSafeInteger(property) ? property : TARGET_FILE_BYTES)
  return Math.max(1, Math.floor(wanted))
}

function copySql(schema: Schema, select: string, path: string, options: readonly string[]): string {
  const common = ['FORMAT parquet', 'RETURN_STATS', 'COMPRESSION zstd', 'OVERWRITE_OR_IGNORE true']
  const all = [...common, ...options, `FIELD_IDS ${fieldIdsSql(schema)}`]
  return `COPY (${select}) TO ${quoteLiteral(path)} (${all.join(', ')})`
}

function copyPartitionedSql(
  schema: Schema,
  partitionColumns: readonly PartitionColumn[],
  select: string,
  path: string,
): string {
  const folderNames = partitionColumns.map(column => quoteIdentifier(column.name))
  const folderTexts = partitionColumns.map(
    column => `${folderTextSql(column.textSql)} AS ${quoteIdentifier(column.name)}`,
  )
  const partitioned = `SELECT *, ${folderTexts.join(', ')} FROM (${castSql(schema, select)})`
  return copySql(schema, partitioned, path, [
    `PARTITION_BY (${folderNames.join(', ')})`,
    'WRITE_PARTITION_COLUMNS false',
    // Not numbered: folders whose names differ by case alone are one folder on some file systems.
    `FILENAME_PATTERN '{uuid}'`,
  ])
}

async function partitionOf(
  session: EngineSession,
  partitionColumns: readonly PartitionColumn[],
  file: WrittenFile,
): Promise<(PrimitiveValue | null)[]> {
  const values: (PrimitiveValue | null)[] = []
  for (const column of partitionColumns) {
    const folderText = file.partitionKeys.get(column.name) ?? null
    if (folderText === null) {
      values.push(null)
      continue
    }
    const text = textInFolder(folderText) ?? (await readPartitionText(session, column, file))
    values.push(parsePartitionText(column.type, text))
  }
  return values
}

/** Every row of a file has the same partition value: the first one tells a value too long for a folder's name. */
async function readPartitionText(
  session: EngineSession,
  column: PartitionColumn,
  file: WrittenFile,
): Promise<string> {
  const source = `read_parquet([${quoteLiteral(file.enginePath)}], hive_partitioning=false)`
  const { rows } = await session.query(`SELECT ${column.textSql} FROM ${source} LIMIT 1`)
  return String(rows[0]?.[0])
}
