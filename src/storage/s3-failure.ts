export interface S3FailureOptions {
  /** HTTP status of the answer; absent when there was none, or none that could be read. */
  readonly status?: number
  /** S3's own code (`SlowDown`), the errno of a connection (`ECONNRESET`), or the name of what failed. */
  readonly code: string
  readonly requestId?: string
  /** Where S3 says that the bucket is. */
  readonly bucketRegion?: string
  /** The one key that S3 refused of a request for many. */
  readonly key?: string
}

/**
 * A request to S3 that failed. It carries plain text rather than the SDK's error, which holds on to the request: its signature and
 * session token would reach whoever prints it.
 */
export class S3Failure extends Error {
  override readonly name = 'S3Failure'
  readonly status: number | undefined
  readonly code: string
  readonly requestId: string | undefined
  readonly bucketRegion: string | undefined
  readonly key: string | undefined

  constructor(message: string, options: S3FailureOptions) {
    super(message)
    this.status = options.status
    this.code = options.code
    this.requestId = options.requestId
    this.bucketRegion = options.bucketRegion
    this.key = options.key
  }

  /** Whether the same request may succeed a moment later. Whether it took effect is then unknown. */
  get transient(): boolean {
    if (TRANSIENT_CODES.has(this.code)) return true
    if (PERMANENT_CODES.has(this.code) || this.key !== undefined) return false
    const { status } = this
    return status === undefined || status === 409 || status === 429 || status >= 500 || status < 300
  }
}

/** Requests that S3 refuses with 4xx and that are right all the same: what reached it was late or damaged. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'BadDigest',
  'IncompleteBody',
  'InternalError',
  'RequestTimeout',
  // The SDK corrects its clock by the answer.
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SlowDown',
  // STS's own word for it.
  'Throttling',
  'XAmzContentChecksumMismatch',
])

/** Failures without an answer that no repetition mends, and what a server will never be able to do. */
const PERMANENT_CODES: ReadonlySet<string> = new Set([
  'CredentialsMissing',
  'RegionMissing',
  'ENOTFOUND',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'NotImplemented',
])
