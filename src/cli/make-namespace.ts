import type { Catalog } from '../catalog/catalog.ts'
import { isIngotError } from '../errors.ts'

/** Makes a namespace unless it is there: by itself, so that it stays when what was to be put into it is refused. */
export async function makeNamespace(catalog: Catalog, namespace: readonly string[]): Promise<void> {
  const known = (await catalog.listNamespaces()).map(levels => JSON.stringify(levels))
  if (known.includes(JSON.stringify(namespace))) return
  try {
    await catalog.createNamespace(namespace)
  } catch (error) {
    if (!isIngotError(error, 'NAMESPACE_EXISTS')) throw error
  }
}
