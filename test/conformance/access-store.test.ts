import { openPostgresFixture, withPostgres } from '../support/postgres-fixture.ts'
import { checkAccessStore } from './access-store.ts'
import { openLibsqlStores } from './catalog-fixtures.ts'

checkAccessStore('libsql', async () => {
  const fixture = await openLibsqlStores()
  return { ...fixture, store: await fixture.open() }
})

checkAccessStore(
  'postgres',
  async () => {
    const fixture = await openPostgresFixture()
    return { ...fixture, store: await fixture.open() }
  },
  withPostgres,
)
