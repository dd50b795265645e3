import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DatabaseStore } from '../../../src/catalog/database-store.ts'
import { createLibsqlStore } from '../../../src/catalog/libsql-store.ts'
import { createPostgresStore } from '../../../src/catalog/postgres-store.ts'
import type { StoreContents } from '../../../src/catalog/store-contents.ts'
import { isIngotError } from '../../../src/errors.ts'
import { eagerClock } from '../../conformance/catalog-samples.ts'
import { sharedPostgres, withPostgres } from '../../support/postgres-fixture.ts'

const T = { namespace: ['n', 'größe'], name: 't "x"' }

async function newLibsql(context: TestContext): Promise<DatabaseStore> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-contents-'))
  const store = await createLibsqlStore({ file: join(folder, 'catalog.db'), clock: eagerClock })
  context.after(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  return store
}

async function newPostgres(context: TestContext): Promise<DatabaseStore> {
  const server = await sharedPostgres()
  const store = await createPostgresStore({ url: server.url(await server.createDatabase()) })
  context.after(() => store.close())
  return store
}

async function setPointer(store: DatabaseStore, expected: string | null, next: string | null): Promise<void> {
  const pointers = [{ identifier: T, expected, next }]
  const key = randomUUID()
  const outcome = await store.apply({
    idempotencyKey: key,
    requestHash: key,
    nowMs: 1,
    note: { key },
    pointers,
  })
  assert.equal(outcome.type, 'applied')
}

/** Something in every table; more changes than one statement inserts. */
async function fill(store: DatabaseStore): Promise<void> {
  const key = randomUUID()
  const namespaceChange = { type: 'create', namespace: T.namespace, properties: { a: 'b' } } as const
  await store.apply({ idempotencyKey: key, requestHash: key, nowMs: 1, namespaceChange, pointers: [] })
  await store.giveUpKey(randomUUID(), 2 ** 41)
  await setPointer(store, null, 'file:///0')
  for (let version = 0; version < 600; version++) {
    await setPointer(store, `file:///${version}`, `file:///${version + 1}`)
  }
  await setPointer(store, 'file:///600', null)
  await setPointer(store, null, 'file:///again')
  await store.forgetVersions([{ identifier: T, transactionIds: [1, 2, 3] }], false)
  await store.access.addGrant({ role: 'analyst', privilege: 'read', on: { namespace: ['n'] } }, 5)
  await store.access.addCredential({
    clientId: 'a',
    secretHash: 'h',
    principal: 'p',
    roles: ['analyst'],
    createdAtMs: 2 ** 41,
    expiresAtMs: undefined,
    issuedFrom: undefined,
  })
}

/** Rows as sorted lines; PostgreSQL answers big integers as texts. */
function linesOf(contents: StoreContents): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(contents).map(([table, rows]) => [
      table,
      rows
        .map(row => JSON.stringify(row, (_key, value) => (typeof value === 'number' ? `${value}` : value)))
        .sort(),
    ]),
  )
}

test('what a store remembers comes back from another database as it was', withPostgres, async context => {
  const [first, second, third] = [
    await newLibsql(context),
    await newPostgres(context),
    await newLibsql(context),
  ]
  await fill(first)
  const contents = await first.contents()
  for (const [table, rows] of Object.entries(contents)) assert.ok(rows.length > 0, `${table} has rows`)
  await second.restore(contents)
  await third.restore(await second.contents())
  for (const copy of [second, third]) {
    assert.deepEqual(linesOf(await copy.contents()), linesOf(contents))
    assert.deepEqual(await copy.transactions({ limit: 1000 }), await first.transactions({ limit: 1000 }))
    assert.deepEqual(await copy.versions(), await first.versions())
    assert.deepEqual(await copy.access.grants(), await first.access.grants())
    await setPointer(copy, 'file:///again', 'file:///next')
    const [newest] = await copy.transactions({ limit: 1 })
    const [before] = await first.transactions({ limit: 1 })
    assert.equal(newest?.transactionId, (before?.transactionId ?? 0) + 1)
  }
})

const CHANGES: Readonly<Record<string, (store: DatabaseStore) => Promise<unknown>>> = {
  'a transaction': store => setPointer(store, 'file:///0', 'file:///mine'),
  'a key that was given up': store => store.giveUpKey('k', 1),
  'a grant': store => store.access.addGrant({ role: 'r', privilege: 'read', on: { namespace: [] } }, 1),
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`a store with ${what} of its own is not replaced`, async context => {
    const [source, target] = [await newLibsql(context), await newLibsql(context)]
    const key = randomUUID()
    const namespaceChange = { type: 'create', namespace: T.namespace, properties: {} } as const
    await source.apply({ idempotencyKey: key, requestHash: key, nowMs: 1, namespaceChange, pointers: [] })
    await setPointer(source, null, 'file:///0')
    await target.restore(await source.contents())
    await target.restore(await source.contents())
    await change(target)
    const before = linesOf(await target.contents())
    await setPointer(source, 'file:///0', 'file:///1')
    await assert.rejects(target.restore(await source.contents()), error =>
      isIngotError(error, 'REQUEST_INVALID'),
    )
    assert.deepEqual(linesOf(await target.contents()), before)
  })
}
