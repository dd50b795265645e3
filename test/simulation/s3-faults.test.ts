import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { createLibsqlStore } from '../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../src/catalog/local-catalog.ts'
import { parseTableMetadata } from '../../src/format/table-metadata.ts'
import type { FileIO } from '../../src/storage/file-io.ts'
import { eagerClock } from '../conformance/catalog-samples.ts'
import { skipWithout } from '../interop/interop-tools.ts'
import { checkLogicalCommits, commitLogically, createCountedTables } from '../support/logical-commits.ts'
import { S3_FAULTS, S3FaultPlan } from '../support/s3-faults.ts'
import { MOTO } from '../support/s3-server.ts'
import { exerciseFiles, withFaultyS3 } from '../unit/storage/exercise-files.ts'
import { createSeededRandom } from './seeded-random.ts'

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

const WRITERS = 3
const COMMITS_OF_WRITER = 12

test(
  `commits while S3 has faults (SEED=${SEED}): each counts once, and every version of every table is whole`,
  SKIP,
  async () => {
    const plan = new S3FaultPlan(SEED, FAULT_SHARE)
    const folder = await mkdtemp(join(tmpdir(), 'ingot-s3-commits-'))
    try {
      await withFaultyS3(plan, async ({ io, store, root, untilQuiet }) => {
        const setUp = await openCatalog(folder, store, root, 0)
        await createCountedTables(setUp)
        const logicalIds = await Promise.all(
          Array.from({ length: WRITERS }, async (_, index) => {
            const catalog = await openCatalog(folder, io, root, index + 1)
            const ids = await commitInTurn(catalog, `writer ${index}`)
            await catalog.close()
            return ids
          }),
        )
        await untilQuiet()
        await checkLogicalCommits(setUp, logicalIds.flat())
        await checkVersions(setUp, store)
        await setUp.close()
      })
    } finally {
      await rm(folder, { recursive: true })
    }
    assert.ok(plan.total >= WRITERS * COMMITS_OF_WRITER, `${plan.total} faults`)
  },
)

async function openCatalog(folder: string, io: FileIO, root: string, writer: number): Promise<Catalog> {
  const store = await createLibsqlStore({ file: join(folder, 'catalog.db'), clock: eagerClock })
  return createLocalCatalog({ store, io, clock: eagerClock, random: createSeededRandom(SEED + writer), root })
}

async function commitInTurn(catalog: Catalog, writer: string): Promise<readonly string[]> {
  const tally = { conflicts: 0, unavailable: 0, unknown: 0 }
  const ids = Array.from({ length: COMMITS_OF_WRITER }, (_, index) => `${writer}: ${index}`)
  for (const id of ids) await commitLogically(() => catalog, id, tally)
  return ids
}

/** No version that the catalog has ever pointed to was lost or changed by those who failed. */
async function checkVersions(catalog: Catalog, store: FileIO): Promise<void> {
  const versions = await catalog.tableVersions()
  assert.equal(versions.length, 2 * (1 + WRITERS * COMMITS_OF_WRITER))
  for (const { metadataLocation } of versions) {
    assert.ok(metadataLocation !== null, 'no table was dropped')
    parseTableMetadata(await store.read(metadataLocation))
  }
}
