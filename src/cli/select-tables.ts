import type { Catalog, LoadedTable } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { loadNamedTable } from './named-table.ts'

export interface TableSelection {
  /** Each is that of a table, or of a namespace, which stands for the tables directly in it. */
  readonly names: readonly string[]
  /** Every table, whatever the names. */
  readonly all: boolean
}

/**
 * The tables that a person means, each once, as they are now.
 * @throws REQUEST_INVALID when the selection is empty; TABLE_NOT_FOUND for a name that is neither a table's nor a namespace's
 */
export async function loadSelectedTables(
  catalog: Catalog,
  { names, all }: TableSelection,
): Promise<readonly LoadedTable[]> {
  if (names.length === 0 && !all) {
    throw new IngotError('REQUEST_INVALID', 'say which tables', {
      hint: 'name tables (silver.flights) or namespaces (silver), or give --all',
    })
  }
  const known = await listAllTables(catalog)
  if (all) return await loadThose(catalog, known)
  const loaded = await Promise.all(names.map(name => loadByName(catalog, known, name)))
  return [...new Map(loaded.flat().map(table => [identifierKey(table.identifier), table])).values()]
}

async function loadByName(
  catalog: Catalog,
  known: readonly TableIdentifier[],
  name: string,
): Promise<readonly LoadedTable[]> {
  const inside = known.filter(({ namespace }) => namespace.join('.') === name)
  return inside.length > 0 ? await loadThose(catalog, inside) : [await loadNamedTable(catalog, name)]
}

/** Without those that were dropped since they were listed. */
async function loadThose(
  catalog: Catalog,
  identifiers: readonly TableIdentifier[],
): Promise<readonly LoadedTable[]> {
  const loaded = await Promise.all(
    identifiers.map(async identifier => {
      try {
        return [await catalog.loadTable(identifier)]
      } catch (error) {
        if (isIngotError(error, 'TABLE_NOT_FOUND')) return []
        throw error
      }
    }),
  )
  return loaded.flat()
}
