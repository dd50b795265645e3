import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'
import type { FileIO, FileStat } from './file-io.ts'
import { forEachParallel } from './for-each-parallel.ts'
import { createObject, type S3CreateContext } from './s3-create-object.ts'
import { toS3Error } from './s3-error.ts'
import { S3Failure } from './s3-failure.ts'
import { folderOfLocation, locationOfObject, objectOfLocation, type S3Location } from './s3-location.ts'
import type { S3RefusedKey } from './s3-requests.ts'
import { createS3Retries } from './s3-retries.ts'

/** What one DeleteObjects takes. */
const REMOVED_KEYS_MAX = 1000

export interface S3FileIOOptions extends Omit<S3CreateContext, 'retries'> {
  readonly clock: Clock
}

/**
 * FileIO over S3, by `s3://bucket/key` locations. What S3 has answered is durable and seen by all who ask afterwards, so that there
 * is nothing to sync; conditional writes let one of several creators win. Requests that fail for the moment are repeated.
 */
export function createS3FileIO(options: S3FileIOOptions): FileIO {
  const { requests, clock, random } = options
  const retries = createS3Retries({ clock, random })
  const context: S3CreateContext = { ...options, retries }
  return {
    read: (location, range) => guard('read', location, object => retries(() => requests.get(object, range))),
    create: (location, bytes) => guard('create', location, object => createObject(context, object, bytes)),
    sync: locations => requireFiles(context, locations),
    stat: location => guard('stat', location, object => statFile(context, object)),
    list: prefix => listFiles(context, prefix),
    remove: locations => removeFiles(context, locations),
    // Folders are nothing but the beginnings of keys.
    makeFolder: async folder => void folderOfLocation(folder),
    realLocation: async location => location,
    toEnginePath,
    fromEnginePath: toEnginePath,
  }
}

async function guard<T>(
  operation: string,
  location: string,
  work: (object: S3Location) => Promise<T>,
): Promise<T> {
  const object = objectOfLocation(location)
  try {
    return await work(object)
  } catch (error) {
    throw toS3Error(error, operation, object)
  }
}

/** They are durable since the engine was told that they are stored. That they are there is asked before a commit names them. */
async function requireFiles(context: S3CreateContext, locations: readonly string[]): Promise<void> {
  await forEachParallel(locations, location =>
    guard('sync', location, async object => {
      if ((await statFile(context, object)) !== undefined) return
      throw new IngotError('FILE_NOT_FOUND', `there is no file ${location}`, {
        context: { operation: 'sync', location, ...object },
      })
    }),
  )
}

async function statFile(
  { requests, retries }: S3CreateContext,
  object: S3Location,
): Promise<FileStat | undefined> {
  const found = await retries(() => requests.head(object))
  if (found === undefined) return undefined
  const { sizeBytes, modifiedAtMs } = found
  return { location: locationOfObject(object), sizeBytes, modifiedAtMs }
}

async function* listFiles({ requests, retries }: S3CreateContext, prefix: string): AsyncGenerator<FileStat> {
  const folder = folderOfLocation(prefix)
  let token: string | undefined
  do {
    const page = await retries(() => requests.list(folder, token)).catch((error: unknown) => {
      throw toS3Error(error, 'list', folder)
    })
    for (const { key, sizeBytes, modifiedAtMs } of page.objects) {
      // A console that "makes a folder" leaves an empty object of that name.
      if (key.endsWith('/')) continue
      yield { location: locationOfObject({ bucket: folder.bucket, key }), sizeBytes, modifiedAtMs }
    }
    token = page.nextToken
  } while (token !== undefined)
}

async function removeFiles(context: S3CreateContext, locations: readonly string[]): Promise<void> {
  const keysByBucket = new Map<string, Set<string>>()
  for (const { bucket, key } of locations.map(objectOfLocation)) {
    keysByBucket.set(bucket, (keysByBucket.get(bucket) ?? new Set()).add(key))
  }
  const batches = [...keysByBucket].flatMap(([bucket, keys]) =>
    inBatches([...keys], REMOVED_KEYS_MAX).map(batch => ({ bucket, keys: batch })),
  )
  await forEachParallel(batches, async ({ bucket, keys }) => {
    await removeBatch(context, bucket, keys).catch((error: unknown) => {
      throw toS3Error(error, 'remove', { bucket, key: keys[0] ?? '' })
    })
  })
}

/** Keys that S3 refuses one by one are tried again alone. */
async function removeBatch(
  { requests, retries }: S3CreateContext,
  bucket: string,
  keys: readonly string[],
): Promise<void> {
  let remaining = keys
  await retries(async () => {
    const failures = (await requests.remove(bucket, remaining)).map(toKeyFailure)
    remaining = failures.map(({ key }) => key)
    // A key that no repetition removes counts before one that S3 was too busy for.
    const worst = failures.find(({ failure }) => !failure.transient) ?? failures[0]
    if (worst !== undefined) throw worst.failure
  })
}

function toKeyFailure(
  { key, code, message }: S3RefusedKey,
  _index: number,
  refused: readonly S3RefusedKey[],
): { readonly key: string; readonly failure: S3Failure } {
  const others = refused.length === 1 ? '' : `; ${refused.length} files in all are refused`
  return { key, failure: new S3Failure(message + others, { code, key }) }
}

/** The engine takes locations as they are: its sessions turn off what it would read into `?`, `*` and `[`. */
function toEnginePath(location: string): string {
  return locationOfObject(objectOfLocation(location))
}

function inBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
