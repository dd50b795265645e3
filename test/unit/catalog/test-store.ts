import { join } from 'node:path'
import { createLibsqlStore } from '../../../src/catalog/libsql-store.ts'
import type { CatalogStore } from '../../../src/catalog/store.ts'
import { eagerClock } from '../../conformance/catalog-samples.ts'

/** A store of its own over the file of a LocalFixture's folder. */
export function openTestStore(folder: string): Promise<CatalogStore> {
  return createLibsqlStore({ file: join(folder, 'catalog.db'), clock: eagerClock })
}
