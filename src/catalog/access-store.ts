/**
 * What a role may do, each including those before it. `read`: load, list, scan; `write`: commit to what is there and
 * create tables; `manage`: drop, rename, and change namespaces, on the whole catalog also maintain and register.
 */
export const PRIVILEGES = ['read', 'write', 'manage'] as const

export type Privilege = (typeof PRIVILEGES)[number]

/** What a grant or a request is about: a namespace with all in it (that of no levels: the whole catalog), or one table or view. */
export interface Securable {
  readonly namespace: readonly string[]
  /** Undefined: the namespace itself. */
  readonly name?: string
}

/** A privilege on something and, for a namespace, on everything in it, nested namespaces included. */
export interface Grant {
  readonly role: string
  readonly privilege: Privilege
  readonly on: Securable
}

/** What is kept of a credential: its secret is not. */
export interface CredentialRecord {
  readonly clientId: string
  /** Of `hashSecret`. */
  readonly secretHash: string
  /** Who proves themselves with it. Several credentials of one principal are used while one is replaced by the next. */
  readonly principal: string
  readonly roles: readonly string[]
  readonly createdAtMs: number
  /** From then on it is refused. Undefined: never. */
  readonly expiresAtMs: number | undefined
  /** The client id in exchange for which it was given out, as an OAuth2 access token; it goes with that one. */
  readonly issuedFrom: string | undefined
}

/** What can be done to a lake and to the access to it. */
export type AuditAction =
  | `${'create' | 'commit' | 'rename' | 'drop'}-${'table' | 'view'}`
  | `${'clone' | 'undrop'}-table`
  | `${'create' | 'update' | 'drop'}-namespace`
  | `${'create' | 'revoke'}-token`
  | 'grant'
  | 'revoke'

/** One change, as the audit log keeps it: written in the same database transaction as what it tells of. */
export interface AuditEvent {
  /** Grows by one with every event. */
  readonly eventId: number
  readonly atMs: number
  /** Undefined: whoever works on the store itself, or asks a catalog without authentication. */
  readonly principal: string | undefined
  readonly action: AuditAction
  /**
   * JSON values: `namespace` and `name` of what was changed, `to` for a new name, `of` for what a clone is of and what came back; the grant;
   * the token without its secret.
   */
  readonly target: Readonly<Record<string, unknown>>
  /** Undefined for what is no transaction on tables. */
  readonly transactionId: number | undefined
}

/** Which events of the audit log are asked for. */
export interface AuditQuery {
  readonly principal?: string
  /** @default 100 */
  readonly limit?: number
}

/**
 * Who may come in, and what they may do, beside the pointers of the same database. Each change is one transaction, its
 * event of the audit log included, and may be made again: it says whether there was anything to change.
 */
export interface AccessStore {
  credential(clientId: string): Promise<CredentialRecord | undefined>
  /** Those that people made, by principal; not the access tokens given out in exchange for them. */
  credentials(): Promise<readonly CredentialRecord[]>
  /**
   * An access token is no change worth an event; with it go those that are past their time. Answers false, and adds nothing, when
   * what it would be issued from is gone.
   */
  addCredential(credential: CredentialRecord): Promise<boolean>
  /** All credentials of a principal, or the one with this client id; with their access tokens. Answers what was removed. */
  removeCredentials(nameOrClientId: string, nowMs: number): Promise<readonly CredentialRecord[]>
  /** In the order of their roles. */
  grants(): Promise<readonly Grant[]>
  /** Whether it was not there yet. */
  addGrant(grant: Grant, nowMs: number): Promise<boolean>
  /** Whether it was there. */
  removeGrant(grant: Grant, nowMs: number): Promise<boolean>
  /** Newest first. */
  auditEvents(query: AuditQuery): Promise<readonly AuditEvent[]>
}
