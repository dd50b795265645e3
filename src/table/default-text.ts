import type { NestedField, Type } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'

/** Which of the two defaults of a field: for rows older than it, or for those that are written without it (Iceberg spec, "Default values"). */
export type DefaultKind = 'initial-default' | 'write-default'

/**
 * The default of a field as a text that the engine casts to the field's type; undefined for null. A struct takes the values of its
 * fields from their own defaults.
 */
export function defaultText(field: NestedField, kind: DefaultKind): string | undefined {
  const value = field[kind]
  return isNothing(value) ? undefined : textOf(field.type, value, kind, false)
}

/** Whether a struct inside the type has a field with a default for rows older than it. */
export function hasNestedDefault(type: Type): boolean {
  if (isPrimitive(type)) return false
  if (type.type === 'list') return hasNestedDefault(type.element)
  if (type.type === 'map') return hasNestedDefault(type.key) || hasNestedDefault(type.value)
  return type.fields.some(field => !isNothing(field['initial-default']) || hasNestedDefault(field.type))
}

function isNothing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

/** From the JSON form of a value (Iceberg spec, "Appendix D", "JSON single-value serialization"). */
function textOf(type: Type, value: unknown, kind: DefaultKind, isInner: boolean): string {
  if (isNothing(value)) return 'NULL'
  if (isPrimitive(type)) return isInner ? quoteInner(primitiveText(type, value)) : primitiveText(type, value)
  if (type.type === 'list') {
    return `[${asList(value)
      .map(item => textOf(type.element, item, kind, true))
      .join(', ')}]`
  }
  if (type.type === 'map') {
    const { keys, values } = value as { readonly keys?: unknown; readonly values?: unknown }
    const items = asList(values)
    const entries = asList(keys).map(
      (key, index) => `${textOf(type.key, key, kind, true)}=${textOf(type.value, items[index], kind, true)}`,
    )
    return `{${entries.join(', ')}}`
  }
  const members = value as Readonly<Record<string, unknown>>
  const fields = type.fields.map(
    field => `${quoteInner(field.name)}: ${textOf(field.type, members[field.id] ?? field[kind], kind, true)}`,
  )
  return `{${fields.join(', ')}}`
}

function primitiveText(type: string, value: unknown): string {
  const isBytes = type === 'binary' || type.startsWith('fixed[')
  return isBytes ? String(value).replaceAll(/../g, '\\x$&') : String(value)
}

function quoteInner(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
