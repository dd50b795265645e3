import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createCredential,
  hashSecret,
  matchesHash,
  parseBearerToken,
  toBearerToken,
} from '../../../src/access/credential.ts'
import { systemRandom } from '../../../src/random.ts'

test('a credential survives the way through a bearer token, whatever its bytes', () => {
  for (const byte of [0, 0x3f, 0xfb, 0xff]) {
    const credential = createCredential({ bytes: count => new Uint8Array(count).fill(byte) })
    assert.deepEqual(parseBearerToken(toBearerToken(credential)), credential)
  }
  const [a, b] = [createCredential(systemRandom), createCredential(systemRandom)]
  assert.notEqual(a.clientSecret, b.clientSecret)
})

test('a text that is no token is none', () => {
  for (const text of [
    '',
    'ingot_',
    'ingot_a',
    'ingot_a_',
    'other_a_b',
    'ingot_a_b_c',
    'ingot_a_b\n',
    ` ingot_a_b`,
  ]) {
    assert.equal(parseBearerToken(text), undefined, JSON.stringify(text))
  }
})

test('only the secret itself matches its hash, which does not contain it', () => {
  const { clientSecret } = createCredential(systemRandom)
  const hash = hashSecret(clientSecret)
  assert.equal(matchesHash(clientSecret, hash), true)
  assert.equal(matchesHash(`${clientSecret}x`, hash), false)
  assert.equal(matchesHash('', hash), false)
  assert.equal(matchesHash(clientSecret, ''), false)
  assert.equal(hash.includes(clientSecret), false)
})
