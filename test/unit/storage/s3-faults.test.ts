import assert from 'node:assert/strict'
import { test } from 'node:test'
import { S3Failure } from '../../../src/storage/s3-failure.ts'
import type { S3Requests } from '../../../src/storage/s3-requests.ts'
import { skipWithout } from '../../interop/interop-tools.ts'
import { S3FaultPlan } from '../../support/s3-faults.ts'
import { MOTO } from '../../support/s3-server.ts'
import { exerciseFiles } from './exercise-files.ts'

const SEED = 20261124
const FAULT_SHARE = 0.5
/** Thousands more: test/simulation/s3-faults.test.ts. */
const FAULTS_MIN = 400

const SKIP = skipWithout(await MOTO.tool())

test(
  `faults of S3 (seed ${SEED}): no file is lost, created twice, half there, or taken from its creator`,
  SKIP,
  async () => {
    assert.deepEqual(await exerciseFiles(new S3FaultPlan(SEED, FAULT_SHARE), FAULTS_MIN), [])
  },
)

const BROKEN: Readonly<Record<string, (requests: S3Requests) => Partial<S3Requests>>> = {
  'a file is never its own': requests => ({
    head: async object => {
      const found = await requests.head(object)
      return found && { ...found, writeId: undefined }
    },
  }),
  'a name that is taken is its own': requests => ({
    put: (...request) => requests.put(...request).catch(unlessFailure(({ status }) => status === 412)),
  }),
  'a write without an answer is done': requests => ({
    put: (...request) => requests.put(...request).catch(unlessFailure(({ status }) => status === undefined)),
  }),
}

function unlessFailure(isIgnored: (failure: S3Failure) => boolean): (error: unknown) => void {
  return error => {
    if (!(error instanceof S3Failure && isIgnored(error))) throw error
  }
}

for (const [mistake, breakRequests] of Object.entries(BROKEN)) {
  test(`faults of S3 find out a client for which ${mistake}`, SKIP, async () => {
    const found = await exerciseFiles(new S3FaultPlan(SEED, FAULT_SHARE), FAULTS_MIN, breakRequests)
    assert.notDeepEqual(found, [])
  })
}
