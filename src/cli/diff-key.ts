import { IngotError, isIngotError } from '../errors.ts'
import type { Schema } from '../format/types.ts'
import { openLake, type Platform } from '../platform.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'

/**
 * The columns by which rows of a table are known: those that the person names, else its identifier fields, else the key that
 * lake.ts declares. Undefined when there are none.
 * @throws REQUEST_INVALID when a column that is named is not there
 */
export async function diffKey(
  platform: Platform,
  table: { readonly identifier: TableIdentifier; readonly schema: Schema },
  text: string | undefined,
): Promise<readonly string[] | undefined> {
  const { schema } = table
  if (text !== undefined) return namedKey(schema, text)
  const ids = schema['identifier-field-ids'] ?? []
  const identifiers = schema.fields.filter(({ id }) => ids.includes(id))
  // One inside a struct is no column of its own.
  const isWhole = identifiers.length > 0 && identifiers.length === ids.length
  if (isWhole) return identifiers.map(({ name }) => name)
  const declared = await declaredKey(platform, table.identifier)
  const isThere = declared.length > 0 && declared.every(name => hasColumn(schema, name))
  return isThere ? declared : undefined
}

function namedKey(schema: Schema, text: string): readonly string[] {
  const names = text.split(',').map(name => name.trim())
  const unknown = names.find(name => !hasColumn(schema, name))
  if (unknown === undefined) return names
  throw new IngotError('REQUEST_INVALID', `--key names ${JSON.stringify(unknown)}, which is no column`, {
    hint: `the columns are ${schema.fields.map(({ name }) => name).join(', ')}; separate several by commas`,
  })
}

const hasColumn = (schema: Schema, name: string): boolean => schema.fields.some(field => field.name === name)

async function declaredKey(platform: Platform, identifier: TableIdentifier): Promise<readonly string[]> {
  try {
    const { tables } = await openLake(platform)
    const table = tables.find(other => identifierKey(other.identifier) === identifierKey(identifier))
    return table === undefined || table.kind === 'bronze' ? [] : table.key
  } catch (error) {
    // Rows can be compared without: a project that is not sound is no reason not to.
    if (isIngotError(error)) return []
    throw error
  }
}
