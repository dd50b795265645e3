import type { Catalog, LoadedTable } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import { isIngotError } from '../errors.ts'
import { statedProgress } from '../table/progress.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { CatalogState } from './named-snapshots.ts'

/**
 * The tables of a catalog as they are, and the versions that its history has. The versions come first, so that of a table that
 * is dropped or renamed in between the one or the other is there.
 */
export async function loadCatalogState(catalog: Catalog): Promise<CatalogState> {
  const versions = await catalog.tableVersions()
  const tables: LoadedTable[] = []
  for (const identifier of await listAllTables(catalog)) {
    const table = await loadIfThere(catalog, identifier)
    if (table !== undefined) tables.push(table)
  }
  return { tables, versions }
}

async function loadIfThere(catalog: Catalog, identifier: TableIdentifier): Promise<LoadedTable | undefined> {
  try {
    return await catalog.loadTable(identifier)
  } catch (error) {
    if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
    throw error
  }
}

/** Every snapshot that the progress of any branch or tag of the tables names, whatever the shape of the progress. */
export function consumedSnapshots(tables: readonly LoadedTable[]): ReadonlySet<bigint> {
  const consumed = new Set<bigint>()
  for (const { metadata } of tables) {
    for (const ref of Object.values(metadata.refs)) {
      const text = statedProgress(metadata, ref['snapshot-id'])?.text ?? ''
      // Any number may be one: ids are random, so that others are no snapshot of any table.
      for (const [digits] of text.matchAll(/\d{1,19}/g)) consumed.add(BigInt(digits))
    }
  }
  return consumed
}
