import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import Libsql from 'libsql'
import type { CatalogStore, StoreTransaction } from '../../../src/catalog/store.ts'
import { isIngotError } from '../../../src/errors.ts'
import { type LibsqlStores, openLibsqlStores } from '../../conformance/catalog-fixtures.ts'

test('libsql store: a commit is durable by its settings', () =>
  withStores(async stores => {
    const store = await stores.open()
    const { prepare } = Libsql.prototype
    const settings: unknown[] = []
    // The connection that matters is the store's own: look over its shoulder while it works.
    Libsql.prototype.prepare = function (this: Libsql.Database, sql: string) {
      Libsql.prototype.prepare = prepare
      for (const name of ['synchronous', 'journal_mode']) {
        settings.push(this.prepare(`PRAGMA ${name}`).raw().all()[0])
      }
      return prepare.call(this, sql)
    } as typeof prepare
    await store.namespaces()
    assert.deepEqual(settings, [[2], ['wal']])
  }))

test('libsql store: an error inside a transaction rolls it back and is certain', () =>
  withStores(async stores => {
    const store = await stores.open()
    await createNamespace(store)
    const database = new Libsql(stores.file)
    database.exec(
      "create trigger full_disk before insert on idempotency_keys begin select raise(abort, 'disk full'); end",
    )
    const failed = await store.apply(creation('t')).catch(error => error)
    assert.ok(isIngotError(failed, 'CATALOG_UNAVAILABLE'))
    assert.match(failed.message, /disk full/)
    assert.equal(await store.pointer({ namespace: ['n'], name: 't' }), undefined)
    database.exec('drop trigger full_disk')
    const outcome = await store.apply(creation('t'))
    assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, 1)
    database.close()
  }))

test('libsql store: a file that is no database is said so', () =>
  withStores(async ({ file, open }) => {
    await writeFile(file, 'this is a text, and long enough to be no header of a database at all')
    const failed = await open().catch(error => error)
    assert.ok(isIngotError(failed, 'CATALOG_UNAVAILABLE'))
    assert.equal(failed.context.file, file)
  }))

function createNamespace(store: CatalogStore) {
  return store.apply({
    idempotencyKey: 'namespace',
    requestHash: 'namespace',
    nowMs: 0,
    namespaceChange: { type: 'create', namespace: ['n'], properties: {} },
    pointers: [],
  })
}

function creation(name: string): StoreTransaction {
  const identifier = { namespace: ['n'], name }
  return {
    idempotencyKey: name,
    requestHash: name,
    nowMs: 1,
    pointers: [{ identifier, expected: null, next: `file:///${name}` }],
  }
}

async function withStores(work: (stores: LibsqlStores) => Promise<void>): Promise<void> {
  const stores = await openLibsqlStores()
  try {
    await work(stores)
  } finally {
    await stores.dispose()
  }
}
