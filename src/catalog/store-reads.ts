import type { TableIdentifier } from '../table-identifier.ts'
import type { CatalogStore, NamespaceRecord } from './store.ts'
import { namespaceNotFound, nameTaken } from './store-refusals.ts'

/** @throws NAMESPACE_NOT_FOUND */
export async function requireNamespace(
  store: CatalogStore,
  namespace: readonly string[],
): Promise<NamespaceRecord> {
  const record = await store.namespace(namespace)
  if (record === undefined) throw namespaceNotFound(namespace)
  return record
}

/** Early, for a good message; the creation itself is what decides. @throws TABLE_EXISTS */
export async function requireNameFree(store: CatalogStore, identifier: TableIdentifier): Promise<void> {
  const found = await Promise.all([store.pointer(identifier), store.pointer(identifier, 'view')])
  if (found.some(location => location !== undefined)) throw nameTaken(identifier)
}

/** Identifiers of one namespace in the order of their names. */
export function sortByName(identifiers: readonly TableIdentifier[]): readonly TableIdentifier[] {
  return identifiers.toSorted((a, b) => compareText(a.name, b.name))
}

/** The order of UTF-16 code units, the same everywhere. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
