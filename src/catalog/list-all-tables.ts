import type { TableIdentifier } from '../table-identifier.ts'
import type { Catalog } from './catalog.ts'

/** Every table of a catalog, by namespace and name. */
export async function listAllTables(catalog: Catalog): Promise<readonly TableIdentifier[]> {
  const namespaces = await catalog.listNamespaces()
  return (await Promise.all(namespaces.map(namespace => catalog.listTables(namespace)))).flat()
}
