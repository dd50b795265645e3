import { IngotError } from '../errors.ts'
import type { DataFile } from '../format/manifest-types.ts'
import { fieldsById } from '../format/schema.ts'
import { isPrimitive, type NestedField } from '../format/types.ts'
import { hasSqlType } from './sql-types.ts'

/**
 * Columns of types that the engine has no counterpart for are refused by name, nested ones by their path: such a table can be
 * loaded, and its other columns read.
 * @throws UNSUPPORTED
 */
export function refuseUnreadableColumns(fields: readonly NestedField[]): void {
  for (const { field, path } of fieldsById({ type: 'struct', fields }).values()) {
    if (!isPrimitive(field.type) || hasSqlType(field.type)) continue
    const column = path.join('.')
    throw new IngotError('UNSUPPORTED', `column ${column} has type ${field.type}, which cannot be read`, {
      hint: 'read it with the engine that wrote it, and leave the column out here',
      context: { column, type: field.type },
    })
  }
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
