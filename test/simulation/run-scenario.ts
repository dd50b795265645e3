import { createTables, type Damage, findUnreadable, type Scenario, type ScenarioKind } from './scenario.ts'
import {
  type PlannedFault,
  type Process,
  SimulatedCrash,
  type StepKind,
  type Variant,
  World,
} from './world.ts'

export interface Run {
  readonly seed: number
  readonly variant: Variant
  readonly faults: readonly PlannedFault[]
}

export interface RunResult {
  /** What its steps were, up to its end. */
  readonly steps: readonly StepKind[]
  readonly damages: readonly Damage[]
}

/** Runs a scenario to its end through the faults, restarting what died, and looks for damage after each power loss and at the end. */
export async function runScenario(kind: ScenarioKind, run: Run): Promise<RunResult> {
  const world = new World(run.seed, run.variant, run.faults)
  const scenario = kind.create()
  await world.scheduler.drive(createTables(world.startProcess().context, scenario.tables))
  const damages: Damage[] = []
  for (;;) {
    world.letFaultsLoose()
    damages.push(...(await runWorkers(world, scenario)))
    world.stopFaults()
    if (!world.isDown) break
    world.restore()
    damages.push(...(await inspect(world, context => findUnreadable(context, scenario.tables))))
    if (damages.length > 0) break
  }
  if (damages.length === 0) damages.push(...(await inspect(world, context => inspectEnd(context, scenario))))
  return { steps: world.steps, damages }
}

async function inspectEnd(context: Process['context'], scenario: Scenario): Promise<readonly Damage[]> {
  const unreadable = await findUnreadable(context, scenario.tables)
  return unreadable.length > 0 ? unreadable : scenario.verify(context)
}

async function inspect(
  world: World,
  look: (context: Process['context']) => Promise<readonly Damage[]>,
): Promise<readonly Damage[]> {
  return world.scheduler.drive(look(world.startProcess().context))
}

/** Until every worker is done, or the power is gone. */
async function runWorkers(world: World, scenario: Scenario): Promise<readonly Damage[]> {
  const lives = scenario.workers.map(work => liveUntilDone(world, work))
  const results = await world.scheduler.drive(Promise.allSettled(lives))
  return results.flatMap((result): Damage[] =>
    result.status === 'fulfilled' ? [] : [{ type: 'stuck', what: String(result.reason) }],
  )
}

async function liveUntilDone(world: World, work: Scenario['workers'][number]): Promise<void> {
  for (;;) {
    const process = world.startProcess()
    try {
      return await work(process)
    } catch (error) {
      // What a dying process says does not matter: it may have taken the end of the world for something else.
      if (!process.isDead && !(error instanceof SimulatedCrash)) throw error
      if (world.isDown) return
    }
  }
}
