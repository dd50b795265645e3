import { stringifyJson } from '../json.ts'
import { childFields } from './schema.ts'
import type { NestedField, StructType, Type } from './types.ts'
import { isPrimitive } from './types.ts'
import { parseValue } from './values.ts'

const TYPES_WITHOUT_DEFAULT = /^(unknown|variant|geometry|geography)/

/**
 * Why the defaults of a schema's fields are none that a table of this format version can have (Iceberg spec, "Default values"); undefined
 * when all are well.
 */
export function defaultMisfit(schema: StructType, formatVersion: number): string | undefined {
  for (const field of schema.fields) {
    const misfit = misfitOf(field, [field.name], formatVersion)
    if (misfit !== undefined) return misfit
  }
  return undefined
}

function misfitOf(field: NestedField, path: readonly string[], formatVersion: number): string | undefined {
  for (const kind of ['initial-default', 'write-default'] as const) {
    const value = field[kind]
    if (value === undefined || value === null) continue
    const name = `${kind} of column ${path.join('.')}`
    if (formatVersion < 3) return `${name}: format version ${formatVersion} has no defaults, version 3 has`
    if (!isValueOf(field.type, value)) return `${name}: ${stringifyJson(value)} is no default for its type`
  }
  for (const inner of childFields(field.type)) {
    const misfit = misfitOf(inner, [...path, inner.name], formatVersion)
    if (misfit !== undefined) return misfit
  }
  return undefined
}

/** Whether a JSON value stands for a value of the type (Iceberg spec, "JSON single-value serialization"). */
function isValueOf(type: Type, value: unknown): boolean {
  if (value === null || value === undefined) return false
  if (isPrimitive(type)) return isPrimitiveValueOf(type, value)
  if (type.type === 'list') return Array.isArray(value) && value.every(item => isItemOf(type.element, item))
  if (typeof value !== 'object' || Array.isArray(value)) return false
  // The fields of a struct have defaults of their own.
  if (type.type === 'struct') return Object.keys(value).length === 0
  const { keys, values } = value as { readonly keys?: unknown; readonly values?: unknown }
  return (
    Array.isArray(keys) &&
    Array.isArray(values) &&
    keys.length === values.length &&
    keys.every(key => isValueOf(type.key, key)) &&
    values.every(item => isItemOf(type.value, item))
  )
}

function isItemOf(type: Type, value: unknown): boolean {
  return value === null || isValueOf(type, value)
}

function isPrimitiveValueOf(type: string, value: unknown): boolean {
  if (TYPES_WITHOUT_DEFAULT.test(type)) return false
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'int' || type === 'long') return isInteger(value, type === 'int' ? 31n : 63n)
  if (type === 'float' || type === 'double') return typeof value === 'number' || typeof value === 'bigint'
  return typeof value === 'string' && isTextOf(type, value)
}

function isInteger(value: unknown, bits: bigint): boolean {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return false
  const integer = BigInt(value)
  return integer >= -(2n ** bits) && integer < 2n ** bits
}

const ZONED = /(Z|[+-]00:00)$/

function isTextOf(type: string, text: string): boolean {
  if (type === 'string') return true
  // Nanoseconds are no values here: what is before the last three digits is checked.
  const micros = type.endsWith('_ns') ? text.replace(/(\.\d{6})\d{1,3}/, '$1') : text
  if (type.startsWith('timestamp') && type.startsWith('timestamptz') !== ZONED.test(text)) return false
  try {
    return parseValue(type.replace(/_ns$/, '') as Parameters<typeof parseValue>[0], micros) !== undefined
  } catch {
    return false
  }
}
