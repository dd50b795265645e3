import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { withPostgres } from '../support/postgres-fixture.ts'
import { PostgresServer } from '../support/postgres-server.ts'
import { CatalogLoad } from './catalog-load.ts'
import { ingot } from './ingot-process.ts'
import { withFolder } from './state.ts'
import { SupervisedCatalogs } from './supervised-catalogs.ts'

/** So much is done after each fault before the next, by clients that go to each of the catalogs in turn. */
const DONE_BETWEEN = 25

test(
  'three catalogs serve one lake on PostgreSQL: one is killed, and the database restarted and killed',
  withPostgres,
  async t => {
    await using server = await PostgresServer.start()
    const url = server.url(await server.createDatabase())
    await withFolder(async folder => {
      const project = join(folder, 'lake')
      await ingot(['init', project])
      const environment = { INGOT_CATALOG_POSTGRES_URL: url }
      const catalogs = await SupervisedCatalogs.start(t, { project, count: 3, environment })
      const load = await CatalogLoad.begin(catalogs.urls, { committers: 4, appenders: 3 })
      const faults = [() => catalogs.kill(0), () => server.restart(), () => server.killAndRestart()]
      for (const fault of faults) {
        await load.untilDone(DONE_BETWEEN)
        await fault()
      }
      await load.untilDone(DONE_BETWEEN)
      await load.end()
      t.diagnostic(`${load.count} commits and appends, met ${JSON.stringify(load.tally)}`)
      assert.ok(load.tally.conflicts > 0, 'the clients stood in one another’s way')
      assert.ok(load.tally.unavailable + load.tally.unknown > 0, 'what was away was missed')
      await load.check()
    })
  },
)
