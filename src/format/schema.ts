import { isDeepStrictEqual } from 'node:util'
import { IngotError } from '../errors.ts'
import type { TableMetadata } from './metadata-types.ts'
import { isPrimitive, type NestedField, type Schema, type StructType, type Type } from './types.ts'

/** A field of a schema at any depth, and how it is reached: names from the outside in. */
export interface LocatedField {
  readonly field: NestedField
  /** List elements are named `element`, map keys and values `key` and `value`. */
  readonly path: readonly string[]
  /** Inside a list or map: it has any number of values a row, so that bounds say nothing of a row. */
  readonly repeated: boolean
}

/** The fields directly inside a type; list elements, map keys and values as fields of those names. */
export function childFields(type: Type): readonly NestedField[] {
  if (isPrimitive(type)) return []
  switch (type.type) {
    case 'struct':
      return type.fields
    case 'list':
      return [
        { id: type['element-id'], name: 'element', required: type['element-required'], type: type.element },
      ]
    case 'map':
      return [
        { id: type['key-id'], name: 'key', required: true, type: type.key },
        { id: type['value-id'], name: 'value', required: type['value-required'], type: type.value },
      ]
  }
}

/** `type` with other fields inside it: the inverse of childFields. */
export function withChildFields(type: Type, fields: readonly NestedField[]): Type {
  if (isPrimitive(type)) return type
  if (type.type === 'struct') return { ...type, fields }
  const [first, second] = fields
  if (type.type === 'list' && first !== undefined) {
    return { ...type, 'element-id': first.id, element: first.type, 'element-required': first.required }
  }
  if (type.type === 'map' && first !== undefined && second !== undefined) {
    return {
      ...type,
      'key-id': first.id,
      key: first.type,
      'value-id': second.id,
      value: second.type,
      'value-required': second.required,
    }
  }
  throw new IngotError('DATA_INVALID', `the element, key and value of a ${type.type} cannot be taken away`)
}

const fieldsByIdCache = new WeakMap<StructType, ReadonlyMap<number, LocatedField>>()

/** Every field of a schema by its id, nested ones included. */
export function fieldsById(schema: StructType): ReadonlyMap<number, LocatedField> {
  const cached = fieldsByIdCache.get(schema)
  if (cached !== undefined) return cached
  const located = new Map<number, LocatedField>()
  collectFields(schema, [], false, located)
  fieldsByIdCache.set(schema, located)
  return located
}

function collectFields(
  type: Type,
  parents: readonly string[],
  repeated: boolean,
  into: Map<number, LocatedField>,
): void {
  const inside = repeated || (!isPrimitive(type) && type.type !== 'struct')
  for (const field of childFields(type)) {
    const path = [...parents, field.name]
    into.set(field.id, { field, path, repeated: inside })
    collectFields(field.type, path, inside, into)
  }
}

/** The field at a path of names, or undefined; `element`, `key` and `value` lead into lists and maps. */
export function findField(schema: StructType, path: readonly string[]): NestedField | undefined {
  let type: Type = schema
  let found: NestedField | undefined
  for (const name of path) {
    found = childFields(type).find(field => field.name === name)
    if (found === undefined) return undefined
    type = found.type
  }
  return found
}

/** The schema with this id. @throws METADATA_INVALID */
export function schemaById(metadata: TableMetadata, schemaId: number): Schema {
  const schema = metadata.schemas.find(candidate => candidate['schema-id'] === schemaId)
  if (schema !== undefined) return schema
  const known = metadata.schemas.map(candidate => candidate['schema-id']).join(', ')
  throw new IngotError('METADATA_INVALID', `table has no schema ${schemaId}, only ${known || 'none'}`)
}

/** The schema that new files are written in. */
export function currentSchema(metadata: TableMetadata): Schema {
  return schemaById(metadata, metadata['current-schema-id'])
}

/** Whether two types hold the same values: ids, docs and defaults do not count; names, order and required do. */
export function sameType(a: Type, b: Type): boolean {
  if (isPrimitive(a) || isPrimitive(b)) return a === b
  const fieldsOfA = childFields(a)
  const fieldsOfB = childFields(b)
  return (
    a.type === b.type &&
    fieldsOfA.length === fieldsOfB.length &&
    fieldsOfA.every((field, index) => {
      const other = fieldsOfB[index]
      return (
        other !== undefined &&
        field.name === other.name &&
        field.required === other.required &&
        sameType(field.type, other.type)
      )
    })
  )
}

/** Whether two schemas are equal in everything but their schema ids. */
export function sameSchema(a: Schema, b: Schema): boolean {
  return (
    isDeepStrictEqual(a.fields, b.fields) &&
    isDeepStrictEqual(a['identifier-field-ids'] ?? [], b['identifier-field-ids'] ?? [])
  )
}

/** A type whose fields have new ids. */
export interface FreshIds<T extends Type> {
  readonly type: T
  /** New ids by the old ones; of old ids that occur twice, the first met breadth first. */
  readonly newIds: ReadonlyMap<number, number>
  readonly lastColumnId: number
}

/**
 * Numbers all fields inside `type` anew from `lastColumnId + 1`: first all fields of a struct, then what is inside each
 * (the order in which Iceberg's own implementations assign ids, "breadth first").
 */
export function assignFreshIds<T extends Type>(type: T, lastColumnId = 0): FreshIds<T> {
  const newIds = new Map<number, number>()
  let last = lastColumnId
  const renumber = (inner: Type): Type => {
    const fields = childFields(inner).map(field => {
      last += 1
      if (!newIds.has(field.id)) newIds.set(field.id, last)
      return { ...field, id: last }
    })
    return withChildFields(
      inner,
      fields.map(field => ({ ...field, type: renumber(field.type) })),
    )
  }
  return { type: renumber(type) as T, newIds, lastColumnId: last }
}

/** The highest field id in a type; 0 when there is none. */
export function highestFieldId(type: StructType): number {
  return Math.max(0, ...fieldsById(type).keys())
}
