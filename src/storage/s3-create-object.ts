import { IngotError } from '../errors.ts'
import { type Random, randomUuid } from '../random.ts'
import { forEachParallel } from './for-each-parallel.ts'
import { S3Failure } from './s3-failure.ts'
import { locationOfObject, type S3Location } from './s3-location.ts'
import type { S3Part, S3Requests } from './s3-requests.ts'
import type { S3Retries } from './s3-retries.ts'

/** S3 takes 5 MiB to 5 GiB for a part, and 10,000 of them: 160 GB in one object. */
const PART_BYTES = 16 * 1024 * 1024

export interface S3CreateContext {
  readonly requests: S3Requests
  readonly retries: S3Retries
  readonly random: Random
  /** Larger objects are uploaded in parts of that size. @default 16 MiB */
  readonly partBytes?: number
}

/**
 * Creates an object, unless somebody else has. Each creation has an id that S3 keeps with the object. A request whose answer was
 * lost is made again, and when that one finds the name taken (412), the id tells whether it was taken by the one before.
 * @throws FILE_EXISTS, S3Failure
 */
export async function createObject(
  context: S3CreateContext,
  object: S3Location,
  bytes: Uint8Array,
): Promise<void> {
  const { requests, retries, random, partBytes = PART_BYTES } = context
  const writeId = randomUuid(random)
  if (bytes.length <= partBytes) {
    await retries(() => settled(requests, object, writeId, () => requests.put(object, bytes, writeId)))
  } else {
    // Only an upload that lost to another request as a whole starts from the beginning: its requests are repeated one by one.
    await retries(() => uploadInParts(context, object, bytes, writeId), mustStartOver)
  }
}

/** Decides what the refusal of a conditional write means. */
async function settled(
  requests: S3Requests,
  object: S3Location,
  writeId: string,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof S3Failure) || !(isTaken(error) || isUploadGone(error))) throw error
    const found = await requests.head(object)
    if (found?.writeId === writeId) return
    if (found !== undefined) throw existsError(object)
    // Refused for an object that is not there: it was removed since, or whoever answered was not the store.
    throw new S3Failure('refused for a file that is not there', { status: 409, code: error.code })
  }
}

async function uploadInParts(
  context: S3CreateContext,
  object: S3Location,
  bytes: Uint8Array,
  writeId: string,
): Promise<void> {
  const { requests, retries } = context
  const uploadId = await retries(() => requests.startUpload(object, writeId))
  try {
    const parts = await uploadParts(context, object, uploadId, bytes)
    const complete = (): Promise<void> => requests.completeUpload(object, uploadId, parts)
    await retries(
      () => settled(requests, object, writeId, complete),
      failure => failure.transient && !mustStartOver(failure),
    )
  } catch (error) {
    // Best effort: a rule on the bucket removes uploads that were never completed, and the outcome above is what counts.
    await requests.abortUpload(object, uploadId).catch(() => undefined)
    throw error
  }
}

async function uploadParts(
  { requests, retries, partBytes = PART_BYTES }: S3CreateContext,
  object: S3Location,
  uploadId: string,
  bytes: Uint8Array,
): Promise<readonly S3Part[]> {
  const parts: S3Part[] = []
  const numbers = Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, index) => index + 1)
  await forEachParallel(numbers, async number => {
    const part = bytes.subarray((number - 1) * partBytes, number * partBytes)
    parts.push(await retries(() => requests.uploadPart(object, uploadId, number, part)))
  })
  return parts.sort((a, b) => a.number - b.number)
}

/** "On a 409 failure, you should re-initiate the multipart upload" (Amazon S3 API Reference, CompleteMultipartUpload). */
function mustStartOver({ status, code }: S3Failure): boolean {
  return status === 409 || code === 'ConditionalRequestConflict'
}

/** CompleteMultipartUpload may tell its failure in the body of an answer that began with 200: then the code is what counts. */
function isTaken({ status, code }: S3Failure): boolean {
  return status === 412 || code === 'PreconditionFailed'
}

/** Completed by a request whose answer was lost, or removed by a rule of the bucket. */
function isUploadGone({ code }: S3Failure): boolean {
  return code === 'NoSuchUpload'
}

function existsError(object: S3Location): IngotError {
  const location = locationOfObject(object)
  return new IngotError('FILE_EXISTS', `there is a file ${location} already`, {
    context: { operation: 'create', location, ...object },
  })
}
