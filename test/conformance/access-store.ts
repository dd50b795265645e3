import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEvent, CredentialRecord, Grant } from '../../src/catalog/access-store.ts'
import type { DatabaseStore } from '../../src/catalog/database-store.ts'
import type { CatalogStore, PointerChange, StoreOutcome } from '../../src/catalog/store.ts'

/** A store under test that is empty. */
export interface AccessStoreFixture {
  readonly store: DatabaseStore
  /** Another one over the same data, as another process opens it; disposed of with the fixture. */
  open(): Promise<DatabaseStore>
  dispose(): Promise<void>
}

type Check = (fixture: AccessStoreFixture) => Promise<void>

const WRITERS = 6

const READ_SILVER: Grant = { role: 'analyst', privilege: 'read', on: { namespace: ['silver'] } }
const READ_TABLE: Grant = { role: 'analyst', privilege: 'read', on: { namespace: [], name: 'silver' } }

const CHECKS: Readonly<Record<string, Check>> = {
  'credentials come back as they were added, to every process': async ({ store, open }) => {
    const forever = credential('a', { roles: ['x', 'größe "'] })
    const limited = credential('b', { expiresAtMs: 2 ** 41 })
    await store.access.addCredential(forever)
    await store.access.addCredential(limited)
    const { access } = await open()
    assert.deepEqual(await access.credential('a'), forever)
    assert.deepEqual(await access.credentials(), [forever, limited])
    assert.equal(await access.credential('c'), undefined)
  },

  'access tokens are found, not listed, and go with their credential or when they expire': async ({
    store: { access },
  }) => {
    await access.addCredential(credential('a'))
    await access.addCredential(credential('a1', { issuedFrom: 'a', expiresAtMs: 2000 }))
    await access.addCredential(credential('a2', { issuedFrom: 'a', createdAtMs: 2000, expiresAtMs: 3000 }))
    assert.equal(await access.credential('a1'), undefined)
    assert.equal((await access.credential('a2'))?.issuedFrom, 'a')
    assert.equal((await access.credentials()).length, 1)
    assert.deepEqual(await access.removeCredentials('a2', 2500), [])
    assert.equal((await access.removeCredentials('a', 2500)).length, 1)
    assert.equal(await access.credential('a2'), undefined)
    assert.deepEqual(await access.removeCredentials('a', 2500), [])
    const late = credential('a3', { issuedFrom: 'a', createdAtMs: 2500, expiresAtMs: 9000 })
    assert.equal(await access.addCredential(late), false, 'issued from what was revoked meanwhile')
    assert.equal(await access.credential('a3'), undefined)
  },

  'a principal loses all its credentials at once, or one of them': async ({ store: { access } }) => {
    for (const id of ['a', 'b', 'c']) await access.addCredential(credential(id, { principal: 'etl' }))
    await access.addCredential(credential('d', { principal: 'other' }))
    assert.equal((await access.removeCredentials('b', 1)).length, 1)
    assert.equal((await access.removeCredentials('etl', 1)).length, 2)
    assert.deepEqual(
      (await access.credentials()).map(({ clientId }) => clientId),
      ['d'],
    )
  },

  'a grant on a table is not that on a namespace of its name': async ({ store: { access } }) => {
    assert.equal(await access.addGrant(READ_SILVER, 1), true)
    assert.equal(await access.addGrant(READ_SILVER, 2), false)
    assert.equal(await access.removeGrant(READ_TABLE, 3), false)
    assert.deepEqual(await access.grants(), [READ_SILVER])
    assert.equal(await access.removeGrant(READ_SILVER, 4), true)
    assert.equal(await access.removeGrant(READ_SILVER, 5), false)
    assert.deepEqual(await access.grants(), [])
  },

  'what changes access is in the log once, without secrets': async ({ store: { access } }) => {
    await access.addCredential(credential('a'))
    await access.addCredential(credential('a1', { issuedFrom: 'a', expiresAtMs: 2000 }))
    await access.addGrant(READ_SILVER, 5)
    await access.addGrant(READ_SILVER, 6)
    await access.removeGrant(READ_SILVER, 7)
    await access.removeCredentials('a', 8)
    const events = (await access.auditEvents({})).toReversed()
    assert.deepEqual(
      events.map(({ eventId, atMs, action, principal }) => [eventId, atMs, action, principal]),
      [
        [1, 1000, 'create-token', undefined],
        [2, 5, 'grant', undefined],
        [3, 7, 'revoke', undefined],
        [4, 8, 'revoke-token', undefined],
      ],
    )
    assert.deepEqual(events[0]?.target, { clientId: 'a', principal: 'a', roles: [] })
    assert.deepEqual(events[1]?.target, { role: 'analyst', privilege: 'read', namespace: ['silver'] })
    assert.ok(!JSON.stringify(events).includes('hash of'))
  },

  'every change of a table or a namespace is in the log, with who made it': async ({ store }) => {
    const ann = store.attributedTo('ann')
    await apply(ann, 'n', { namespaceChange: { type: 'create', namespace: ['n'], properties: {} } })
    const created = await apply(ann, 'create', {}, pointer('t', null, '1'))
    await apply(store, 'commit', {}, pointer('t', '1', '2'), pointer('u', null, null))
    await apply(ann, 'rename', {}, pointer('t', '2', null), pointer('v', null, '2'))
    await apply(ann, 'drop', {}, pointer('v', '2', null))
    await apply(ann, 'gone', { namespaceChange: { type: 'drop', namespace: ['n'] } })
    const events = (await store.access.auditEvents({})).toReversed()
    const table = { namespace: ['n'], name: 't' }
    assert.deepEqual(events.map(briefly), [
      ['ann', 'create-namespace', { namespace: ['n'] }],
      ['ann', 'create-table', table],
      [undefined, 'commit-table', table],
      ['ann', 'rename-table', { ...table, to: { namespace: ['n'], name: 'v' } }],
      ['ann', 'drop-table', { namespace: ['n'], name: 'v' }],
      ['ann', 'drop-namespace', { namespace: ['n'] }],
    ])
    const { transactionId } = (created.type === 'applied' && created.transaction) || assert.fail()
    assert.deepEqual(
      events.map(event => event.transactionId),
      [undefined, transactionId, transactionId + 1, transactionId + 2, transactionId + 3, undefined],
    )
    assert.equal((await store.access.auditEvents({ principal: 'ann' })).length, 5)
    assert.deepEqual(
      (await store.access.auditEvents({ limit: 1 })).map(({ eventId }) => eventId),
      [6],
    )
  },

  'where a table comes from is in the log': async ({ store }) => {
    await apply(store, 'n', { namespaceChange: { type: 'create', namespace: ['n'], properties: {} } })
    const named = (name: string) => ({ namespace: ['n'], name })
    await apply(store, 'create', {}, pointer('t', null, 'a/1'))
    const clone = { ...pointer('u', null, 'b/1'), origin: { type: 'clone', of: named('t') } as const }
    await apply(store, 'clone', {}, pointer('t', 'a/1', 'a/2'), clone)
    await apply(store, 'drop', {}, pointer('t', 'a/2', null))
    const origin = { type: 'version', of: named('t'), transactionId: 2, folder: 'a' } as const
    await apply(store, 'undrop', {}, { ...pointer('v', null, 'a/2'), origin })
    const events = (await store.access.auditEvents({})).toReversed()
    assert.deepEqual(events.map(briefly).slice(2), [
      [undefined, 'commit-table', named('t')],
      [undefined, 'clone-table', { ...named('u'), of: named('t') }],
      [undefined, 'drop-table', named('t')],
      [undefined, 'undrop-table', { ...named('v'), of: named('t') }],
    ])
  },

  'a commit for several is in the log for each of them': async ({ store }) => {
    await apply(store, 'n', { namespaceChange: { type: 'create', namespace: ['n'], properties: {} } })
    const members = ['ann', 'bob', 'ann'].map((principal, index) => ({
      idempotencyKey: `m${index}`,
      requestHash: '',
      principal,
    }))
    await apply(store, 'group', { members }, pointer('t', null, '1'))
    const events = await store.access.auditEvents({ limit: 2 })
    assert.deepEqual(events.map(({ principal }) => principal).toSorted(), ['ann', 'bob'])
  },

  'what is refused leaves nothing in the log': async ({ store }) => {
    const outcome = await apply(store, 'lost', {}, pointer('t', '1', '2'))
    assert.equal(outcome.type, 'pointer-moved')
    await apply(store, 'twice', { namespaceChange: { type: 'create', namespace: ['n'], properties: {} } })
    await apply(store, 'twice', { namespaceChange: { type: 'create', namespace: ['n'], properties: {} } })
    assert.equal((await store.access.auditEvents({})).length, 1)
  },

  'processes that write at once make one log': async ({ store, open }) => {
    const stores = [store, ...(await Promise.all(Array.from({ length: WRITERS - 1 }, open)))]
    await Promise.all(
      stores.map(async (each, index) => {
        await each.access.addCredential(credential(`c${index}`))
        await apply(each, `n${index}`, {
          namespaceChange: { type: 'create', namespace: [`n${index}`], properties: {} },
        })
      }),
    )
    const ids = (await store.access.auditEvents({})).map(({ eventId }) => eventId)
    assert.deepEqual(
      ids.toReversed(),
      Array.from({ length: 2 * WRITERS }, (_, index) => index + 1),
    )
  },
}

/** Declares a test for every rule that the access part of a store keeps. */
export function checkAccessStore(
  name: string,
  openFixture: () => Promise<AccessStoreFixture>,
  options: { readonly skip?: string | false } = {},
): void {
  for (const [title, check] of Object.entries(CHECKS)) {
    test(`access store ${name}: ${title}`, options, async () => {
      const fixture = await openFixture()
      try {
        await check(fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }
}

function credential(clientId: string, fields: Partial<CredentialRecord> = {}): CredentialRecord {
  return {
    clientId,
    secretHash: `hash of ${clientId}`,
    principal: clientId,
    roles: [],
    createdAtMs: 1000,
    expiresAtMs: undefined,
    issuedFrom: undefined,
    ...fields,
  }
}

function apply(
  store: CatalogStore,
  key: string,
  fields: Partial<Parameters<CatalogStore['apply']>[0]>,
  ...pointers: readonly PointerChange[]
): Promise<StoreOutcome> {
  return store.apply({ idempotencyKey: key, requestHash: key, nowMs: 1000, ...fields, pointers })
}

function pointer(name: string, expected: string | null, next: string | null): PointerChange {
  return { identifier: { namespace: ['n'], name }, expected, next }
}

function briefly({ principal, action, target }: AuditEvent): readonly unknown[] {
  return [principal, action, target]
}
