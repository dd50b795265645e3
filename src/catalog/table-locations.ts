import type { TableMetadata } from '../format/metadata-types.ts'

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

/** The folders that a table's files may lie in: its own, and for a clone those of what it was made from. */
export function locationsOf({
  location,
  properties,
}: Pick<TableMetadata, 'location' | 'properties'>): TableLocations {
  const shared: unknown = JSON.parse(properties[CLONE_LOCATIONS] ?? '[]')
  const isList = Array.isArray(shared) && shared.every(folder => typeof folder === 'string')
  return { own: location, shared: isList ? shared.filter(folder => folder !== location) : [] }
}
