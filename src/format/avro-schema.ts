import { IngotError } from '../errors.ts'

/** An Avro schema in its JSON form; attributes that Iceberg adds (`field-id`, `element-id`, `logicalType`) are part of it. */
export type AvroSchema = string | AvroComplexSchema | readonly AvroSchema[]

/** A schema that is an object: a record, an array, a fixed, or a primitive with attributes. */
export interface AvroComplexSchema {
  readonly type: AvroSchema
  readonly name?: string
  readonly namespace?: string
  readonly fields?: readonly AvroField[]
  readonly items?: AvroSchema
  readonly values?: AvroSchema
  readonly size?: number
  readonly symbols?: readonly string[]
  readonly logicalType?: string
  readonly 'element-id'?: number
  readonly [attribute: string]: unknown
}

/** A field of a record. */
export interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly 'field-id'?: number
  readonly [attribute: string]: unknown
}

/**
 * A value of an Avro file. long: number where that is exact, else bigint; record: its values in the order of its fields;
 * map, and an array with the logical type of one: a Map; enum: its symbol; bytes and fixed: bytes; a union: the value alone.
 */
export type AvroValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly AvroValue[]
  | ReadonlyMap<AvroValue, AvroValue>

/** The error for an Avro file that is not one, or not whole. */
export function avroError(message: string, cause?: unknown): IngotError {
  return new IngotError('METADATA_INVALID', `avro file: ${message}`, { cause })
}

/** Whether a schema is a union. */
export function isUnion(schema: AvroSchema): schema is readonly AvroSchema[] {
  return Array.isArray(schema)
}

/** The names by which the named types inside a schema can be referred to. */
export function namedTypes(schema: AvroSchema): ReadonlyMap<string, AvroComplexSchema> {
  const named = new Map<string, AvroComplexSchema>()
  collectNamed(schema, undefined, named)
  return named
}

function collectNamed(
  schema: AvroSchema,
  namespace: string | undefined,
  into: Map<string, AvroComplexSchema>,
): void {
  if (typeof schema === 'string') return
  if (isUnion(schema)) {
    for (const branch of schema) collectNamed(branch, namespace, into)
    return
  }
  const inner = schema.namespace ?? namespace
  if (typeof schema.name === 'string') {
    into.set(schema.name, schema)
    if (inner !== undefined) into.set(`${inner}.${schema.name}`, schema)
  }
  if (typeof schema.type === 'object') collectNamed(schema.type, inner, into)
  if (schema.items !== undefined) collectNamed(schema.items, inner, into)
  if (schema.values !== undefined) collectNamed(schema.values, inner, into)
  for (const field of schema.fields ?? []) collectNamed(field.type, inner, into)
}

/** The types of key and value of an item of an array that stands for a map; undefined when it is not a pair. */
export function pairOf(
  items: AvroSchema,
): { readonly key: AvroSchema; readonly value: AvroSchema } | undefined {
  if (typeof items === 'string' || isUnion(items) || items.type !== 'record') return undefined
  const [key, value, ...others] = items.fields ?? []
  if (key === undefined || value === undefined || others.length > 0) return undefined
  return { key: key.type, value: value.type }
}
