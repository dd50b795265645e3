import type { ByteRange } from './file-io.ts'
import type { S3Location } from './s3-location.ts'

/** What HEAD tells of an object. */
export interface S3ObjectStat {
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  /** The id that `put` or `startUpload` gave it; undefined for one that somebody else wrote. */
  readonly writeId: string | undefined
}

export interface S3Page {
  readonly objects: readonly {
    readonly key: string
    readonly sizeBytes: number
    readonly modifiedAtMs: number
  }[]
  /** Undefined on the last page. */
  readonly nextToken: string | undefined
}

/** A part that S3 has, as `completeUpload` takes it. */
export interface S3Part {
  readonly number: number
  readonly etag: string
  readonly checksum: string | undefined
}

/** What an engine needs to read and write the same storage by itself. */
export interface S3Access {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly region: string
  /** `host:port`; undefined for AWS's own. */
  readonly endpoint: string | undefined
  readonly pathStyle: boolean
  readonly tls: boolean
}

/** The requests of S3 that storage is made of. Each is made once: who calls decides about another attempt. All throw S3Failure. */
export interface S3Requests {
  /** Creates an object, unless there is one (412). */
  put(object: S3Location, bytes: Uint8Array, writeId: string): Promise<void>
  /** The object, or what it has of a part of it. */
  get(object: S3Location, range?: ByteRange): Promise<Uint8Array>
  /** Undefined when there is no such object. */
  head(object: S3Location): Promise<S3ObjectStat | undefined>
  list(folder: S3Location, token: string | undefined): Promise<S3Page>
  /** At most 1,000 keys; answers with those that were not removed, each with its reason. */
  remove(bucket: string, keys: readonly string[]): Promise<readonly S3RefusedKey[]>
  startUpload(object: S3Location, writeId: string): Promise<string>
  uploadPart(object: S3Location, uploadId: string, number: number, bytes: Uint8Array): Promise<S3Part>
  /** Makes an object of the parts, unless there is one (412). */
  completeUpload(object: S3Location, uploadId: string, parts: readonly S3Part[]): Promise<void>
  abortUpload(object: S3Location, uploadId: string): Promise<void>
  /** The same object as before, as long as the credentials are the same: they are renewed some minutes before they expire. */
  access(): Promise<S3Access>
}

export interface S3RefusedKey {
  readonly key: string
  readonly code: string
  readonly message: string
}
