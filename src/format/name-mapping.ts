import { IngotError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { JsonReader, METADATA_DEPTH_MAX } from './json-reader.ts'
import type { TableMetadata } from './metadata-types.ts'
import type { ParquetField } from './parquet-schema.ts'

/** The property that says which columns files without field ids have, as engines take them into a table as they are. */
const PROPERTY = 'schema.name-mapping.default'

/** The names under which a field occurs in files without field ids (Iceberg spec, "Name Mapping Serialization"). */
export interface MappedField {
  readonly names: readonly string[]
  readonly fieldId?: number
  readonly fields: readonly MappedField[]
}

/** The name mapping of a table; undefined when it has none. @throws METADATA_INVALID when it is not one */
export function nameMappingOf({
  properties,
  location,
}: Pick<TableMetadata, 'properties' | 'location'>): readonly MappedField[] | undefined {
  const text = properties[PROPERTY]
  if (text === undefined) return undefined
  try {
    const reader = new JsonReader({ [PROPERTY]: parseJson(text, METADATA_DEPTH_MAX) }, '', 'METADATA_INVALID')
    return reader.objects(PROPERTY).map(readField)
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof IngotError)) throw error
    throw new IngotError(
      'METADATA_INVALID',
      `${PROPERTY} of the table at ${location} is not a name mapping`,
      {
        hint: 'set the property to a list such as [{"field-id": 1, "names": ["id"]}]',
        context: { location, property: PROPERTY, reason: error.message },
        cause: error,
      },
    )
  }
}

function readField(reader: JsonReader): MappedField {
  const fieldId = reader.optional('field-id', reader.integer)
  const fields = reader.optional('fields', name => reader.objects(name).map(readField))
  return {
    names: reader.strings('names'),
    fields: fields ?? [],
    ...(fieldId === undefined ? {} : { fieldId }),
  }
}

/** Fields of a file without ids, with those that the mapping gives them; of several columns of one id the first name counts. */
export function withMappedIds(
  fields: readonly ParquetField[],
  mapping: readonly MappedField[],
): readonly ParquetField[] {
  const stored = new Set(fields.map(field => field.name))
  const mappedByName = new Map<string, MappedField>()
  for (const mapped of mapping) {
    const name = mapped.names.find(candidate => stored.has(candidate))
    if (name !== undefined && !mappedByName.has(name)) mappedByName.set(name, mapped)
  }
  return fields.map(({ name, kind, children }) => {
    const mapped = mappedByName.get(name)
    const inside = withMappedIds(children, mapped?.fields ?? [])
    return mapped?.fieldId === undefined
      ? { name, kind, children: inside }
      : { name, kind, children: inside, fieldId: mapped.fieldId }
  })
}

/** Whether a field has an id at any depth: then all are found by ids. */
export function hasFieldIds(fields: readonly ParquetField[]): boolean {
  return fields.some(field => field.fieldId !== undefined || hasFieldIds(field.children))
}
