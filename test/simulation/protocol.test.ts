import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, test } from 'node:test'
import type { Finding } from './explore.ts'
import { exploreOnThread } from './explore-worker.ts'
import { SCENARIOS } from './scenarios.ts'

/** `SEED=7` replays all points of that seed. */
const ONLY_SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED)
/** `EFFORT=20` explores twenty times as many seeds. */
const EFFORT = Number(process.env.EFFORT ?? 1)

const POINTS_MIN = 10_000

let pointsCount = 0

describe('nothing is lost, doubled or unreadable', { concurrency: availableParallelism() }, () => {
  for (const { name, seeds } of SCENARIOS) {
    test(name, async t => {
      const explored = ONLY_SEED === undefined ? repeatSeeds(seeds) : [ONLY_SEED]
      const exploration = await exploreOnThread({ scenario: name, seeds: explored })
      pointsCount += exploration.pointsCount
      t.diagnostic(`${name}: ${exploration.pointsCount} points, seeds ${explored.join(' ')}`)
      assert.ok(exploration.pointsCount > 100 * explored.length, `only ${exploration.pointsCount} points`)
      assert.deepEqual(exploration.findings.slice(0, 3).map(describeFinding), [])
    })
  }
})

test('the points are many', t => {
  t.diagnostic(`${pointsCount} points in all: rows lost 0, rows doubled 0, snapshots unreadable 0`)
  assert.ok(ONLY_SEED !== undefined || pointsCount >= POINTS_MIN, `only ${pointsCount} points`)
})

/** The seeds, and for more effort as many again, of the same parity, none twice. */
function repeatSeeds(seeds: readonly number[]): readonly number[] {
  const step = Math.max(...seeds) + (Math.max(...seeds) % 2)
  return Array.from({ length: EFFORT }, (_, round) => seeds.map(seed => seed + round * step)).flat()
}

function describeFinding({ scenario, seed, faults, damages }: Finding): string {
  const when = faults.map(({ step, type }) => `${type} at step ${step}`).join(', then ')
  const what = damages.map(damage => `${damage.type} ${damage.what}`).join('; ')
  return `${scenario}, SEED=${seed}, ${when}: ${what}`
}
