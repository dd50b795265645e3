import { randomFraction } from '../../src/random.ts'
import { type RunResult, runScenario } from './run-scenario.ts'
import type { Damage, ScenarioKind } from './scenario.ts'
import { createSeededRandom } from './seeded-random.ts'
import type { FaultType, PlannedFault, StepKind, Variant } from './world.ts'

const FAULTS_BY_STEP: Readonly<Record<StepKind, readonly FaultType[]>> = {
  read: ['power-loss', 'kill', 'fail'],
  write: ['power-loss', 'kill', 'fail', 'lose-answer'],
  commit: ['power-loss', 'kill', 'fail', 'lose-answer', 'late'],
}

/** The second fault of a run comes within this many steps after the first: often while the first is recovered from. */
const SECOND_FAULT_STEPS_MAX = 60

export interface Finding {
  readonly scenario: string
  readonly seed: number
  readonly faults: readonly PlannedFault[]
  readonly damages: readonly Damage[]
}

export interface Exploration {
  readonly pointsCount: number
  readonly findings: readonly Finding[]
}

export interface ExploreOptions {
  readonly variant: Variant
  readonly seeds: readonly number[]
  /** Looks no further when one run did damage. @default false */
  readonly stopsAtFirst?: boolean
  /** Every one of this many points. @default 1 */
  readonly stride?: number
}

/**
 * Runs a scenario once for every step that it takes and every fault that can meet the step; for every second seed with
 * another fault soon after it. Fewer points only when told so.
 */
export async function explore(kind: ScenarioKind, options: ExploreOptions): Promise<Exploration> {
  const findings: Finding[] = []
  let pointsCount = 0
  for (const seed of options.seeds) {
    for (const faults of await planFaults(kind, seed, options)) {
      const { damages } = await runScenario(kind, { seed, variant: options.variant, faults })
      pointsCount += 1
      if (damages.length === 0) continue
      findings.push({ scenario: kind.name, seed, faults, damages })
      if (options.stopsAtFirst) return { pointsCount, findings }
    }
  }
  return { pointsCount, findings }
}

async function planFaults(
  kind: ScenarioKind,
  seed: number,
  { variant, stride = 1 }: ExploreOptions,
): Promise<readonly (readonly PlannedFault[])[]> {
  const { steps }: RunResult = await runScenario(kind, { seed, variant, faults: [] })
  const random = createSeededRandom(seed)
  const plans = steps.flatMap((step, index) =>
    FAULTS_BY_STEP[step].map((type): readonly PlannedFault[] => {
      const first = { step: index, type }
      return seed % 2 === 1
        ? [first]
        : [first, secondFault(index, randomFraction(random), randomFraction(random))]
    }),
  )
  return plans.filter((_, index) => (index + seed) % stride === 0)
}

function secondFault(firstStep: number, when: number, which: number): PlannedFault {
  const types = FAULTS_BY_STEP.write
  return {
    step: firstStep + 1 + Math.floor(when * SECOND_FAULT_STEPS_MAX),
    type: types[Math.floor(which * types.length)] ?? 'power-loss',
  }
}
