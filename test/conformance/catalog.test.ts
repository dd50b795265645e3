import { createRestCatalog } from '../../src/catalog/rest-catalog.ts'
import { systemRandom } from '../../src/random.ts'
import { openPostgresFixture, withPostgres } from '../support/postgres-fixture.ts'
import { checkCatalog } from './catalog.ts'
import { openLocalFixture, serveCatalog } from './catalog-fixtures.ts'
import { eagerClock } from './catalog-samples.ts'

checkCatalog('local', () => openLocalFixture())

checkCatalog(
  'local over postgres',
  async () => {
    const postgres = await openPostgresFixture()
    return openLocalFixture(() => postgres.open())
  },
  withPostgres,
)

checkCatalog('rest', async () => {
  const local = await openLocalFixture()
  const server = await serveCatalog(local.catalog)
  const catalog = createRestCatalog({ url: server.url, clock: eagerClock, random: systemRandom })
  const dispose = async (): Promise<void> => {
    await catalog.close()
    await server.close()
    await local.dispose()
  }
  return { ...local, catalog, dispose }
})
