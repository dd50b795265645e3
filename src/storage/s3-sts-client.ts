import type { STSClient, STSClientConfig } from '@aws-sdk/client-sts'
import { S3Failure } from './s3-failure.ts'
import { toS3Failure } from './s3-sdk-error.ts'

type Sdk = typeof import('@aws-sdk/client-sts')

export interface StsClientOptions {
  /** The URL of STS. @default AWS's own in the region */
  readonly endpoint?: string | undefined
  /** @default what the AWS SDK finds; `us-east-1` with an endpoint */
  readonly region?: string | undefined
  /** Who assumes roles. @default the standard chain of the AWS SDK */
  readonly credentials?: STSClientConfig['credentials']
}

/** A role, and how little of what it may do a session of it may do. */
interface RoleSession {
  readonly roleArn: string
  /** What the log of the store calls the session: 2 to 64 of the characters `A-Z a-z 0-9 _ + = , . @ -`. */
  readonly name: string
  readonly durationSeconds: number
  /** JSON, as `sessionPolicyOf` makes it. */
  readonly policy: string
}

/** What a session proves itself with: secrets, which go into no log, error or text. */
export interface S3SessionCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiresAtMs: number
}

/** The requests of STS that are needed. Each is made once; all throw S3Failure. */
export interface StsRequests {
  assumeRole(session: RoleSession): Promise<S3SessionCredentials>
  /** Where STS is asked, and buckets are looked for. */
  region(): Promise<string>
}

const CONNECT_MAX_MS = 5000
const SILENCE_MAX_MS = 10_000

/** The STS client of the AWS SDK, which is loaded when the first session is asked for. */
export function createStsClient(options: StsClientOptions = {}): StsRequests {
  let opened: Promise<{ readonly sdk: Sdk; readonly client: STSClient }> | undefined
  const open = () => {
    opened ??= openClient(options)
    return opened
  }
  return {
    assumeRole: async ({ roleArn, name, durationSeconds, policy }) => {
      const { sdk, client } = await open()
      const command = new sdk.AssumeRoleCommand({
        RoleArn: roleArn,
        RoleSessionName: name,
        DurationSeconds: durationSeconds,
        Policy: policy,
      })
      const { Credentials } = await attempt(() => client.send(command))
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {}
      if (!AccessKeyId || !SecretAccessKey || !SessionToken || Expiration === undefined) {
        throw new S3Failure('the answer has no credentials', { code: 'DamagedAnswer' })
      }
      return {
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretAccessKey,
        sessionToken: SessionToken,
        expiresAtMs: Expiration.getTime(),
      }
    },
    region: async () => {
      const { client } = await open()
      return await attempt(() => client.config.region())
    },
  }
}

async function openClient(options: StsClientOptions): Promise<{ sdk: Sdk; client: STSClient }> {
  const sdk = await import('@aws-sdk/client-sts')
  const { endpoint, region = endpoint === undefined ? undefined : 'us-east-1', credentials } = options
  const client = new sdk.STSClient({
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MAX_MS, socketTimeout: SILENCE_MAX_MS },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  return { sdk, client }
}

async function attempt<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw toS3Failure(error)
  }
}
