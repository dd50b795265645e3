import type { NestedField, Schema } from '../format/types.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { defaultText } from './default-text.ts'
import type { EngineSession } from './engine.ts'
import { toSqlType } from './sql-types.ts'

/**
 * The SELECT with the defaults for new rows of columns that it does not have (Iceberg spec, "Default values"). It is the SELECT itself
 * for a schema without such defaults; a column without one is missed by whoever writes it.
 */
export async function withWriteDefaults(
  session: EngineSession,
  schema: Schema,
  select: string,
): Promise<string> {
  const defaulted = schema.fields.filter(field => defaultText(field, 'write-default') !== undefined)
  if (defaulted.length === 0) return select
  const described = await session.query(`DESCRIBE (\n${select}\n)`)
  const names = new Set(described.rows.map(([name]) => String(name).toLowerCase()))
  const missing = defaulted.filter(field => !names.has(field.name.toLowerCase()))
  if (missing.length === 0) return select
  return `SELECT *, ${missing.map(defaultColumnSql).join(', ')} FROM (\n${select}\n)`
}

function defaultColumnSql(field: NestedField): string {
  const text = quoteLiteral(defaultText(field, 'write-default') ?? '')
  return `CAST(${text} AS ${toSqlType(field.type)}) AS ${quoteIdentifier(field.name)}`
}
