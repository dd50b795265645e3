import type { Clock } from '../clock.ts'
import { jittered, type Random } from '../random.ts'
import { S3Failure } from './s3-failure.ts'

/** In all about ten seconds: a throttled prefix or a restarted server is back by then. */
const ATTEMPTS_MAX = 8
const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 5000

/** Makes a request again, ever more slowly, as long as `mayRepeat` says so; then it throws what the last one threw. */
export type S3Retries = <T>(
  request: () => Promise<T>,
  mayRepeat?: (failure: S3Failure) => boolean,
) => Promise<T>

export function createS3Retries({
  clock,
  random,
}: {
  readonly clock: Clock
  readonly random: Random
}): S3Retries {
  return async (request, mayRepeat = failure => failure.transient) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request()
      } catch (error) {
        if (!(error instanceof S3Failure) || attempt === ATTEMPTS_MAX || !mayRepeat(error)) throw error
      }
      await clock.sleep(jittered(Math.min(PAUSE_FIRST_MS * 2 ** (attempt - 1), PAUSE_MAX_MS), random))
    }
  }
}
