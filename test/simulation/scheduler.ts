import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../src/clock.ts'
import { type Random, randomFraction } from '../../src/random.ts'

/** Decides who goes next, and owns the time: of all that wait for their turn one goes on, chosen by `random`. */
export interface Scheduler {
  readonly clock: Clock
  /** Resolves when it is the caller's turn. */
  turn(): Promise<void>
  /** Gives turns, one at a time, until `work` is settled and nobody waits any more. */
  drive<T>(work: Promise<T>): Promise<T>
}

interface Sleeper {
  readonly wakesAtMs: number
  wake(): void
}

/** Nothing it drives may wait for the outside world (a socket, a thread), or its order is not replayable. */
export function createScheduler(random: Random): Scheduler {
  const waiting: (() => void)[] = []
  const sleeping: Sleeper[] = []
  let nowMs = Date.UTC(2026, 0, 1)

  function giveTurn(): boolean {
    if (waiting.length === 0) skipToNextWaking()
    wakeDue()
    const chosen = Math.floor(randomFraction(random) * waiting.length)
    const [next] = waiting.splice(chosen, 1)
    if (next === undefined) return false
    nowMs += 1
    next()
    return true
  }

  function skipToNextWaking(): void {
    const [next] = sleeping
    if (next !== undefined) nowMs = Math.max(nowMs, next.wakesAtMs)
  }

  /** Who slept long enough waits for a turn like anybody else. */
  function wakeDue(): void {
    for (let next = sleeping[0]; next !== undefined && next.wakesAtMs <= nowMs; next = sleeping[0]) {
      sleeping.shift()
      waiting.push(next.wake)
    }
  }

  return {
    clock: {
      nowMs: () => nowMs,
      sleep: ms =>
        new Promise(wake => {
          sleeping.push({ wakesAtMs: Math.ceil(nowMs + ms), wake })
          sleeping.sort((a, b) => a.wakesAtMs - b.wakesAtMs)
        }),
    },
    turn: () => new Promise(resolve => waiting.push(resolve)),
    async drive(work) {
      let isSettled = false
      const settle = (): void => {
        isSettled = true
      }
      work.then(settle, settle)
      for (;;) {
        // All that can go on without a turn has done so when the event loop comes round.
        await setImmediate()
        if (giveTurn()) continue
        assert.ok(isSettled, 'the simulation hangs: something waits, and not for its turn')
        return work
      }
    },
  }
}
