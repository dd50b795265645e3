import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../interop/interop-tools.ts'
import { S3_FAULTS, S3FaultPlan } from '../support/s3-faults.ts'
import { MOTO } from '../support/s3-server.ts'
import { exerciseFiles } from '../unit/storage/exercise-files.ts'

const SEED = Number(process.env.SEED ?? 20261124)
const FAULT_SHARE = 0.5
const FAULTS_MIN = 5000
/** Of each kind. */
const FAULTS_OF_KIND_MIN = 50

const SKIP = skipWithout(await MOTO.tool())

test(
  `${FAULTS_MIN} faults of S3 (SEED=${SEED}): no file is lost, created twice, half there, or taken from its creator`,
  SKIP,
  async () => {
    const plan = new S3FaultPlan(SEED, FAULT_SHARE)
    assert.deepEqual(await exerciseFiles(plan, FAULTS_MIN), [])
    for (const fault of S3_FAULTS) {
      assert.ok(
        (plan.counts.get(fault) ?? 0) >= FAULTS_OF_KIND_MIN,
        `${fault}: ${plan.counts.get(fault)} times`,
      )
    }
  },
)
