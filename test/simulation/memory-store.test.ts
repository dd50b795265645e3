import { createLocalCatalog } from '../../src/catalog/local-catalog.ts'
import { createMemoryFileIO } from '../../src/storage/memory-file-io.ts'
import { checkCatalog } from '../conformance/catalog.ts'
import { eagerClock } from '../conformance/catalog-samples.ts'
import { checkCatalogStore } from '../conformance/catalog-store.ts'
import { MemoryStore } from './memory-store.ts'
import { createSeededRandom } from './seeded-random.ts'
import { ROOT } from './world.ts'

// The simulation proves nothing about the product unless its store behaves as the product's stores do.
checkCatalog('local over the store of the simulation', async () => {
  const io = createMemoryFileIO()
  const catalog = createLocalCatalog({
    store: new MemoryStore(),
    io,
    clock: eagerClock,
    random: createSeededRandom(1),
    root: ROOT,
  })
  return { catalog, io, root: ROOT, dispose: () => catalog.close() }
})

checkCatalogStore('of the simulation', async () => {
  const store = new MemoryStore()
  return { store, open: async () => store, dispose: () => store.close() }
})
