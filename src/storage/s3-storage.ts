import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { FileIO } from './file-io.ts'
import { createS3Client, type S3ClientOptions } from './s3-client.ts'
import { toS3Error } from './s3-error.ts'
import { createS3FileIO } from './s3-file-io.ts'
import { folderOfLocation } from './s3-location.ts'
import type { S3Access } from './s3-requests.ts'
import { createS3Retries } from './s3-retries.ts'

export interface S3StorageOptions extends S3ClientOptions {
  /** `s3://bucket/prefix` */
  readonly root: string
  readonly clock: Clock
  readonly random: Random
}

/** Storage on S3 for this program, and for an engine that reads and writes there by itself. */
export interface S3Storage {
  /** Without a slash at its end. */
  readonly root: string
  readonly io: FileIO
  /**
   * What an engine needs at this moment: another object than before when credentials were renewed, some minutes before they expire.
   * It holds secrets: it goes into no log, error or text.
   * @throws STORAGE_FAILED when there are no credentials, or no region
   */
  access(): Promise<S3Access>
}

export async function openS3Storage(options: S3StorageOptions): Promise<S3Storage> {
  const { clock, random } = options
  const requests = await createS3Client(options)
  const retries = createS3Retries({ clock, random })
  const root = options.root.replace(/\/+$/, '')
  const folder = folderOfLocation(root)
  return {
    root,
    io: createS3FileIO({ requests, clock, random }),
    access: () =>
      retries(() => requests.access()).catch((error: unknown) => {
        throw toS3Error(error, 'access', folder)
      }),
  }
}
