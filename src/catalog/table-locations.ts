import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { resolvedInside } from './table-location.ts'

/**
 * The property of a clone that names, as a JSON list, the folders of the tables whose files it was made with. The catalog alone sets it:
 * files in these folders may be named by the table, and are read with the credentials that it comes with.
 */
export const CLONE_LOCATIONS = 'ingot.clone-locations'

/** Where the files of a table may lie. */
export interface TableLocations {
  /** The table's folder, which its writers write to. */
  readonly own: string
  /** Folders of other tables, files of which it may name: it never writes there. */
  readonly shared: readonly string[]
}

/**
 * The folders that a table's files may lie in: its own, and for a clone those of what it was made from.
 * @throws REQUEST_INVALID when the property says something else: a catalog keeps no such table
 */
export function locationsOf({
  location,
  properties,
}: Pick<TableMetadata, 'location' | 'properties'>): TableLocations {
  const text = properties[CLONE_LOCATIONS]
  const shared = text === undefined ? [] : parseLocations(text)
  return { own: location, shared: shared.filter(folder => folder !== location) }
}

function parseLocations(text: string): readonly string[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (Array.isArray(value) && value.every(folder => typeof folder === 'string')) return value
  throw new IngotError('REQUEST_INVALID', `properties.${CLONE_LOCATIONS} is no JSON list of locations`, {
    hint: 'leave it to the catalog: ingot clone sets it',
    context: { field: `properties.${CLONE_LOCATIONS}` },
  })
}

/**
 * Refuses a file that is not the table's: naming it would publish, and one day remove, a file of another table.
 * @param field what the error calls it
 * @throws REQUEST_INVALID
 */
export function requireFileOf({ own, shared }: TableLocations, location: string, field: string): void {
  if (resolvedInside(own, location) !== undefined) return
  if (shared.some(folder => resolvedInside(folder, location) !== undefined)) return
  const shown = location.slice(0, 1000)
  throw new IngotError('REQUEST_INVALID', `${field} ${JSON.stringify(shown)} is not inside ${own}`, {
    hint: 'a table names files in its own folder alone, and a clone those that it was made with',
    context: { field, location: shown, folder: own },
  })
}
