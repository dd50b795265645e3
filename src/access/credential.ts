import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../random.ts'

/** What a principal proves itself with: a client id, which is no secret, and a secret, which is shown once and never stored. */
export interface Credential {
  readonly clientId: string
  readonly clientSecret: string
}

const PREFIX = 'ingot'
const ID_BYTES = 9
const SECRET_BYTES = 32
const BEARER = /^ingot_([A-Za-z0-9-]{1,64})_([A-Za-z0-9-]{1,128})$/

/** A new credential of 256 random bits: too many to guess, so that its hash needs no salt and no slowness. */
export function createCredential(random: Random): Credential {
  return { clientId: randomText(random, ID_BYTES), clientSecret: randomText(random, SECRET_BYTES) }
}

/** The credential as one bearer token (RFC 6750): `ingot_<client id>_<client secret>`. */
export function toBearerToken({ clientId, clientSecret }: Credential): string {
  return `${PREFIX}_${clientId}_${clientSecret}`
}

/** Undefined when it is no token of ours. */
export function parseBearerToken(text: string): Credential | undefined {
  const [, clientId, clientSecret] = BEARER.exec(text) ?? []
  return clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret }
}

/** A credential from its two parts; undefined when they cannot be ours. */
export function parseCredential(clientId: string, clientSecret: string): Credential | undefined {
  return parseBearerToken(toBearerToken({ clientId, clientSecret }))
}

/** What is stored in place of a secret. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Whether `secret` has this hash; takes as long for a wrong one as for the right one. */
export function matchesHash(secret: string, hash: string): boolean {
  const [actual, expected] = [Buffer.from(hashSecret(secret)), Buffer.from(hash)]
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

/** Letters, digits and `-` alone, which is not the first: `_` separates the parts of a token, and nothing needs quoting in a shell. */
function randomText(random: Random, bytes: number): string {
  const text = Buffer.from(random.bytes(bytes)).toString('base64url')
  return text.replaceAll('_', '-').replace(/^-/, 'a')
}
