import type { AccessStore, CredentialRecord } from '../catalog/access-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Credential, createCredential, hashSecret, matchesHash, toBearerToken } from './credential.ts'
import { ADMIN_ROLE, grantsOf } from './grants.ts'
import type { Session } from './session.ts'

/** How long an access token is good for: clients exchange their credential anew before. */
const ACCESS_TOKEN_LIFETIME_MS = 3_600_000

/** A secret that nobody has: an id that is not there takes as long as one that is. */
const NO_HASH = hashSecret('')

/** What is known of credentials, and what is needed to act for those who have them. */
export interface AuthenticatorOptions {
  readonly access: AccessStore
  readonly clock: Clock
  readonly random: Random
  /** That of the other parts of the same installation, which may do everything; kept in no store. */
  readonly service?: Credential
  /** Of the catalog's locations. */
  readonly root: string
  /** The catalog that acts, and writes its audit log, in the name of a principal. */
  catalogFor(principal: string): Catalog
}

/** An access token (RFC 6749, section 5.1). */
export interface IssuedToken {
  readonly accessToken: string
  readonly expiresInSeconds: number
}

/** Tells who makes a request. What it reads is read anew each time: who is revoked is out with the next request. */
export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #service: CredentialRecord | undefined
  readonly #catalogs = new Map<string, Catalog>()

  constructor(options: AuthenticatorOptions) {
    this.#options = options
    this.#service = options.service && serviceRecord(options.service)
  }

  /** @throws NOT_AUTHENTICATED when the credential is not one of ours, or is no longer good */
  async openSession(credential: Credential): Promise<Session> {
    const { principal, roles } = await this.#verify(credential)
    const granted = roles.includes(ADMIN_ROLE) ? [] : await this.#options.access.grants()
    const { root } = this.#options
    return { principal, grants: grantsOf(roles, granted), root, catalog: this.#catalogOf(principal) }
  }

  /**
   * An access token for a credential, or for an earlier access token of it.
   * @throws NOT_AUTHENTICATED
   */
  async issueToken(credential: Credential): Promise<IssuedToken> {
    const { access, clock, random } = this.#options
    const presented = await this.#verify(credential)
    if (presented === this.#service) throw notAuthenticated()
    const origin =
      presented.issuedFrom === undefined ? presented : await access.credential(presented.issuedFrom)
    if (origin === undefined) throw notAuthenticated()
    const issued = createCredential(random)
    const nowMs = clock.nowMs()
    const expiresAtMs = Math.min(nowMs + ACCESS_TOKEN_LIFETIME_MS, origin.expiresAtMs ?? Infinity)
    const isAdded = await access.addCredential({
      clientId: issued.clientId,
      secretHash: hashSecret(issued.clientSecret),
      principal: origin.principal,
      roles: origin.roles,
      createdAtMs: nowMs,
      expiresAtMs,
      issuedFrom: origin.clientId,
    })
    // Revoked meanwhile.
    if (!isAdded) throw notAuthenticated()
    return {
      accessToken: toBearerToken(issued),
      expiresInSeconds: Math.floor((expiresAtMs - nowMs) / 1000),
    }
  }

  async #verify({ clientId, clientSecret }: Credential): Promise<CredentialRecord> {
    const { access, clock } = this.#options
    const record = clientId === this.#service?.clientId ? this.#service : await access.credential(clientId)
    const isSecretRight = matchesHash(clientSecret, record?.secretHash ?? NO_HASH)
    if (record === undefined || !isSecretRight) throw notAuthenticated()
    if (clock.nowMs() >= (record.expiresAtMs ?? Infinity)) throw notAuthenticated()
    return record
  }

  #catalogOf(principal: string): Catalog {
    const known = this.#catalogs.get(principal)
    if (known !== undefined) return known
    const catalog = this.#options.catalogFor(principal)
    this.#catalogs.set(principal, catalog)
    return catalog
  }
}

/** Says nothing of what was wrong: whoever tries tokens is to learn nothing by it. */
export function notAuthenticated(): IngotError {
  return new IngotError('NOT_AUTHENTICATED', 'the token is not one of this catalog, or is no longer good', {
    hint: 'make a new one with: ingot token create',
  })
}

function serviceRecord({ clientId, clientSecret }: Credential): CredentialRecord {
  return {
    clientId,
    secretHash: hashSecret(clientSecret),
    principal: 'ingot',
    roles: [ADMIN_ROLE],
    createdAtMs: 0,
    expiresAtMs: undefined,
    issuedFrom: undefined,
  }
}
