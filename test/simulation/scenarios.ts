import type { ScenarioKind } from './scenario.ts'
import { rivalFileLoaders } from './scenarios/files.ts'
import { keyedAppends, rivalAppends } from './scenarios/keyed-appends.ts'
import { rivalLoaders } from './scenarios/loaders.ts'
import { lateWriter, sharedFiles } from './scenarios/maintenance.ts'
import { rivalRuns } from './scenarios/runs.ts'

/**
 * Every scenario that the protocol must survive, the dearest first, and the seeds that CI explores: more where a run is
 * cheap. Even seeds have a second fault.
 */
export const SCENARIOS: readonly (ScenarioKind & { readonly seeds: readonly number[] })[] = [
  { ...rivalRuns, seeds: [2] },
  { ...rivalFileLoaders, seeds: [1, 2] },
  { ...lateWriter, seeds: [2] },
  { ...sharedFiles, seeds: [1] },
  { ...rivalAppends, seeds: [1, 2, 3, 4] },
  { ...rivalLoaders, seeds: [1, 2, 3, 4] },
  { ...keyedAppends, seeds: [1, 2, 3, 4, 5, 6, 7, 8] },
]
