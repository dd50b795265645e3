import { IngotError, isIngotError } from '../errors.ts'
import { fieldsById, findField } from './schema.ts'
import { parseTransform, transformResultType } from './transforms.ts'
import type {
  PartitionField,
  PartitionSpec,
  PrimitiveType,
  Schema,
  SortOrder,
  StructType,
  Transform,
} from './types.ts'
import { isPrimitive } from './types.ts'

/** Ids of partition fields are greater than this (Iceberg spec, "Partition Specs"). */
export const PARTITION_ID_BEFORE_FIRST = 999

/** The spec of a table that is not partitioned. */
export const UNPARTITIONED: PartitionSpec = { 'spec-id': 0, fields: [] }

/** Whether a spec keeps all files in one partition: it has no fields, or void ones alone. */
export function isUnpartitioned(spec: PartitionSpec): boolean {
  return spec.fields.every(field => field.transform === 'void')
}

/** The order of a table that is not sorted; its id is reserved (Iceberg spec, "Sorting"). */
export const UNSORTED: SortOrder = { 'order-id': 0, fields: [] }

/** A field of a spec with the types that its values have. */
export interface PartitionColumn {
  readonly field: PartitionField
  /** What the transform reads. */
  readonly sourceType: PrimitiveType
  /** What it yields: the type of the value in `DataFile.partition`. */
  readonly type: PrimitiveType
}

/**
 * The fields of a spec with their types, in its order. A source column is looked for in the newest schema first and in
 * older ones after that, since it may have been dropped while files of the spec live on.
 * @throws METADATA_INVALID when no schema has a source column
 */
export function partitionType(
  spec: PartitionSpec,
  schemas: readonly StructType[],
): readonly PartitionColumn[] {
  return spec.fields.map(field => {
    const sourceType = sourceTypeOf(field, schemas)
    return { field, sourceType, type: transformResultType(field.transform, sourceType) }
  })
}

function sourceTypeOf(field: PartitionField, schemas: readonly StructType[]): PrimitiveType {
  for (let index = schemas.length - 1; index >= 0; index -= 1) {
    const schema = schemas[index]
    const source = schema && fieldsById(schema).get(field['source-id'])?.field.type
    if (source !== undefined && isPrimitive(source)) return source
  }
  // Its values are all null, whatever the type was.
  if (field.transform === 'void') return 'int'
  throw new IngotError(
    'METADATA_INVALID',
    `partition field ${field.name} reads column ${field['source-id']}, which no schema has as a primitive column`,
  )
}

/**
 * Why a spec does not fit a schema (the name of a field that is taken, a source that is missing or repeated, a transform
 * that its type does not allow), or undefined when it fits.
 */
export function specMisfit(spec: PartitionSpec, schema: StructType): string | undefined {
  const names = new Set<string>()
  for (const field of spec.fields) {
    if (names.has(field.name)) return `two partition fields are named ${field.name}`
    names.add(field.name)
    const misfit = fieldMisfit(field, schema)
    if (misfit !== undefined) return misfit
  }
  return undefined
}

function fieldMisfit(field: PartitionField, schema: StructType): string | undefined {
  if (field.transform === 'void') return undefined
  const source = fieldsById(schema).get(field['source-id'])
  if (source === undefined || !isPrimitive(source.field.type)) {
    return `partition field ${field.name} reads column ${field['source-id']}, which is not a primitive column of the schema`
  }
  if (source.repeated)
    return `partition field ${field.name} reads ${source.path.join('.')} inside a list or map`
  const clash = findField(schema, [field.name])
  if (clash !== undefined && (field.transform !== 'identity' || clash.id !== field['source-id'])) {
    return `partition field ${field.name} has the name of another column`
  }
  try {
    transformResultType(field.transform, source.field.type)
    return undefined
  } catch (error) {
    return error instanceof IngotError ? error.message : String(error)
  }
}

/** Whether two fields partition alike: by the same transform of the same column. */
export function samePartitioning(a: PartitionField, b: PartitionField): boolean {
  return a['source-id'] === b['source-id'] && a.transform === b.transform
}

/**
 * Gives every field of `fields` whose id is not one of a partition field yet (ids below 1000) an id: that of an equal
 * field in an older spec (Iceberg spec, "Partition Evolution"), else the next one.
 */
export function assignPartitionIds(
  fields: readonly PartitionField[],
  olderSpecs: readonly PartitionSpec[],
  lastPartitionId: number,
): { readonly fields: readonly PartitionField[]; readonly lastPartitionId: number } {
  const older = olderSpecs.flatMap(spec => spec.fields)
  const taken = new Set(fields.map(field => field['field-id']))
  let last = lastPartitionId
  const assigned = fields.map(field => {
    if (field['field-id'] > PARTITION_ID_BEFORE_FIRST) return field
    const equal = older.find(
      candidate => samePartitioning(candidate, field) && !taken.has(candidate['field-id']),
    )
    const id = equal?.['field-id'] ?? last + 1
    taken.add(id)
    last = Math.max(last, id)
    return { ...field, 'field-id': id }
  })
  return {
    fields: assigned,
    lastPartitionId: Math.max(last, ...assigned.map(field => field['field-id'])),
  }
}

/** A spec made from texts, and the highest partition field id after it. */
export interface BuiltPartitionSpec {
  readonly spec: PartitionSpec
  readonly lastPartitionId: number
}

/**
 * A partition spec from texts like `day(at)`, `bucket(16, id)`, `truncate(4, name)`, `region` or `identity("a.b")`: dots
 * lead into structs, a name with dots or parentheses in it is quoted. Its id is one more than that of `olderSpecs`, whose
 * field ids are kept where source and transform are equal.
 * @throws DATA_INVALID
 */
export function buildPartitionSpec(
  schema: Schema,
  texts: readonly string[],
  lastPartitionId = PARTITION_ID_BEFORE_FIRST,
  olderSpecs: readonly PartitionSpec[] = [],
): BuiltPartitionSpec {
  const unnumbered = texts.map(text => parsePartitionText(schema, text))
  const { fields, lastPartitionId: last } = assignPartitionIds(unnumbered, olderSpecs, lastPartitionId)
  const spec = { 'spec-id': Math.max(-1, ...olderSpecs.map(older => older['spec-id'])) + 1, fields }
  const misfit = specMisfit(spec, schema)
  if (misfit !== undefined)
    throw new IngotError('DATA_INVALID', `partitioning by ${texts.join(', ')}: ${misfit}`)
  return { spec, lastPartitionId: last }
}

const CALL = /^\s*(\w+)\s*\(\s*(?:(\d+)\s*,\s*)?(.+?)\s*\)\s*$/s

function parsePartitionText(schema: Schema, text: string): PartitionField {
  const call = CALL.exec(text)
  const transformName = call?.[1]?.toLowerCase() ?? 'identity'
  const parameter = call?.[2]
  const transform = readTransform(parameter === undefined ? transformName : `${transformName}[${parameter}]`)
  const path = parseColumnPath(call?.[3] ?? text.trim())
  const source = findField(schema, path)
  if (source === undefined) {
    const columns = schema.fields.map(field => field.name).join(', ')
    throw new IngotError('DATA_INVALID', `partitioning by ${text}: there is no column ${path.join('.')}`, {
      hint: `the columns are ${columns}`,
    })
  }
  return { 'source-id': source.id, 'field-id': 0, name: partitionName(path.join('.'), transform), transform }
}

/** As parseTransform, with the hint in the words of a declaration. @throws DATA_INVALID */
function readTransform(text: string): Transform {
  try {
    return parseTransform(text)
  } catch (cause) {
    if (!isIngotError(cause)) throw cause
    throw new IngotError(cause.code, cause.message, {
      cause,
      hint: 'use column, bucket(16, column), truncate(4, column), year(column), month(column), day(column) or hour(column)',
    })
  }
}

function parseColumnPath(text: string): readonly string[] {
  const parts = text.match(/"(?:[^"]|"")*"|[^."]+/g) ?? [text]
  return parts.map(part => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part))
}

/** The names that Iceberg's other implementations give: `at_day`, `id_bucket_16`, `name_trunc_4`. */
function partitionName(column: string, transform: Transform): string {
  if (transform === 'identity') return column
  const parameterised = /^(bucket|truncate)\[(\d+)\]$/.exec(transform)
  if (parameterised === null) return transform === 'void' ? `${column}_null` : `${column}_${transform}`
  return parameterised[1] === 'bucket'
    ? `${column}_bucket_${parameterised[2]}`
    : `${column}_trunc_${parameterised[2]}`
}
