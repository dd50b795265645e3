import { isIngotError } from '../../../src/errors.ts'
import type { Random } from '../../../src/random.ts'
import type { FileIO, FileStat } from '../../../src/storage/file-io.ts'
import { createS3Client } from '../../../src/storage/s3-client.ts'
import { createS3FileIO } from '../../../src/storage/s3-file-io.ts'
import type { S3Requests } from '../../../src/storage/s3-requests.ts'
import { eagerClock } from '../../conformance/catalog-samples.ts'
import { createSeededRandom } from '../../simulation/seeded-random.ts'
import { FaultyS3Proxy } from '../../support/faulty-s3-proxy.ts'
import type { S3FaultPlan } from '../../support/s3-faults.ts'
import { MOTO, S3_CREDENTIALS, S3_REGION, S3Server } from '../../support/s3-server.ts'
import { type CreatedFile, contradictions, raceToCreate } from './s3-creators.ts'

const SILENCE_MAX_MS = 400
const PART_BYTES = 1500
const FILES_AT_ONCE = 8

type ChangeRequests = (requests: S3Requests) => Partial<S3Requests>

/** Storage in an empty bucket of a store that has faults. */
interface FaultyS3 {
  readonly io: FileIO
  readonly root: string
  readonly random: Random
  /** The store itself, without faults. */
  readonly store: FileIO
  /** Resolves when what clients have given up on has reached the store, too. */
  untilQuiet(): Promise<void>
}

/** @param changeRequests a client with mistakes makes some requests in another way */
export async function withFaultyS3<T>(
  plan: S3FaultPlan,
  work: (storage: FaultyS3) => Promise<T>,
  changeRequests: ChangeRequests = () => ({}),
): Promise<T> {
  await using server = await S3Server.start(MOTO)
  await using proxy = await FaultyS3Proxy.start(server.endpoint, plan)
  const random = createSeededRandom(plan.seed)
  const parts = { clock: eagerClock, random, partBytes: PART_BYTES }
  const client = { region: S3_REGION, credentials: S3_CREDENTIALS }
  const store = await createS3Client({ ...client, endpoint: server.endpoint })
  const requests = await createS3Client({
    ...client,
    endpoint: proxy.endpoint,
    silenceMaxMs: SILENCE_MAX_MS,
  })
  return await work({
    io: createS3FileIO({ ...parts, requests: withMethods(requests, changeRequests(requests)) }),
    store: createS3FileIO({ ...parts, requests: store }),
    root: `s3://${await server.createBucket()}/lake`,
    random,
    untilQuiet: () => proxy.untilQuiet(),
  })
}

/** Creates, reads, lists and removes files until the plan has made so many faults. Answers with what contradicts the promises of FileIO. */
export async function exerciseFiles(
  plan: S3FaultPlan,
  faults: number,
  changeRequests?: ChangeRequests,
): Promise<readonly string[]> {
  const found: string[] = []
  const exercise = async ({ io, root, random, untilQuiet }: FaultyS3): Promise<void> => {
    for (let round = 1; plan.total < faults && found.length === 0; round++) {
      const locations = Array.from({ length: FILES_AT_ONCE }, (_, index) => `${root}/${round}/${index} ü.bin`)
      const files = await Promise.all(locations.map(location => raceToCreate(io, location, random)))
      await untilQuiet()
      found.push(...(await verify(io, `${root}/${round}`, files)))
    }
  }
  await withFaultyS3(plan, exercise, changeRequests)
  return found
}

/** The requests with some of them made in another way. */
function withMethods(requests: S3Requests, others: Partial<S3Requests>): S3Requests {
  return new Proxy(requests, {
    get: (target, name: keyof S3Requests) => others[name] ?? target[name].bind(target),
  })
}

async function verify(io: FileIO, folder: string, files: readonly CreatedFile[]): Promise<string[]> {
  const found: string[] = []
  const sizes = new Map((await persist(() => list(io, folder))).map(file => [file.location, file.sizeBytes]))
  await Promise.all(
    files.map(async file => {
      const stored = await persist(() => readText(io, file.location))
      found.push(...contradictions(file, stored))
      const size = stored === undefined ? undefined : Buffer.byteLength(stored)
      if (sizes.get(file.location) !== size) found.push(`${file.location} is listed with another size`)
      const stat = await persist(() => io.stat(file.location))
      if (stat?.sizeBytes !== size) found.push(`${file.location} has another size`)
    }),
  )
  await persist(() => io.remove(files.map(({ location }) => location)))
  const left = await persist(() => list(io, folder))
  return [...found, ...left.map(({ location }) => `${location} was removed and is there`)]
}

async function list(io: FileIO, folder: string): Promise<readonly FileStat[]> {
  const files: FileStat[] = []
  for await (const file of io.list(folder)) files.push(file)
  return files
}

async function readText(io: FileIO, location: string): Promise<string | undefined> {
  try {
    return Buffer.from(await io.read(location)).toString()
  } catch (error) {
    if (isIngotError(error, 'FILE_NOT_FOUND')) return undefined
    throw error
  }
}

/** As a caller does who wants an answer: eight failures in a row may happen to any request. */
async function persist<T>(request: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await request()
    } catch (error) {
      if (!isIngotError(error, 'STORAGE_FAILED') || !error.retryable) throw error
    }
  }
}
