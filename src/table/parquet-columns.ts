import type { NestedField, PrimitiveType, Schema, Type } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'

/** A column of a Parquet file that holds values: a primitive at any depth. */
export interface LeafColumn {
  readonly fieldId: number
  readonly type: PrimitiveType
  /** Whether it lies inside a list or map, where a row has any number of values: such columns get no bounds. */
  readonly repeated: boolean
}

/** The FIELD_IDS option of the engine's COPY: every field of the schema, nested ones included, by name. */
export function fieldIdsSql(schema: Schema): string {
  return `{${schema.fields.map(nameAndIds).join(', ')}}`
}

function nameAndIds(field: NestedField): string {
  return `${quoteIdentifier(field.name)}: ${idsOf(field.id, field.type)}`
}

function idsOf(fieldId: number, type: Type): string {
  if (isPrimitive(type)) return `${fieldId}`
  const self = `__duckdb_field_id: ${fieldId}`
  if (type.type === 'struct') return `{${[self, ...type.fields.map(nameAndIds)].join(', ')}}`
  if (type.type === 'list') return `{${self}, element: ${idsOf(type['element-id'], type.element)}}`
  return `{${self}, key: ${idsOf(type['key-id'], type.key)}, value: ${idsOf(type['value-id'], type.value)}}`
}

/** The leaf columns of a schema by the path that COPY's RETURN_STATS prints: `"st"."a""b"`, `"li"."element"`. */
export function leafColumns(schema: Schema): ReadonlyMap<string, LeafColumn> {
  const leaves = new Map<string, LeafColumn>()
  const visit = (path: string, fieldId: number, type: Type, repeated: boolean): void => {
    if (isPrimitive(type)) {
      leaves.set(path, { fieldId, type, repeated })
    } else if (type.type === 'struct') {
      for (const field of type.fields) {
        visit(`${path}.${quoteIdentifier(field.name)}`, field.id, field.type, repeated)
      }
    } else if (type.type === 'list') {
      visit(`${path}."element"`, type['element-id'], type.element, true)
    } else {
      visit(`${path}."key"`, type['key-id'], type.key, true)
      visit(`${path}."value"`, type['value-id'], type.value, true)
    }
  }
  for (const field of schema.fields) visit(quoteIdentifier(field.name), field.id, field.type, false)
  return leaves
}
