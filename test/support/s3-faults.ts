import { createHash } from 'node:crypto'
import { randomFraction } from '../../src/random.ts'
import { createSeededRandom } from '../simulation/seeded-random.ts'

/**
 * What can happen to a request. `refused…`: the store never sees it; `applied…`: it does, and the client is told otherwise or
 * nothing; `late`: it does after the client has given up; `truncated`: half of the answer arrives.
 */
export const S3_FAULTS = [
  'refused by 500',
  'refused by 503',
  'refused by 409',
  'refused by 412',
  'refused by a reset',
  'applied, answered 500',
  'applied, answered 412',
  'applied, unanswered',
  'truncated',
  'late',
] as const

export type S3Fault = (typeof S3_FAULTS)[number]

/** Each one costs the time that a client waits for an answer. */
const LATE_SHARE = 0.02

/** Decides by the seed and by which request of its kind it is, so that the order in which requests arrive changes nothing. */
export class S3FaultPlan {
  readonly seed: number
  readonly counts = new Map<S3Fault, number>()
  readonly #share: number
  readonly #requests = new Map<string, number>()

  /** `share` of the requests have a fault. */
  constructor(seed: number, share: number) {
    this.seed = seed
    this.#share = share
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** `isConditional`: the request may be answered 412. */
  next(request: string, isConditional: boolean): S3Fault | undefined {
    const nth = (this.#requests.get(request) ?? 0) + 1
    this.#requests.set(request, nth)
    const digest = createHash('sha256')
      .update(JSON.stringify([this.seed, request, nth]))
      .digest()
    const random = createSeededRandom(digest.readInt32BE())
    if (randomFraction(random) >= this.#share) return undefined
    const fault = chooseFault(randomFraction(random), randomFraction(random), isConditional)
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1)
    return fault
  }
}

function chooseFault(late: number, choice: number, isConditional: boolean): S3Fault {
  if (late < LATE_SHARE) return 'late'
  const possible = S3_FAULTS.filter(fault => fault !== 'late' && (isConditional || !fault.endsWith('412')))
  return possible[Math.floor(choice * possible.length)] ?? 'refused by 500'
}
