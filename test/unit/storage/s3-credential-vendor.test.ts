import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { isIngotError } from '../../../src/errors.ts'
import { systemRandom } from '../../../src/random.ts'
import {
  createS3CredentialVendor,
  type S3CredentialRequest,
  type S3CredentialVendor,
} from '../../../src/storage/s3-credential-vendor.ts'
import { sessionPolicyOf } from '../../../src/storage/s3-session-policy.ts'
import { FakeSts, stsRefusal } from '../../support/fake-sts.ts'

const ROLE = 'arn:aws:iam::123456789012:role/lake'
const CATALOG = { accessKeyId: 'AKIACATALOG', secretAccessKey: 'CATALOGSECRET' }
const ORDERS: S3CredentialRequest = { folder: 's3://lake/silver/orders-1', alsoRead: [], mode: 'read' }
const HALF_OF_IT_MS = 450_000

interface Lab {
  readonly sts: FakeSts
  readonly vendor: S3CredentialVendor
  readonly clock: { passedMs: number }
}

async function withVendor(check: (lab: Lab) => Promise<void>): Promise<void> {
  await using sts = await FakeSts.start()
  const clock = { passedMs: 0 }
  const vendor = createS3CredentialVendor({
    roleArn: ROLE,
    durationSeconds: 900,
    endpoint: sts.endpoint,
    region: 'eu-west-1',
    credentials: CATALOG,
    clock: { nowMs: () => clock.passedMs, sleep: async () => undefined },
    random: systemRandom,
  })
  await check({ sts, vendor, clock })
}

test('a session is asked for with the role, its name, how long it lasts, and the policy of the request', () =>
  withVendor(async ({ sts, vendor }) => {
    const vended = await vendor.vend({ ...ORDERS, principal: 'ann@example.org' })
    assert.deepEqual(vended, {
      accessKeyId: 'ASIA1',
      secretAccessKey: 'VENDEDSECRET1x',
      sessionToken: 'TOKEN1',
      expiresAtMs: Date.parse('2030-01-01T00:00:00Z'),
      region: 'eu-west-1',
    })
    const { Version: _, ...asked } = Object.fromEntries(sts.requests[0] ?? [])
    assert.deepEqual(asked, {
      Action: 'AssumeRole',
      RoleArn: ROLE,
      RoleSessionName: 'ingot-ann@example.org',
      DurationSeconds: '900',
      Policy: sessionPolicyOf(ORDERS, 'aws'),
    })
    await vendor.vend({ ...ORDERS, principal: 'x'.repeat(64) })
    assert.equal(sts.requests[1]?.get('RoleSessionName')?.length, 64)
    await vendor.vend(ORDERS)
    assert.equal(sts.requests[2]?.get('RoleSessionName'), 'ingot')
  }))

test('one session serves all who ask for the same, at once or later, until half of its time is over', () =>
  withVendor(async ({ sts, vendor, clock }) => {
    const both = await Promise.all([vendor.vend(ORDERS), vendor.vend({ ...ORDERS })])
    assert.deepEqual(both[0], both[1])
    clock.passedMs = HALF_OF_IT_MS - 1
    assert.deepEqual(await vendor.vend(ORDERS), both[0])
    assert.equal(sts.requests.length, 1)
    clock.passedMs = HALF_OF_IT_MS
    assert.equal((await vendor.vend(ORDERS)).accessKeyId, 'ASIA2')
    assert.equal((await vendor.vend(ORDERS)).accessKeyId, 'ASIA2')
  }))

test('nobody gets the session of another folder, of more rights or of another principal', () =>
  withVendor(async ({ sts, vendor }) => {
    const requests: readonly S3CredentialRequest[] = [
      ORDERS,
      { ...ORDERS, mode: 'write' },
      { ...ORDERS, folder: 's3://lake/silver/orders-2' },
      { ...ORDERS, alsoRead: ['s3://lake/silver/orders-2'] },
      { ...ORDERS, principal: 'ann' },
      { ...ORDERS, principal: 'bob' },
    ]
    for (const request of requests) await vendor.vend(request)
    for (const request of requests) await vendor.vend(request)
    assert.equal(sts.requests.length, requests.length)
  }))

test('what STS refuses is told with the role and its reason, without a secret, and asked for anew', () =>
  withVendor(async ({ sts, vendor }) => {
    const refusals = [
      [403, 'AccessDenied', 'User: u is not authorized to perform: sts:AssumeRole', /let the role trust/],
      [400, 'ValidationError', 'DurationSeconds exceeds the MaxSessionDuration', /durationSeconds/],
      [
        403,
        'InvalidClientTokenId',
        'The security token included in the request is invalid',
        /check the cred/,
      ],
      [400, 'PackedPolicyTooLargeException', 'Packed policy consumes 120%', /request id/],
    ] as const
    for (const [status, code, message, hint] of refusals) {
      sts.refusals.push(stsRefusal(status, code, message))
      await assert.rejects(
        () => vendor.vend(ORDERS),
        error => {
          assert.ok(isIngotError(error, 'STORAGE_FAILED'), inspect(error))
          assert.ok(
            error.message.includes(ROLE) && error.message.includes(`${code}, ${message}`),
            error.message,
          )
          assert.match(error.hint ?? '', hint)
          assert.equal(error.retryable, false)
          assert.doesNotMatch(inspect(error, { depth: 9 }), /CATALOGSECRET|Signature/)
          return true
        },
      )
    }
    assert.equal((await vendor.vend(ORDERS)).accessKeyId, 'ASIA5')
  }))

test('what passes is tried again', () =>
  withVendor(async ({ sts, vendor }) => {
    sts.refusals.push(stsRefusal(503, 'ServiceUnavailable', 'later'), stsRefusal(400, 'Throttling', 'slower'))
    assert.match((await vendor.vend(ORDERS)).accessKeyId, /^ASIA/)
  }))

test('an STS that is not there, and an answer without credentials, are no credentials', () =>
  withVendor(async ({ sts, vendor }) => {
    sts.refusals.push(...Array.from({ length: 8 }, () => ({ status: 200, body: '<AssumeRoleResponse/>' })))
    const isFailed = (pattern: RegExp) => (error: unknown) =>
      isIngotError(error, 'STORAGE_FAILED') && pattern.test(`${error.message} ${error.hint}`)
    await assert.rejects(() => vendor.vend(ORDERS), isFailed(/gave no credentials of arn:/))
    await sts[Symbol.asyncDispose]()
    await assert.rejects(() => vendor.vend(ORDERS), isFailed(/ECONNREFUSED.*stsEndpoint/s))
  }))

test('more folders than a policy takes are refused before STS is asked', () =>
  withVendor(async ({ sts, vendor }) => {
    const alsoRead = Array.from(
      { length: 25 },
      (_, index) => `s3://lake/silver/a-table-of-some-quite-long-name-${index}`,
    )
    await assert.rejects(
      () => vendor.vend({ ...ORDERS, alsoRead }),
      error => isIngotError(error, 'UNSUPPORTED') && /and 25 folders more/.test(error.message),
    )
    assert.equal(sts.requests.length, 0)
  }))
