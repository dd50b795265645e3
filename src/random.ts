import { randomBytes } from 'node:crypto'

/** Randomness, passed in everywhere so that a simulation can seed it. */
export interface Random {
  bytes(count: number): Uint8Array
}

export const systemRandom: Random = { bytes: count => randomBytes(count) }

/** A random (version 4) UUID in its text form. */
export function randomUuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A snapshot id: 63 random bits, never 0. */
export function randomSnapshotId(random: Random): bigint {
  const id = Buffer.from(random.bytes(8)).readBigUInt64BE() & 0x7fffffffffffffffn
  return id === 0n ? 1n : id
}

/** A number in [0, 1) from 32 random bits, for jitter. */
export function randomFraction(random: Random): number {
  return Buffer.from(random.bytes(4)).readUInt32BE() / 0x1_0000_0000
}

/** `ms` less up to half of it, for those who wait on one another not to come back at the same moment. */
export function jittered(ms: number, random: Random): number {
  return ms * (0.5 + randomFraction(random) / 2)
}
