import type { Random } from '../../src/random.ts'

/** Randomness that a seed replays (mulberry32); good enough to choose, not to hide. */
export function createSeededRandom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return { bytes: count => Uint8Array.from({ length: count }, () => next() & 0xff) }
}
