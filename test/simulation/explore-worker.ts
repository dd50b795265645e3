import { parentPort, Worker, workerData } from 'node:worker_threads'
import { type Exploration, explore } from './explore.ts'
import { SCENARIOS } from './scenarios.ts'
import { SOUND } from './world.ts'

interface Job {
  /** The name of one of SCENARIOS. */
  readonly scenario: string
  readonly seeds: readonly number[]
}

/** Explores a scenario under the sound protocol on a thread of its own. */
export function exploreOnThread(job: Job): Promise<Exploration> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: job })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the thread ended with code ${code} and no answer`)))
  })
}

if (parentPort !== null) {
  const { scenario, seeds }: Job = workerData
  const kind = SCENARIOS.find(candidate => candidate.name === scenario)
  if (kind === undefined) throw new Error(`there is no scenario ${scenario}`)
  parentPort.postMessage(await explore(kind, { variant: SOUND, seeds }))
}
