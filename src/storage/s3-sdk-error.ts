import { errnoOf } from './disk.ts'
import { S3Failure } from './s3-failure.ts'

/** What the AWS SDK throws: its own exceptions with `$metadata`, errors of a connection, and plain errors about a body. */
interface SdkError extends Error {
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

/** The failure that an error of the AWS SDK stands for. A mistake in the program is returned as it is. */
export function toS3Failure(error: unknown): unknown {
  if (error instanceof S3Failure || !(error instanceof Error)) return error
  const sdkError: SdkError = error
  const { httpStatusCode, requestId } = sdkError.$metadata ?? {}
  // A connection that broke inside the answer leaves its status, which decides nothing without the code that was to follow.
  const status = errnoOf(sdkError) === undefined ? httpStatusCode : undefined
  const code = status === undefined ? codeWithoutAnswer(sdkError) : codeOfAnswer(sdkError, status)
  if (code === undefined) return error
  const bucketRegion = sdkError.$response?.headers?.['x-amz-bucket-region']
  return new S3Failure(messageOf(sdkError, code), {
    code,
    ...(status === undefined ? {} : { status }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(bucketRegion === undefined ? {} : { bucketRegion }),
  })
}

/** S3's own code is the exception's name; a body that is not S3's XML, such as that of a proxy, leaves a plain error. */
function codeOfAnswer({ name }: SdkError, status: number): string {
  if (status >= 200 && status < 300) return 'DamagedAnswer'
  return /^(?:Error|SyntaxError|TypeError|Unknown|\d+)$/.test(name) ? 'UnknownAnswer' : name
}

function codeWithoutAnswer(error: SdkError): string | undefined {
  if (error.name === 'CredentialsProviderError' || error.name === 'TokenProviderError') {
    return 'CredentialsMissing'
  }
  if (error.message === 'Region is missing') return 'RegionMissing'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'ETIMEDOUT'
  // The codes of TLS are no errno: ERR_TLS_CERT_ALTNAME_INVALID, CERT_HAS_EXPIRED.
  if (typeof error.code === 'string') return errnoOf(error) ?? error.code
  return error.message.startsWith('Checksum mismatch') ? 'DamagedAnswer' : undefined
}

/** One line, without what the SDK adds about its own inside. */
function messageOf({ message }: Error, code: string): string {
  if (code === 'DamagedAnswer') return 'the answer was damaged'
  return message === 'UnknownError' || code === 'UnknownAnswer' ? '' : (message.split('\n')[0] ?? '')
}
