import type { Catalog } from '../catalog/catalog.ts'
import { quarantinedIdentifier } from '../lake/quarantine.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** The table that a quarantine table belongs to; undefined for any other table, and where that one is gone. */
export async function quarantineOwner(
  catalog: Catalog,
  identifier: TableIdentifier,
): Promise<TableIdentifier | undefined> {
  const owner = quarantinedIdentifier(identifier)
  if (owner === undefined) return undefined
  const siblings = await catalog.listTables(owner.namespace)
  return siblings.some(({ name }) => name === owner.name) ? owner : undefined
}
