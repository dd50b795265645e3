import type { ScenarioKind } from './scenario.ts'
import { rivalFileLoaders } from './scenarios/files.ts'
import { keyedAppends, rivalAppends } from './scenarios/keyed-appends.ts'
import { rivalLoaders } from './scenarios/loaders.ts'
import { rivalRuns } from './scenarios/runs.ts'

/** Every scenario that the protocol must survive. */
export const SCENARIOS: readonly ScenarioKind[] = [
  keyedAppends,
  rivalAppends,
  rivalLoaders,
  rivalRuns,
  rivalFileLoaders,
]
