/** What is worth saying of a failure that may come again with every run. */
export type FailureNews =
  /** It is new, or another one than before. */
  | { readonly type: 'new' }
  /** It has not gone away, and nothing was said of it for a while. */
  | { readonly type: 'lasting'; readonly runs: number; readonly sinceMs: number }

/** How long a failure that lasts goes without being mentioned again. */
const REMIND_AFTER_MS = 5 * 60_000

interface Failure {
  readonly text: string
  readonly sinceMs: number
  runs: number
  toldAtMs: number
}

/**
 * Remembers what failed, so that a lake that tries again every few seconds tells of a failure when it comes, when it changes,
 * when it is mended and, rarely, that it lasts.
 */
export class LastingFailures {
  readonly #failures = new Map<string, Failure>()

  /** To be called for every failure of `what`; undefined: nothing worth saying. */
  failed(what: string, text: string, nowMs: number): FailureNews | undefined {
    const known = this.#failures.get(what)
    if (known?.text !== text) {
      this.#failures.set(what, { text, sinceMs: nowMs, runs: 1, toldAtMs: nowMs })
      return { type: 'new' }
    }
    known.runs += 1
    if (nowMs - known.toldAtMs < REMIND_AFTER_MS) return undefined
    known.toldAtMs = nowMs
    return { type: 'lasting', runs: known.runs, sinceMs: known.sinceMs }
  }

  /** To be called for every success of `what`: after how many failed runs it is mended; undefined when it did not fail. */
  succeeded(what: string): number | undefined {
    const known = this.#failures.get(what)
    this.#failures.delete(what)
    return known?.runs
  }
}
