import assert from 'node:assert/strict'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { ParquetField } from '../format/parquet-schema.ts'
import type { NestedField, PrimitiveType, Type } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { defaultText, hasNestedDefault } from './default-text.ts'
import { toSqlType } from './sql-types.ts'

// The engine finds columns by field id but the fields inside them by name, so that a renamed struct field would read as
// null. A layout says under which names each field id occurs in the files, and the value is rebuilt by field id.

interface LayoutField {
  readonly id: number
  readonly names: readonly string[]
  readonly layout: Layout
}

/** Of a field that no schema of the table has. */
const UNKNOWN_ID = -1

/** The shape in which files hold a column: a type whose struct fields may go by several names. */
type Layout =
  | PrimitiveType
  | { readonly kind: 'struct'; readonly fields: readonly LayoutField[] }
  | { readonly kind: 'list'; readonly element: Layout }
  | { readonly kind: 'map'; readonly key: Layout; readonly value: Layout }

/** How to read one column: the type to ask the engine for, and the table's value made from what it returns. */
export interface ColumnReader {
  readonly sqlType: string
  /** `reference` is an SQL expression of that type. */
  readonly valueSql: (reference: string) => string
  /** As valueSql, of a primitive field inside structs of the column, by the ids on the way to it; also of one dropped since. */
  readonly leafSql: (reference: string, ids: readonly number[], leaf: NestedField) => string
}

/**
 * A reader for files written under any schema of the table; undefined when only a file's own schema can tell what it holds: a name
 * inside the column meant different fields at different times, or a field inside it has a value in files that lack it.
 */
export function readerForAnySchema(metadata: TableMetadata, field: NestedField): ColumnReader | undefined {
  if (isPrimitive(field.type)) return layoutReader(field.type, field.type)
  const types = typesOf(metadata, field)
  if (types.some(hasNestedDefault)) return undefined
  const layout = mergeLayouts(types)
  return isAmbiguous(layout) ? undefined : layoutReader(layout, field.type)
}

/** A reader for files written under the schema `schemaId`. */
export function readerForSchema(
  metadata: TableMetadata,
  field: NestedField,
  schemaId: number | undefined,
): ColumnReader {
  const schema = metadata.schemas.find(candidate => candidate['schema-id'] === schemaId)
  const stored = schema?.fields.find(other => other.id === field.id)
  return layoutReader(mergeLayouts([stored?.type ?? field.type]), field.type)
}

/** A reader for files that store the column as `stored`, whose fields have their ids. */
export function readerForStored(
  metadata: TableMetadata,
  field: NestedField,
  stored: ParquetField,
): ColumnReader {
  return layoutReader(narrowLayout(mergeLayouts(typesOf(metadata, field)), stored), field.type)
}

/** The type of a column, and those that it has in all schemas of the table. */
function typesOf(metadata: TableMetadata, field: NestedField): readonly Type[] {
  const others = metadata.schemas.map(schema => schema.fields.find(other => other.id === field.id)?.type)
  return [field.type, ...others.filter(type => type !== undefined)]
}

function layoutReader(layout: Layout, type: Type): ColumnReader {
  const sqlType = layoutToSql(layout)
  // Equal texts mean equal names, each of one field id: nothing to rebuild.
  const isPlain = sqlType === toSqlType(type)
  return {
    sqlType,
    valueSql: reference => (isPlain ? reference : rebuildSql(type, layout, reference, 0)),
    leafSql: (reference, ids, leaf) => leafSql(layout, reference, ids, leaf),
  }
}

function leafSql(layout: Layout, reference: string, ids: readonly number[], leaf: NestedField): string {
  const [id, ...deeper] = ids
  if (id === undefined) return convertSql(reference, layout, leaf.type)
  const fields = typeof layout !== 'string' && layout.kind === 'struct' ? layout.fields : []
  const found = fields.find(candidate => candidate.id === id)
  if (found === undefined) return defaultSql(leaf)
  return leafSql(found.layout, extractSql(found, reference), deeper, leaf)
}

/** Types of one column at different times, the one whose primitive types count first. */
function mergeLayouts(types: readonly Type[]): Layout {
  const [first] = types
  assert(first !== undefined, 'a layout needs a type')
  if (isPrimitive(first)) return first
  if (first.type === 'struct') {
    const fields = types.flatMap(type => (!isPrimitive(type) && type.type === 'struct' ? type.fields : []))
    return { kind: 'struct', fields: mergeFields(fields) }
  }
  if (first.type === 'list') {
    const lists = types.flatMap(type => (!isPrimitive(type) && type.type === 'list' ? [type] : []))
    return { kind: 'list', element: mergeLayouts(lists.map(list => list.element)) }
  }
  const maps = types.flatMap(type => (!isPrimitive(type) && type.type === 'map' ? [type] : []))
  return {
    kind: 'map',
    key: mergeLayouts(maps.map(map => map.key)),
    value: mergeLayouts(maps.map(map => map.value)),
  }
}

/** Fields that the table has dropped stay in: the engine refuses to read a struct of which a file has no field at all. */
function mergeFields(fields: readonly NestedField[]): LayoutField[] {
  const byId = new Map<number, NestedField[]>()
  for (const field of fields) byId.set(field.id, [...(byId.get(field.id) ?? []), field])
  return [...byId].map(([id, versions]) => ({
    id,
    names: [...new Set(versions.map(version => version.name))],
    layout: mergeLayouts(versions.map(version => version.type)),
  }))
}

/** What of a layout a file has, under the names that it has it by. */
function narrowLayout(layout: Layout, { kind, children }: ParquetField): Layout {
  if (typeof layout === 'string') return layout === 'string' && kind === 'bytes' ? 'binary' : layout
  const [first, second] = children
  if (first === undefined || kind !== layout.kind) return layout
  if (layout.kind === 'list') return { kind: 'list', element: narrowLayout(layout.element, first) }
  if (layout.kind === 'map') {
    const value = second === undefined ? layout.value : narrowLayout(layout.value, second)
    return { kind: 'map', key: narrowLayout(layout.key, first), value }
  }
  const fields = children.flatMap(child => {
    const found = layout.fields.find(field => field.id === child.fieldId)
    return found === undefined
      ? []
      : [{ id: found.id, names: [child.name], layout: narrowLayout(found.layout, child) }]
  })
  // The engine reads a struct by one field of it at least.
  const unknown = { id: UNKNOWN_ID, names: [first.name], layout: 'string' } as const
  return { kind: 'struct', fields: fields.length === 0 ? [unknown] : fields }
}

function isAmbiguous(layout: Layout): boolean {
  if (typeof layout === 'string') return false
  if (layout.kind === 'list') return isAmbiguous(layout.element)
  if (layout.kind === 'map') return isAmbiguous(layout.key) || isAmbiguous(layout.value)
  // The engine does not tell names apart by case.
  const names = layout.fields.flatMap(field => field.names.map(name => name.toLowerCase()))
  return new Set(names).size < names.length || layout.fields.some(field => isAmbiguous(field.layout))
}

function layoutToSql(layout: Layout): string {
  if (typeof layout === 'string') return toSqlType(layout)
  if (layout.kind === 'list') return `${layoutToSql(layout.element)}[]`
  if (layout.kind === 'map') return `MAP(${layoutToSql(layout.key)}, ${layoutToSql(layout.value)})`
  const fields = layout.fields.flatMap(field =>
    field.names.map(name => `${quoteIdentifier(name)} ${layoutToSql(field.layout)}`),
  )
  return `STRUCT(${fields.join(', ')})`
}

function rebuildSql(type: Type, layout: Layout, reference: string, depth: number): string {
  if (isPrimitive(type) || typeof layout === 'string') {
    return convertSql(reference, layout, type)
  }
  const item = `x${depth}`
  if (type.type === 'struct' && layout.kind === 'struct') {
    const fields = type.fields.map(
      field => `${quoteIdentifier(field.name)} := ${rebuildFieldSql(field, layout.fields, reference, depth)}`,
    )
    return `CASE WHEN ${reference} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`
  }
  if (type.type === 'list' && layout.kind === 'list') {
    return `list_transform(${reference}, lambda ${item}: ${rebuildSql(type.element, layout.element, item, depth + 1)})`
  }
  if (type.type === 'map' && layout.kind === 'map') {
    const key = rebuildSql(type.key, layout.key, `${item}.key`, depth + 1)
    const value = rebuildSql(type.value, layout.value, `${item}.value`, depth + 1)
    const entries = `list_transform(map_entries(${reference}), lambda ${item}: struct_pack(key := ${key}, value := ${value}))`
    return `map_from_entries(${entries})`
  }
  return `CAST(NULL AS ${toSqlType(type)})`
}

function convertSql(reference: string, layout: Layout, type: Type): string {
  if (type === layout) return reference
  // Old writers do not say that bytes are text.
  if (type === 'string' && layout === 'binary') return `decode(${reference})`
  return `CAST(${reference} AS ${toSqlType(type)})`
}

function rebuildFieldSql(
  field: NestedField,
  stored: readonly LayoutField[],
  reference: string,
  depth: number,
): string {
  const found = stored.find(candidate => candidate.id === field.id)
  if (found === undefined) return defaultSql(field)
  return rebuildSql(field.type, found.layout, extractSql(found, reference), depth)
}

/** The value of a field in files older than it. */
function defaultSql(field: NestedField): string {
  const text = defaultText(field, 'initial-default')
  return `CAST(${text === undefined ? 'NULL' : quoteLiteral(text)} AS ${toSqlType(field.type)})`
}

/** A file has one of the names; under the others the engine returns null. */
function extractSql({ names }: LayoutField, reference: string): string {
  const values = names.map(name => `struct_extract(${reference}, ${quoteLiteral(name)})`)
  const [single = 'NULL'] = values
  return values.length === 1 ? single : `coalesce(${values.join(', ')})`
}
