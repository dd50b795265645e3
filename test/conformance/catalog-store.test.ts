import { openPostgresFixture, withPostgres } from '../support/postgres-fixture.ts'
import { openLibsqlStores } from './catalog-fixtures.ts'
import { checkCatalogStore } from './catalog-store.ts'

checkCatalogStore('libsql', async () => {
  const fixture = await openLibsqlStores()
  return { ...fixture, store: await fixture.open() }
})

checkCatalogStore(
  'postgres',
  async () => {
    const fixture = await openPostgresFixture()
    return { ...fixture, store: await fixture.open() }
  },
  withPostgres,
)
