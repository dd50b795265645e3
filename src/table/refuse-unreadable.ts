import { IngotError, isIngotError } from '../errors.ts'
import type { DataFile } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { nameMappingOf } from '../format/name-mapping.ts'
import type { ParquetField } from '../format/parquet-schema.ts'
import { fieldsById } from '../format/schema.ts'
import { isPrimitive, type NestedField, type PrimitiveType } from '../format/types.ts'
import { quoteLiteral } from '../sql-text.ts'
import { isReadableType, isWritableType } from './sql-types.ts'

/**
 * Columns of types that are not read, or from which nothing is written, are refused by name, nested ones by their path: such a table
 * can be loaded, and its other columns read.
 * @throws UNSUPPORTED
 */
export function refuseUnreadableColumns(fields: readonly NestedField[]): void {
  const refused = findColumn(fields, type => !isWritableType(type))
  if (refused !== undefined) throw unreadableColumn(refused.message, refused)
}

/**
 * An expression in place of a column of a type that queries do not read: it fails when its value is asked for, never before. Undefined
 * for one that is read.
 */
export function unreadableSql(field: NestedField): string | undefined {
  const refused = findColumn([field], type => !isReadableType(type))
  return refused && `CAST(error(${quoteLiteral(refused.message)}) AS VARCHAR)`
}

/** The refusal that made a statement fail, when it read such an expression; any other error is itself. */
export function refusalIn(error: unknown): unknown {
  if (!isIngotError(error, 'ENGINE_FAILED')) return error
  const { engineMessage } = error.context
  const found = typeof engineMessage === 'string' ? UNREADABLE.exec(engineMessage) : null
  if (found === null) return error
  const [message, column, type] = found
  return unreadableColumn(message, { column, type })
}

const UNREADABLE = /^column (.+) has type (.+), which cannot be read$/s

/** The first primitive column, at any depth, of a type that is not fit. */
function findColumn(
  fields: readonly NestedField[],
  isUnfit: (type: PrimitiveType) => boolean,
): { readonly message: string; readonly column: string; readonly type: PrimitiveType } | undefined {
  for (const { field, path } of fieldsById({ type: 'struct', fields }).values()) {
    const { type } = field
    if (!isPrimitive(type) || !isUnfit(type)) continue
    const column = path.join('.')
    return { message: `column ${column} has type ${type}, which cannot be read`, column, type }
  }
  return undefined
}

function unreadableColumn(
  message: string,
  { column, type }: { readonly column: string | undefined; readonly type: string | undefined },
): IngotError {
  return new IngotError('UNSUPPORTED', message, {
    hint: 'read it with the engine that wrote it, and leave the column out here',
    context: { column, type },
  })
}

/**
 * Files of rows in Avro or ORC, which other writers may use, are refused by name rather than read as Parquet.
 * @throws UNSUPPORTED
 */
export function refuseUnreadableFile({ content, fileFormat, filePath }: DataFile): void {
  if (fileFormat === 'PARQUET') return
  throw new IngotError('UNSUPPORTED', `${content} file in format ${fileFormat} cannot be read: ${filePath}`, {
    hint: 'rewrite it as Parquet with the engine that wrote it (Spark: write.format.default, then rewrite_data_files)',
    context: { file: filePath, content, fileFormat },
  })
}

/**
 * A file without field ids is refused where no name mapping tells its columns, whose values would all read as null, and where the
 * engine would take one of its columns for another.
 * @throws UNSUPPORTED
 */
export function refuseUnmapped(
  metadata: TableMetadata,
  { filePath }: DataFile,
  stored: readonly ParquetField[],
): void {
  const context = { location: metadata.location, file: filePath }
  if (nameMappingOf(metadata) === undefined) {
    throw new IngotError(
      'UNSUPPORTED',
      `data file ${filePath} has no field ids, and its table has no name mapping: which columns it has cannot be told`,
      { hint: 'set the property schema.name-mapping.default of the table, or write the rows again', context },
    )
  }
  const alike = namesAlike(stored)
  if (alike === undefined) return
  throw new IngotError(
    'UNSUPPORTED',
    `data file ${filePath} has no field ids and columns whose names differ in letter case alone: ${alike.join(', ')}`,
    { hint: 'write its rows again with the engine that added it', context },
  )
}

/** Two names beside one another that the engine, which does not tell letter case apart, takes for the same. */
function namesAlike(fields: readonly ParquetField[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>()
  for (const { name, children } of fields) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) return [other, name]
    seen.set(name.toLowerCase(), name)
    const inside = namesAlike(children)
    if (inside !== undefined) return inside
  }
  return undefined
}
