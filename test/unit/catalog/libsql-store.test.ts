import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Libsql from 'libsql'
import type { CatalogStore, StoreTransaction } from '../../../src/catalog/store.ts'
import { isIngotError } from '../../../src/errors.ts'
import { openTestStore } from './test-store.ts'

test('libsql store: a commit is durable by its settings', () =>
  inFolder(async folder => {
    const store = await openTestStore(folder)
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
    await store.close()
  }))

test('libsql store: it is opened again, and two connections of one thread take turns', () =>
  inFolder(async folder => {
    const first = await openTestStore(folder)
    await createNamespace(first)
    await first.close()
    const stores = [await openTestStore(folder), await openTestStore(folder)]
    const work = stores.flatMap((store, side) =>
      Array.from({ length: 10 }, (_, index) =>
        store.apply(creation(`${side}-${index}`, `t${side}-${index}`, 1000)),
      ),
    )
    const outcomes = await Promise.all(work)
    const ids = outcomes.map(outcome => (outcome.type === 'applied' ? outcome.transaction?.transactionId : 0))
    assert.deepEqual(
      ids.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
    for (const store of stores) await store.close()
  }))

test('libsql store: times of transactions never run backwards', () =>
  inFolder(async folder => {
    const store = await openTestStore(folder)
    await createNamespace(store)
    await store.apply(creation('a', 'a', 5000))
    await store.apply(creation('b', 'b', 4000))
    await store.apply(creation('c', 'c', 6000))
    const times = (await store.transactions({})).map(record => record.committedAtMs)
    assert.deepEqual(times, [6000, 5000, 5000])
    await store.close()
  }))

test('libsql store: of two swaps from one pointer the second is told', () =>
  inFolder(async folder => {
    const store = await openTestStore(folder)
    await createNamespace(store)
    await store.apply(creation('a', 't', 1))
    const identifier = { namespace: ['n'], name: 't' }
    const swap = (key: string, next: string | null): StoreTransaction => ({
      ...creation(key, 't', 1),
      pointers: [{ identifier, expected: 'file:///t', next }],
    })
    assert.equal((await store.apply(swap('b', 'file:///u'))).type, 'applied')
    assert.deepEqual(await store.apply(swap('c', 'file:///v')), { type: 'pointer-moved', identifier })
    assert.deepEqual(await store.apply(swap('d', null)), { type: 'pointer-moved', identifier })
    assert.equal(await store.pointer(identifier), 'file:///u')
    assert.equal(await store.findKey('c'), undefined)
    assert.equal((await store.transactions({})).length, 2)
    await store.close()
  }))

test('libsql store: an error inside a transaction rolls it back and is certain', () =>
  inFolder(async folder => {
    const store = await openTestStore(folder)
    await createNamespace(store)
    const database = new Libsql(join(folder, 'catalog.db'))
    database.exec(
      "create trigger full_disk before insert on idempotency_keys begin select raise(abort, 'disk full'); end",
    )
    const failed = await store.apply(creation('a', 't', 1)).catch(error => error)
    assert.ok(isIngotError(failed, 'CATALOG_UNAVAILABLE'))
    assert.match(failed.message, /disk full/)
    assert.equal(await store.pointer({ namespace: ['n'], name: 't' }), undefined)
    database.exec('drop trigger full_disk')
    const outcome = await store.apply(creation('a', 't', 1))
    assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, 1)
    database.close()
    await store.close()
  }))

test('libsql store: the schema of a newer version is left alone', () =>
  inFolder(async folder => {
    await (await openTestStore(folder)).close()
    const database = new Libsql(join(folder, 'catalog.db'))
    database.exec('update schema_version set version = 999')
    database.close()
    const failed = await openTestStore(folder).catch(error => error)
    assert.ok(isIngotError(failed, 'UNSUPPORTED'))
    assert.match(failed.message, /999/)
  }))

test('libsql store: a file that is no database is said so', () =>
  inFolder(async folder => {
    await writeFile(
      join(folder, 'catalog.db'),
      'this is a text, and long enough to be no header of a database at all',
    )
    const failed = await openTestStore(folder).catch(error => error)
    assert.ok(isIngotError(failed, 'CATALOG_UNAVAILABLE'))
    assert.equal(failed.context.file, join(folder, 'catalog.db'))
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

function creation(idempotencyKey: string, name: string, nowMs: number): StoreTransaction {
  const identifier = { namespace: ['n'], name }
  return {
    idempotencyKey,
    requestHash: idempotencyKey,
    nowMs,
    pointers: [{ identifier, expected: null, next: `file:///${name}` }],
  }
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-store-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
