import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'
import type { Random } from '../random.ts'
import { S3Failure } from './s3-failure.ts'
import { createS3Retries, type S3Retries } from './s3-retries.ts'
import { type S3Scope, sessionPolicyOf } from './s3-session-policy.ts'
import {
  createStsClient,
  type S3SessionCredentials,
  type StsClientOptions,
  type StsRequests,
} from './s3-sts-client.ts'

/** What STS takes of an inline policy. */
const POLICY_CHARACTERS_MAX = 2048
/** More are not kept at once: those asked for longest ago are had anew. */
const KEPT_MAX = 10_000
const SESSION_NAME_CHARACTERS_MAX = 64

export interface S3CredentialVendorOptions extends StsClientOptions {
  /** The role that every session is of: it may do all that any of them may. */
  readonly roleArn: string
  readonly durationSeconds: number
  readonly clock: Clock
  readonly random: Random
}

/** Who asks for credentials, and for what. */
export interface S3CredentialRequest extends S3Scope {
  /** For the log of the store. @default nobody is named */
  readonly principal?: string | undefined
}

export interface VendedS3Credentials extends S3SessionCredentials {
  readonly region: string
}

/** Gives out credentials for S3 that soon end and that are good for a few folders alone. */
export interface S3CredentialVendor {
  /**
   * Good for half of the configured duration at least: an engine that does not renew them has that long for a query.
   * @throws STORAGE_FAILED naming the role, when STS does not give any; UNSUPPORTED when there are more folders than a policy takes
   */
  vend(request: S3CredentialRequest): Promise<VendedS3Credentials>
}

/** A vendor of sessions of a role, each kept for those who ask for the same. */
export function createS3CredentialVendor(options: S3CredentialVendorOptions): S3CredentialVendor {
  return new RoleSessions(options, createStsClient(options))
}

interface Kept {
  readonly credentials: Promise<VendedS3Credentials>
  readonly untilMs: number
}

class RoleSessions implements S3CredentialVendor {
  readonly #options: S3CredentialVendorOptions
  readonly #sts: StsRequests
  readonly #retries: S3Retries
  /** In the order of insertion: the oldest first. */
  readonly #kept = new Map<string, Kept>()

  constructor(options: S3CredentialVendorOptions, sts: StsRequests) {
    this.#options = options
    this.#sts = sts
    this.#retries = createS3Retries(options)
  }

  async vend(request: S3CredentialRequest): Promise<VendedS3Credentials> {
    const policy = this.#policyOf(request)
    const key = JSON.stringify([request.principal ?? null, policy])
    const nowMs = this.#options.clock.nowMs()
    const kept = this.#kept.get(key)
    if (kept !== undefined && nowMs < kept.untilMs) return await kept.credentials
    const credentials = this.#assume(request, policy)
    this.#keep(key, { credentials, untilMs: nowMs + (this.#options.durationSeconds * 1000) / 2 })
    try {
      return await credentials
    } catch (error) {
      if (this.#kept.get(key)?.credentials === credentials) this.#kept.delete(key)
      throw error
    }
  }

  #policyOf(request: S3CredentialRequest): string {
    const policy = sessionPolicyOf(request, this.#options.roleArn.split(':')[1] ?? 'aws')
    if (policy.length <= POLICY_CHARACTERS_MAX) return policy
    const { folder, alsoRead } = request
    throw new IngotError(
      'UNSUPPORTED',
      `no credentials for ${folder} and ${alsoRead.length} folders more: their policy has ${policy.length} characters, STS takes ${POLICY_CHARACTERS_MAX}`,
      {
        hint: 'read the table with credentials of your own, or copy it, so that it shares no files with others',
        context: { folder, folderCount: alsoRead.length + 1 },
      },
    )
  }

  #keep(key: string, kept: Kept): void {
    // Inserted again, it is the newest.
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break
      this.#kept.delete(oldest)
    }
  }

  async #assume({ folder, principal }: S3CredentialRequest, policy: string): Promise<VendedS3Credentials> {
    const { roleArn, durationSeconds } = this.#options
    const name = (principal === undefined ? 'ingot' : `ingot-${principal}`).slice(
      0,
      SESSION_NAME_CHARACTERS_MAX,
    )
    try {
      return await this.#retries(async () => {
        const session = await this.#sts.assumeRole({ roleArn, name, durationSeconds, policy })
        return { ...session, region: await this.#sts.region() }
      })
    } catch (error) {
      throw toStsError(error, roleArn, folder)
    }
  }
}

const HINTS: Readonly<Record<string, string>> = {
  AccessDenied:
    'let the role trust the credentials of the catalog, and allow those sts:AssumeRole on it; correct storage.s3.vending.roleArn',
  CredentialsMissing: 'give the catalog credentials, where the AWS SDK looks for them',
  ExpiredToken: 'renew the credentials of the catalog',
  ExpiredTokenException: 'renew the credentials of the catalog',
  InvalidClientTokenId: 'check the credentials of the catalog, and that they belong to this STS',
  RegionMissing: 'set storage.s3.region, or AWS_REGION',
  SignatureDoesNotMatch: 'check the credentials of the catalog, and that they belong to this STS',
  ValidationError:
    'see what STS says: storage.s3.vending.durationSeconds may be more than the role allows, or than one hour where the catalog is in a role itself',
}

/** Names the role and what STS said, which never repeats a secret. */
function toStsError(error: unknown, roleArn: string, folder: string): unknown {
  if (!(error instanceof S3Failure)) return error
  const { status, code, requestId, message, transient } = error
  const answer = [...(status === undefined ? [] : [`HTTP ${status}`]), code, ...(message ? [message] : [])]
  return new IngotError(
    'STORAGE_FAILED',
    `STS gave no credentials of ${roleArn} for ${folder} (${answer.join(', ')})`,
    {
      retryable: transient,
      hint:
        HINTS[code] ??
        (status === undefined
          ? 'check storage.s3.vending.stsEndpoint and the network'
          : 'look up the code and the request id in the log of the store'),
      context: { operation: 'assume role', roleArn, folder, status, code, requestId },
    },
  )
}
