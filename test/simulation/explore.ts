import { type Random, randomFraction } from '../../src/random.ts'
import { type RunResult, runScenario } from './run-scenario.ts'
import type { Damage, ScenarioKind } from './scenario.ts'
import { createSeededRandom } from './seeded-random.ts'
import type { FaultType, PlannedFault, StepKind, Variant } from './world.ts'

/** A read changes nothing, so that a crash at it is the crash at the next write. */
const FAULTS_BY_STEP: Readonly<Record<StepKind, readonly FaultType[]>> = {
  read: ['fail'],
  write: ['power-loss', 'kill', 'fail', 'lose-answer'],
  commit: ['power-loss', 'kill', 'fail', 'lose-answer', 'late', 'kill-after', 'power-loss-after'],
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
  /** Looks no further after such a finding. @default none */
  readonly isEnough?: (finding: Finding) => boolean
  /** Every one of this many points. @default 1 */
  readonly stride?: number
}

/**
 * Runs a scenario once for every step that it takes and every fault that can meet the step; for every second seed with
 * another fault soon after it, and with every other fault at the next commit where the first one met a commit.
 */
export async function explore(kind: ScenarioKind, options: ExploreOptions): Promise<Exploration> {
  const findings: Finding[] = []
  let pointsCount = 0
  for (const seed of options.seeds) {
    for (const faults of await planFaults(kind, seed, options)) {
      const { damages } = await runScenario(kind, { seed, variant: options.variant, faults })
      pointsCount += 1
      if (damages.length === 0) continue
      const finding = { scenario: kind.name, seed, faults, damages }
      findings.push(finding)
      if (options.isEnough?.(finding)) return { pointsCount, findings }
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
  const plans = steps.flatMap((kindOfStep, step) =>
    FAULTS_BY_STEP[kindOfStep].flatMap((type): readonly (readonly PlannedFault[])[] => {
      const first = { step, type }
      if (seed % 2 === 1) return [[first]]
      const seconds = kindOfStep === 'commit' ? faultsAtNextCommit() : []
      return [...seconds, faultSoonAfter(step, random)].map(second => [first, second])
    }),
  )
  return plans.filter((_, index) => (index + seed) % stride === 0)
}

function faultsAtNextCommit(): readonly PlannedFault[] {
  return FAULTS_BY_STEP.commit.map(type => ({ step: 'next commit', type }))
}

function faultSoonAfter(step: number, random: Random): PlannedFault {
  const types = FAULTS_BY_STEP.write
  return {
    step: step + 1 + Math.floor(randomFraction(random) * SECOND_FAULT_STEPS_MAX),
    type: types[Math.floor(randomFraction(random) * types.length)] ?? 'power-loss',
  }
}
