import type { ScenarioKind } from './scenario.ts'
import { rivalFileLoaders } from './scenarios/files.ts'
import { keyedAppends, rivalAppends } from './scenarios/keyed-appends.ts'
import { rivalLoaders } from './scenarios/loaders.ts'
import { rivalRuns } from './scenarios/runs.ts'

/** Every scenario that the protocol must survive, and for how many seeds CI explores it: more where a run is cheap. */
export const SCENARIOS: readonly (ScenarioKind & { readonly seedsCount: number })[] = [
  { ...keyedAppends, seedsCount: 8 },
  { ...rivalAppends, seedsCount: 4 },
  { ...rivalLoaders, seedsCount: 4 },
  { ...rivalRuns, seedsCount: 2 },
  { ...rivalFileLoaders, seedsCount: 2 },
]
