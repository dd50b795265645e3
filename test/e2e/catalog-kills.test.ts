import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { randomFraction } from '../../src/random.ts'
import { createSeededRandom } from '../simulation/seeded-random.ts'
import { CatalogLoad } from './catalog-load.ts'
import { ingot } from './ingot-process.ts'
import { withFolder } from './state.ts'
import { SupervisedCatalogs } from './supervised-catalogs.ts'

// `kill -9` of the catalog at instants that a seed draws, while clients commit; SEED=… draws them again.

const SEED = Number(process.env.SEED ?? randomInt(1_000_000))
const KILLS = 50
/** Within which it is killed again: of its first answer and, every other time, of the first that it did for a client. */
const LIFE_MS_MAX = 200

test(`a catalog that is killed ${KILLS} times under load loses nothing and does nothing twice`, async t => {
  const random = createSeededRandom(SEED)
  await withFolder(async folder => {
    const project = join(folder, 'lake')
    await ingot(['init', project])
    const catalogs = await SupervisedCatalogs.start(t, { project, count: 1 })
    const load = await CatalogLoad.begin(catalogs.urls, { committers: 3, appenders: 2 })
    const recoveriesMs: number[] = []
    for (let kill = 0; kill < KILLS; kill += 1) {
      if (kill % 2 === 1) await load.untilDone(1)
      // This timer is the fault itself.
      await after(randomFraction(random) * LIFE_MS_MAX)
      recoveriesMs.push(await catalogs.kill(0))
    }
    await load.end()
    await load.check()
    t.diagnostic(`SEED=${SEED}: ${load.count} commits and appends, met ${JSON.stringify(load.tally)}`)
    t.diagnostic(`from a kill to the next answer, in ms: ${shown(recoveriesMs)}`)
  })
})

function shown(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b).map(Math.round)
  return `median ${sorted[Math.floor(sorted.length / 2)]}, from ${sorted[0]} to ${sorted.at(-1)}`
}
