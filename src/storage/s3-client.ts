import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { ByteRange } from './file-io.ts'
import { S3Failure } from './s3-failure.ts'
import type { S3Location } from './s3-location.ts'
import type { S3Access, S3ObjectStat, S3Page, S3Part, S3RefusedKey, S3Requests } from './s3-requests.ts'
import { toS3Failure } from './s3-sdk-error.ts'

type Sdk = typeof import('@aws-sdk/client-s3')

export interface S3ClientOptions {
  /** The URL of a store that speaks S3. @default AWS's own */
  readonly endpoint?: string | undefined
  /** @default what the AWS SDK finds (AWS_REGION, the profile); `us-east-1` with an endpoint, as stores of one region expect */
  readonly region?: string | undefined
  /** `endpoint/bucket/key` rather than `bucket.endpoint/key`. @default true with an endpoint */
  readonly pathStyle?: boolean | undefined
  /** @default the standard chain of the AWS SDK: variables, profiles, SSO, web identity, the role of the container or the machine */
  readonly credentials?: S3ClientConfig['credentials']
  /** A connection without a byte for so long is given up. @default 30,000 */
  readonly silenceMaxMs?: number
}

const CONNECT_MAX_MS = 5000
const SILENCE_MAX_MS = 30_000
const WRITE_ID = 'ingot-write-id'

/**
 * The S3 client of the AWS SDK, which is loaded when first needed. It makes each request once: repeating is left to those who know
 * what a lost answer means.
 */
export async function createS3Client(options: S3ClientOptions = {}): Promise<S3Requests> {
  // Which Node is needed is told by the documentation, once, and not by every command.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const sdk = await import('@aws-sdk/client-s3')
  const { endpoint, region = endpoint === undefined ? undefined : 'us-east-1', credentials } = options
  const pathStyle = options.pathStyle ?? endpoint !== undefined
  const client = new sdk.S3Client({
    maxAttempts: 1,
    forcePathStyle: pathStyle,
    requestHandler: {
      connectionTimeout: CONNECT_MAX_MS,
      socketTimeout: options.silenceMaxMs ?? SILENCE_MAX_MS,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  return new SdkRequests(sdk, client, { endpoint, pathStyle })
}

class SdkRequests implements S3Requests {
  readonly #sdk: Sdk
  readonly #client: S3Client
  readonly #place: Pick<S3Access, 'endpoint' | 'pathStyle' | 'tls'>
  #access: S3Access | undefined

  constructor(
    sdk: Sdk,
    client: S3Client,
    place: { readonly endpoint: string | undefined; readonly pathStyle: boolean },
  ) {
    this.#sdk = sdk
    this.#client = client
    const url = place.endpoint === undefined ? undefined : new URL(place.endpoint)
    const path = url?.pathname.replace(/\/+$/, '')
    this.#place = {
      endpoint: url && `${url.host}${path}`,
      pathStyle: place.pathStyle,
      tls: url?.protocol !== 'http:',
    }
  }

  async put({ bucket, key }: S3Location, bytes: Uint8Array, writeId: string): Promise<void> {
    const command = new this.#sdk.PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: bytes,
      IfNoneMatch: '*',
      Metadata: { [WRITE_ID]: writeId },
    })
    await attempt(() => this.#client.send(command))
  }

  async get({ bucket, key }: S3Location, range?: ByteRange): Promise<Uint8Array> {
    const command = new this.#sdk.GetObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
    })
    try {
      return await attempt(async () => {
        const answer = await this.#client.send(command)
        // The SDK compares the checksum that the store keeps with the object, where it keeps one.
        const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0)
        if (bytes.length === answer.ContentLength) return bytes
        throw new S3Failure(`${bytes.length} of ${answer.ContentLength} bytes arrived`, { code: 'Truncated' })
      })
    } catch (error) {
      // Nothing of the object lies in the range.
      if (error instanceof S3Failure && error.status === 416) return new Uint8Array(0)
      throw error
    }
  }

  async head({ bucket, key }: S3Location): Promise<S3ObjectStat | undefined> {
    const command = new this.#sdk.HeadObjectCommand({ Bucket: bucket, Key: key })
    try {
      const answer = await attempt(() => this.#client.send(command))
      return {
        sizeBytes: answer.ContentLength ?? 0,
        modifiedAtMs: answer.LastModified?.getTime() ?? 0,
        writeId: answer.Metadata?.[WRITE_ID],
      }
    } catch (error) {
      if (error instanceof S3Failure && error.status === 404) return undefined
      throw error
    }
  }

  async list(folder: S3Location, token: string | undefined): Promise<S3Page> {
    const command = new this.#sdk.ListObjectsV2Command({
      Bucket: folder.bucket,
      Prefix: folder.key,
      // XML alone cannot carry every key.
      EncodingType: 'url',
      ...(token === undefined ? {} : { ContinuationToken: token }),
    })
    const answer = await attempt(() => this.#client.send(command))
    if (answer.IsTruncated === true && answer.NextContinuationToken === undefined) {
      throw new S3Failure('a page of a listing does not tell where the next one begins', {
        code: 'Truncated',
      })
    }
    const decode = answer.EncodingType === 'url' ? decodeKey : (key: string) => key
    return {
      objects: (answer.Contents ?? []).map(({ Key = '', Size = 0, LastModified }) => ({
        key: decode(Key),
        sizeBytes: Size,
        modifiedAtMs: LastModified?.getTime() ?? 0,
      })),
      nextToken: answer.IsTruncated === true ? answer.NextContinuationToken : undefined,
    }
  }

  async remove(bucket: string, keys: readonly string[]): Promise<readonly S3RefusedKey[]> {
    const command = new this.#sdk.DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Quiet: true, Objects: keys.map(key => ({ Key: key })) },
    })
    const { Errors = [] } = await attempt(() => this.#client.send(command))
    return Errors.filter(({ Code }) => Code !== 'NoSuchKey').map(({ Key, Code, Message }) => ({
      key: Key ?? '',
      code: Code ?? 'Unknown',
      message: Message ?? '',
    }))
  }

  async startUpload({ bucket, key }: S3Location, writeId: string): Promise<string> {
    const command = new this.#sdk.CreateMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      Metadata: { [WRITE_ID]: writeId },
      // Of the object, not of its parts: one that a later read can check.
      ChecksumAlgorithm: 'CRC32',
      ChecksumType: 'FULL_OBJECT',
    })
    const { UploadId } = await attempt(() => this.#client.send(command))
    if (UploadId === undefined) throw new S3Failure('the upload got no id', { code: 'Truncated' })
    return UploadId
  }

  async uploadPart(
    { bucket, key }: S3Location,
    uploadId: string,
    number: number,
    bytes: Uint8Array,
  ): Promise<S3Part> {
    const command = new this.#sdk.UploadPartCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: bytes,
      ChecksumAlgorithm: 'CRC32',
    })
    const { ETag, ChecksumCRC32 } = await attempt(() => this.#client.send(command))
    if (ETag === undefined) throw new S3Failure('the part got no etag', { code: 'Truncated' })
    return { number, etag: ETag, checksum: ChecksumCRC32 }
  }

  async completeUpload(
    { bucket, key }: S3Location,
    uploadId: string,
    parts: readonly S3Part[],
  ): Promise<void> {
    const command = new this.#sdk.CompleteMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      IfNoneMatch: '*',
      ChecksumType: 'FULL_OBJECT',
      MultipartUpload: {
        Parts: parts.map(({ number, etag, checksum }) => ({
          PartNumber: number,
          ETag: etag,
          ...(checksum === undefined ? {} : { ChecksumCRC32: checksum }),
        })),
      },
    })
    await attempt(() => this.#client.send(command))
  }

  async abortUpload({ bucket, key }: S3Location, uploadId: string): Promise<void> {
    const command = new this.#sdk.AbortMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
    })
    await attempt(() => this.#client.send(command))
  }

  async access(): Promise<S3Access> {
    const { credentials, region } = this.#client.config
    const [found, foundRegion] = await attempt(() => Promise.all([credentials(), region()]))
    const access: S3Access = {
      accessKeyId: found.accessKeyId,
      secretAccessKey: found.secretAccessKey,
      sessionToken: found.sessionToken,
      region: foundRegion,
      ...this.#place,
    }
    if (this.#access === undefined || !isSameAccess(this.#access, access)) this.#access = access
    return this.#access
  }
}

function isSameAccess(one: S3Access, other: S3Access): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken
  )
}

/** A form's encoding: a blank is a plus sign. */
function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', '%20'))
}

async function attempt<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw toS3Failure(error)
  }
}
