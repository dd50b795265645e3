import { IngotError } from '../errors.ts'
import { S3Failure } from './s3-failure.ts'
import { locationOfObject, type S3Location } from './s3-location.ts'

interface Cause {
  readonly what: string
  readonly hint: string
}

const CREDENTIALS: Cause = {
  what: 'no credentials were found',
  hint: 'provide them where the AWS SDK looks: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine',
}
const EXPIRED: Cause = {
  what: 'the credentials have expired',
  hint: 'renew them (aws sso login, or whatever issues them), or use a role that renews itself',
}
const WRONG_KEY: Cause = {
  what: 'the credentials are not accepted',
  hint: 'check the access key and its secret, and that they belong to this endpoint',
}
const DENIED: Cause = {
  what: 'access denied',
  hint: 'allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket on this bucket and prefix',
}
const NO_BUCKET: Cause = { what: 'there is no such bucket', hint: 'create it, or correct storage.root' }
const REGION: Cause = {
  what: 'the bucket is in another region',
  hint: 'set storage.s3.region to the region of the bucket',
}
const SLOW: Cause = {
  what: 'the store asks to slow down',
  hint: 'try again later, or with fewer workers: S3 spreads a prefix over more servers as the load stays',
}
const UNREACHABLE: Cause = {
  what: 'the store cannot be reached',
  hint: 'check storage.s3.endpoint, the network and whether the store runs',
}
const CERTIFICATE: Cause = {
  what: 'its certificate is not trusted',
  hint: 'give Node the authority that signed it: NODE_EXTRA_CA_CERTS=/path/to/ca.pem',
}
const BUSY: Cause = { what: 'the store failed', hint: 'try again later; look at the health of the store' }
const OTHER: Cause = {
  what: 'the store refused',
  hint: 'look up the code and the request id in the log of the store',
}

const BY_CODE: Readonly<Record<string, Cause>> = {
  CredentialsMissing: CREDENTIALS,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  InvalidAccessKeyId: WRONG_KEY,
  InvalidToken: WRONG_KEY,
  SignatureDoesNotMatch: WRONG_KEY,
  AccessDenied: DENIED,
  NoSuchBucket: NO_BUCKET,
  InvalidBucketName: NO_BUCKET,
  RegionMissing: { what: 'no region is known', hint: 'set storage.s3.region, or AWS_REGION' },
  AuthorizationHeaderMalformed: REGION,
  IllegalLocationConstraintException: REGION,
  PermanentRedirect: REGION,
  SlowDown: SLOW,
  EAI_AGAIN: UNREACHABLE,
  ECONNREFUSED: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  CERT_HAS_EXPIRED: CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  ERR_TLS_CERT_ALTNAME_INVALID: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  RequestTimeTooSkewed: { what: 'the clock of this machine is wrong', hint: 'set it, by NTP' },
  KeyTooLongError: {
    what: 'the key is too long',
    hint: 'shorten storage.root: a key has at most 1,024 bytes',
  },
}

/** Answers to HEAD have no body, so that their status is all there is. */
const BY_STATUS: Readonly<Record<number, Cause>> = { 301: REGION, 401: WRONG_KEY, 403: DENIED, 429: SLOW }

/**
 * What a failed request means to who asked for `object`: FILE_NOT_FOUND, or STORAGE_FAILED with what S3 said. Any other error is
 * returned as it is.
 */
export function toS3Error(error: unknown, operation: string, object: S3Location): unknown {
  if (!(error instanceof S3Failure)) return error
  const { status, code, requestId, bucketRegion, message } = error
  const { bucket, key } = { ...object, ...(error.key === undefined ? {} : { key: error.key }) }
  const location = locationOfObject({ bucket, key })
  const context = { operation, location, bucket, key, status, code, requestId }
  if (code === 'NoSuchKey' || code === 'NotFound') {
    return new IngotError('FILE_NOT_FOUND', `there is no file ${location}`, { context })
  }
  const cause = causeOf(error)
  const answer = [...(status === undefined ? [] : [`HTTP ${status}`]), code, ...(message ? [message] : [])]
  const region = bucketRegion === undefined ? '' : `; the bucket is in ${bucketRegion}`
  return new IngotError(
    'STORAGE_FAILED',
    `${operation} of ${location} failed: ${cause.what} (${answer.join(', ')})`,
    {
      retryable: error.transient,
      hint: cause.hint + region,
      context,
    },
  )
}

function causeOf({ code, status, transient }: S3Failure): Cause {
  return BY_CODE[code] ?? BY_STATUS[status ?? 0] ?? (transient ? BUSY : OTHER)
}
