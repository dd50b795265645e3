import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, type Finding } from './explore.ts'
import { SCENARIOS } from './scenarios.ts'
import { SOUND } from './world.ts'

/** `SEED=7` replays all points of that seed. */
const ONLY_SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED)
/** `EFFORT=20` explores twenty times as many seeds. */
const EFFORT = Number(process.env.EFFORT ?? 1)

let pointsCount = 0

for (const scenario of SCENARIOS) {
  const seeds = ONLY_SEED === undefined ? firstSeeds(scenario.seedsCount * EFFORT) : [ONLY_SEED]
  test(`nothing is lost, doubled or unreadable: ${scenario.name}`, async t => {
    const exploration = await explore(scenario, { variant: SOUND, seeds })
    pointsCount += exploration.pointsCount
    t.diagnostic(`${exploration.pointsCount} points, seeds ${seeds.at(0)} to ${seeds.at(-1)}`)
    assert.ok(exploration.pointsCount > 100 * seeds.length, `only ${exploration.pointsCount} points`)
    assert.deepEqual(exploration.findings.slice(0, 3).map(describe), [])
  })
}

test('the points are many', t => {
  t.diagnostic(`${pointsCount} points in all: rows lost 0, rows doubled 0, snapshots unreadable 0`)
  assert.ok(ONLY_SEED !== undefined || pointsCount >= 10_000, `only ${pointsCount} points`)
})

function firstSeeds(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

function describe({ scenario, seed, faults, damages }: Finding): string {
  const when = faults.map(({ step, type }) => `${type} at step ${step}`).join(', then ')
  const what = damages.map(damage => `${damage.type} ${damage.what}`).join('; ')
  return `${scenario}, SEED=${seed}, ${when}: ${what}`
}
