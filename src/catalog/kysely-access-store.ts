import { type Kysely, sql } from 'kysely'
import type {
  AccessStore,
  AuditAction,
  AuditEvent,
  AuditQuery,
  CredentialRecord,
  Grant,
  Privilege,
} from './access-store.ts'
import { listEvents, recordEvents } from './store-audit.ts'
import { available } from './store-failures.ts'
import { fromStoredInteger, grantKey, type StoreSchema } from './store-schema.ts'
import { checkStoredText } from './store-texts.ts'

type Database = Kysely<StoreSchema>

/** The AccessStore in the database of a KyselyStore. */
export class KyselyAccessStore implements AccessStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  credential(clientId: string): Promise<CredentialRecord | undefined> {
    return available(async () => {
      const row = await this.#database
        .selectFrom('credentials')
        .selectAll()
        .where('client_id', '=', clientId)
        .executeTakeFirst()
      return row && toCredential(row)
    })
  }

  credentials(): Promise<readonly CredentialRecord[]> {
    return available(async () => {
      const rows = await this.#database
        .selectFrom('credentials')
        .selectAll()
        .where('issued_from', 'is', null)
        .orderBy('principal')
        .orderBy('created_at_ms')
        .execute()
      return rows.map(toCredential)
    })
  }

  async addCredential(credential: CredentialRecord): Promise<boolean> {
    const { clientId, principal, roles, createdAtMs, issuedFrom } = credential
    checkStoredText('principal', principal)
    return await this.#inTurn(async database => {
      if (issuedFrom !== undefined && !(await isThere(database, issuedFrom))) return false
      await database
        .deleteFrom('credentials')
        .where('issued_from', 'is not', null)
        .where('expires_at_ms', '<=', createdAtMs)
        .execute()
      await database.insertInto('credentials').values(toRow(credential)).execute()
      if (issuedFrom === undefined)
        await record(database, 'create-token', { clientId, principal, roles }, createdAtMs)
      return true
    })
  }

  async removeCredentials(nameOrClientId: string, nowMs: number): Promise<readonly CredentialRecord[]> {
    return await this.#inTurn(async database => {
      const rows = await database
        .deleteFrom('credentials')
        .where('issued_from', 'is', null)
        .where(({ eb, or }) =>
          or([eb('principal', '=', nameOrClientId), eb('client_id', '=', nameOrClientId)]),
        )
        .returningAll()
        .execute()
      for (const { client_id: clientId, principal } of rows) {
        await database.deleteFrom('credentials').where('issued_from', '=', clientId).execute()
        await record(database, 'revoke-token', { clientId, principal }, nowMs)
      }
      return rows.map(toCredential)
    })
  }

  grants(): Promise<readonly Grant[]> {
    return available(async () => {
      const rows = await this.#database
        .selectFrom('grants')
        .selectAll()
        .orderBy('role')
        .orderBy('securable')
        .execute()
      return rows.map(({ role, privilege, securable }) => ({
        role,
        privilege: privilege as Privilege,
        on: JSON.parse(securable),
      }))
    })
  }

  async addGrant(grant: Grant, nowMs: number): Promise<boolean> {
    const { role, privilege, on } = grant
    checkStoredText('role', role)
    return await this.#inTurn(async database => {
      const added = await database
        .insertInto('grants')
        .values({ grant_key: grantKey(grant), role, privilege, securable: JSON.stringify(on) })
        .onConflict(conflict => conflict.column('grant_key').doNothing())
        .returning('role')
        .executeTakeFirst()
      if (added !== undefined) await record(database, 'grant', { role, privilege, ...on }, nowMs)
      return added !== undefined
    })
  }

  async removeGrant(grant: Grant, nowMs: number): Promise<boolean> {
    const { role, privilege, on } = grant
    return await this.#inTurn(async database => {
      const removed = await database
        .deleteFrom('grants')
        .where('grant_key', '=', grantKey(grant))
        .returning('role')
        .executeTakeFirst()
      if (removed !== undefined) await record(database, 'revoke', { role, privilege, ...on }, nowMs)
      return removed !== undefined
    })
  }

  auditEvents(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return available(() => listEvents(this.#database, query))
  }

  /** In a transaction that waits for its turn as every other does: `applyTransaction` says why. */
  #inTurn<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return available(() =>
      this.#database
        .transaction()
        .setIsolationLevel('read committed')
        .execute(async database => {
          await sql`update last_transaction set only_row = only_row`.execute(database)
          return await work(database)
        }),
    )
  }
}

async function isThere(database: Database, clientId: string): Promise<boolean> {
  const found = await database
    .selectFrom('credentials')
    .select('client_id')
    .where('client_id', '=', clientId)
    .executeTakeFirst()
  return found !== undefined
}

/** Who can change the access works on the store itself: there is no principal. */
function record(
  database: Database,
  action: AuditAction,
  target: AuditEvent['target'],
  atMs: number,
): Promise<void> {
  return recordEvents(database, [{ principal: undefined, action, target }], {
    atMs,
    transactionId: undefined,
  })
}

function toRow(credential: CredentialRecord): StoreSchema['credentials'] {
  return {
    client_id: credential.clientId,
    secret_hash: credential.secretHash,
    principal: credential.principal,
    roles: JSON.stringify(credential.roles),
    created_at_ms: credential.createdAtMs,
    expires_at_ms: credential.expiresAtMs ?? null,
    issued_from: credential.issuedFrom ?? null,
  }
}

function toCredential(row: StoreSchema['credentials']): CredentialRecord {
  return {
    clientId: row.client_id,
    secretHash: row.secret_hash,
    principal: row.principal,
    roles: JSON.parse(row.roles),
    createdAtMs: fromStoredInteger(row.created_at_ms),
    expiresAtMs: row.expires_at_ms === null ? undefined : fromStoredInteger(row.expires_at_ms),
    issuedFrom: row.issued_from ?? undefined,
  }
}
