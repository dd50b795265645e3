import type { ErrorCode } from '../errors.ts'
import { JsonReader, withoutUndefined } from './json-reader.ts'
import { parseTransform } from './transforms.ts'
import type {
  NestedField,
  PartitionField,
  PartitionSpec,
  PrimitiveType,
  Schema,
  SortField,
  SortOrder,
  Type,
} from './types.ts'

const SIMPLE_TYPES: ReadonlySet<string> = new Set([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'string',
  'uuid',
  'binary',
])

/**
 * Types of format version 3 that are kept as they are, so that a table which has such a column can be loaded and its
 * other columns read. They are not of PrimitiveType: what must know a type's values refuses them.
 */
const KEPT_TYPES = /^(timestamp_ns|timestamptz_ns|variant|unknown|geometry(\(.*\))?|geography(\(.*\))?)$/

const NESTING_MAX = 100

/** Reads a schema from its JSON form (Iceberg spec, "Schemas"); unknown members are kept. */
export function parseSchema(value: unknown, path = 'schema', code: ErrorCode = 'METADATA_INVALID'): Schema {
  const reader = new JsonReader(value, path, code)
  return readSchema(reader)
}

/** As parseSchema, for a part of a larger document. */
export function readSchema(reader: JsonReader): Schema {
  const fields = readFields(reader, 0)
  const seen = new Set<number>()
  checkIds(fields, seen, reader)
  return withoutUndefined<Schema>({
    ...reader.members,
    type: 'struct',
    'schema-id': reader.optional('schema-id', reader.integer) ?? 0,
    'identifier-field-ids': reader.optional('identifier-field-ids', reader.integers),
    fields,
  })
}

function readFields(reader: JsonReader, depth: number): readonly NestedField[] {
  const names = new Set<string>()
  return reader.objects('fields').map(field => {
    const name = field.string('name')
    if (names.has(name)) throw field.wrong('name', 'a name that no field beside it has', name)
    names.add(name)
    return withoutUndefined<NestedField>({
      ...field.members,
      id: field.integer('id'),
      name,
      required: field.boolean('required'),
      type: readType(field, 'type', depth + 1),
      doc: field.optional('doc', field.string),
    })
  })
}

function readType(reader: JsonReader, name: string, depth: number): Type {
  if (depth > NESTING_MAX) throw reader.wrong(name, `at most ${NESTING_MAX} levels of nesting`, 'more')
  const value = reader.members[name]
  if (typeof value === 'string') return readPrimitive(reader, name, value)
  const nested = reader.object(name)
  switch (nested.string('type')) {
    case 'struct':
      return { ...nested.members, type: 'struct', fields: readFields(nested, depth) }
    case 'list':
      return {
        ...nested.members,
        type: 'list',
        'element-id': nested.integer('element-id'),
        element: readType(nested, 'element', depth + 1),
        'element-required': nested.boolean('element-required'),
      }
    case 'map':
      return {
        ...nested.members,
        type: 'map',
        'key-id': nested.integer('key-id'),
        key: readType(nested, 'key', depth + 1),
        'value-id': nested.integer('value-id'),
        value: readType(nested, 'value', depth + 1),
        'value-required': nested.boolean('value-required'),
      }
    default:
      throw nested.wrong('type', 'struct, list or map', nested.members.type)
  }
}

function readPrimitive(reader: JsonReader, name: string, text: string): PrimitiveType {
  if (SIMPLE_TYPES.has(text) || KEPT_TYPES.test(text)) return text as PrimitiveType
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text)
  if (decimal !== null) {
    const precision = Number(decimal[1])
    const scale = Number(decimal[2])
    if (precision >= 1 && precision <= 38 && scale <= precision) return `decimal(${precision}, ${scale})`
  }
  const fixed = /^fixed\[\s*(\d+)\s*\]$/.exec(text)
  if (fixed !== null) return `fixed[${Number(fixed[1])}]`
  throw reader.wrong(name, 'a type of the Iceberg spec', text)
}

function checkIds(fields: readonly NestedField[], seen: Set<number>, reader: JsonReader): void {
  const take = (id: number): void => {
    if (seen.has(id)) throw reader.wrong('fields', 'field ids that occur once', id)
    seen.add(id)
  }
  const walk = (type: Type): void => {
    if (typeof type === 'string') return
    if (type.type === 'struct') checkIds(type.fields, seen, reader)
    else if (type.type === 'list') {
      take(type['element-id'])
      walk(type.element)
    } else {
      take(type['key-id'])
      take(type['value-id'])
      walk(type.key)
      walk(type.value)
    }
  }
  for (const field of fields) {
    take(field.id)
    walk(field.type)
  }
}

/** Reads a partition spec (Iceberg spec, "Partition Specs"). A field without an id has 0: it is assigned when the spec is added. */
export function parsePartitionSpec(
  value: unknown,
  path = 'spec',
  code: ErrorCode = 'METADATA_INVALID',
): PartitionSpec {
  return readPartitionSpec(new JsonReader(value, path, code))
}

/** As parsePartitionSpec, for a part of a larger document. */
export function readPartitionSpec(reader: JsonReader): PartitionSpec {
  return {
    ...reader.members,
    'spec-id': reader.optional('spec-id', reader.integer) ?? 0,
    fields: readPartitionFields(reader, 'fields', () => 0),
  }
}

/** The partition fields in a member; `idOf` numbers those which have no id. */
export function readPartitionFields(
  reader: JsonReader,
  name: string,
  idOf: (index: number) => number,
): readonly PartitionField[] {
  return reader.objects(name).map((field, index) => ({
    ...field.members,
    'source-id': readSourceId(field),
    'field-id': field.optional('field-id', field.integer) ?? idOf(index),
    name: field.string('name'),
    transform: parseTransform(field.string('transform')),
  }))
}

/** Reads a sort order (Iceberg spec, "Sorting"). */
export function parseSortOrder(
  value: unknown,
  path = 'sort-order',
  code: ErrorCode = 'METADATA_INVALID',
): SortOrder {
  return readSortOrder(new JsonReader(value, path, code))
}

/** As parseSortOrder, for a part of a larger document. */
export function readSortOrder(reader: JsonReader): SortOrder {
  return {
    ...reader.members,
    'order-id': reader.integer('order-id'),
    fields: reader.objects('fields').map(readSortField),
  }
}

function readSortField(field: JsonReader): SortField {
  const direction = field.string('direction')
  if (direction !== 'asc' && direction !== 'desc') throw field.wrong('direction', 'asc or desc', direction)
  const nullOrder = field.string('null-order')
  if (nullOrder !== 'nulls-first' && nullOrder !== 'nulls-last') {
    throw field.wrong('null-order', 'nulls-first or nulls-last', nullOrder)
  }
  return {
    ...field.members,
    'source-id': readSourceId(field),
    transform: parseTransform(field.string('transform')),
    direction,
    'null-order': nullOrder,
  }
}

/** Version 3 writes `source-ids` where a transform takes several columns; one of them is a plain source id. */
function readSourceId(field: JsonReader): number {
  if (field.has('source-id')) return field.integer('source-id')
  const [first, ...others] = field.integers('source-ids')
  if (first === undefined || others.length > 0) {
    throw field.wrong('source-ids', 'one column', field.members['source-ids'])
  }
  return first
}
