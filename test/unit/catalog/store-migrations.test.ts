import assert from 'node:assert/strict'
import { test } from 'node:test'
import Libsql from 'libsql'
import type { CatalogStore } from '../../../src/catalog/store.ts'
import { isIngotError } from '../../../src/errors.ts'
import { openLibsqlStores } from '../../conformance/catalog-fixtures.ts'
import { openPostgresFixture, withPostgres } from '../../support/postgres-fixture.ts'

interface Database {
  execute(statement: string): Promise<void>
  open(): Promise<CatalogStore>
  dispose(): Promise<void>
}

const OPENED_AT_ONCE = 6

/** A store as the first version of the schema holds it: one table that lives, one that was dropped with its namespace. */
const SCHEMA_1 = [
  'create table schema_version (version integer not null)',
  'insert into schema_version (version) values (1)',
  'create table namespaces (namespace text primary key, parent text not null, properties text not null)',
  'create index namespaces_by_parent on namespaces (parent)',
  'create table pointers (namespace text not null, name text not null, metadata_location text not null, primary key (namespace, name))',
  'create table last_transaction (only_row integer primary key, transaction_id bigint not null, committed_at_ms bigint not null)',
  'insert into last_transaction (only_row, transaction_id, committed_at_ms) values (1, 3, 1795000000003)',
  'create table transactions (transaction_id bigint primary key, committed_at_ms bigint not null, idempotency_key text not null, note text)',
  'create index transactions_by_time on transactions (committed_at_ms)',
  'create table transaction_pointers (transaction_id bigint not null, position integer not null, namespace text not null, name text not null, metadata_location text, primary key (transaction_id, position))',
  'create index transaction_pointers_by_table on transaction_pointers (namespace, name, transaction_id)',
  'create table idempotency_keys (idempotency_key text primary key, request_hash text, transaction_id bigint, created_at_ms bigint not null)',
  `insert into namespaces values ('["a"]', '[]', '{"owner":"x"}'), ('["a","it''s"]', '["a"]', '{}')`,
  `insert into pointers values ('["a","it''s"]', 't', 'file:///t2')`,
  `insert into transactions values (1, 1795000000001, 'one', null), (2, 1795000000002, 'two', '{"rows":3}'), (3, 1795000000003, 'three', null)`,
  `insert into transaction_pointers values (1, 0, '["a","it''s"]', 't', 'file:///t1'), (2, 0, '["a","it''s"]', 't', 'file:///t2'), (2, 1, '["gone"]', 'u', 'file:///u1'), (3, 0, '["gone"]', 'u', null)`,
  `insert into idempotency_keys values ('one', 'hash', 1, 1795000000001), ('never', null, null, 1795000000002)`,
]

const DATABASES: Readonly<Record<string, () => Promise<Database>>> = {
  libsql: async () => {
    const stores = await openLibsqlStores()
    const execute = async (statement: string): Promise<void> => {
      const database = new Libsql(stores.file)
      database.exec(statement)
      database.close()
    }
    return { ...stores, execute }
  },
  postgres: async () => {
    const fixture = await openPostgresFixture()
    const execute = async (statement: string): Promise<void> => {
      await fixture.server.query(fixture.database, statement)
    }
    return { ...fixture, execute }
  },
}

for (const [name, openDatabase] of Object.entries(DATABASES)) {
  const options = name === 'postgres' ? withPostgres : {}
  const inDatabase = (title: string, work: (database: Database) => Promise<void>): void => {
    test(`migrations of ${name}: ${title}`, options, async () => {
      const database = await openDatabase()
      try {
        await work(database)
      } finally {
        await database.dispose()
      }
    })
  }

  inDatabase('several that open a new store at once all may use it', async database => {
    const stores = await openAtOnce(database)
    for (const [index, store] of stores.entries()) await checkWritable(store, index + 1)
  })

  inDatabase('a store of the first schema has all that it had, and goes on', async database => {
    await database.execute(SCHEMA_1.join('; '))
    const stores = await openAtOnce(database)
    for (const store of stores) await checkContents(store)
    const [store] = stores
    assert.ok(store !== undefined)
    await checkWritable(store, 4)
    assert.equal((await openAndRead(database)).length, 4)
  })

  inDatabase('the schema of a newer version is left alone', async database => {
    await database.open()
    await database.execute('update schema_version set version = 999')
    const failed = await database.open().catch(error => error)
    assert.ok(isIngotError(failed, 'UNSUPPORTED'))
    assert.match(failed.message, /999/)
  })

  inDatabase('a migration that fails changes nothing', async database => {
    await database.execute([...SCHEMA_1, 'create table keyed_pointers (in_the_way integer)'].join('; '))
    const failed = await database.open().catch(error => error)
    assert.ok(isIngotError(failed, 'CATALOG_UNAVAILABLE'))
    assert.match(failed.message, /keyed_pointers/)
    await database.execute('drop table keyed_pointers')
    await checkContents(await database.open())
  })
}

function openAtOnce(database: Database): Promise<readonly CatalogStore[]> {
  return Promise.all(Array.from({ length: OPENED_AT_ONCE }, () => database.open()))
}

async function openAndRead(database: Database) {
  return (await database.open()).transactions({})
}

/** What SCHEMA_1 holds. */
async function checkContents(store: CatalogStore): Promise<void> {
  const table = { namespace: ['a', "it's"], name: 't' }
  const dropped = { namespace: ['gone'], name: 'u' }
  assert.deepEqual(await store.namespace(['a']), { namespace: ['a'], properties: { owner: 'x' } })
  assert.equal((await store.namespaces()).length, 2)
  assert.deepEqual(await store.tables(table.namespace), [table])
  assert.equal(await store.pointer(table), 'file:///t2')
  assert.equal(await store.pointerAt(table, { transactionId: 1 }), 'file:///t1')
  assert.equal(await store.pointerAt(dropped, { timeMs: 1_795_000_000_002 }), 'file:///u1')
  assert.equal(await store.pointerAt(dropped, { transactionId: 3 }), undefined)
  const [third, second, first] = await store.transactions({})
  assert.deepEqual(third?.pointers, [{ identifier: dropped, metadataLocation: null }])
  assert.deepEqual(second?.note, { rows: 3 })
  assert.equal(second?.pointers.length, 2)
  assert.deepEqual(await store.findKey('one'), { type: 'used', requestHash: 'hash', transaction: first })
  assert.deepEqual(await store.findKey('never'), { type: 'given-up' })
  const drop = { type: 'drop', namespace: ['a'] } as const
  const request = { idempotencyKey: 'drop', requestHash: 'drop', nowMs: 1, pointers: [] }
  const outcome = await store.apply({ ...request, namespaceChange: drop })
  assert.deepEqual(outcome, { type: 'namespace-not-empty', namespace: ['a'] })
}

async function checkWritable(store: CatalogStore, transactionId: number): Promise<void> {
  const namespace = [`new ${transactionId}`]
  const outcome = await store.apply({
    idempotencyKey: `write ${transactionId}`,
    requestHash: '',
    nowMs: 1,
    namespaceChange: { type: 'create', namespace, properties: {} },
    pointers: [{ identifier: { namespace, name: 't' }, expected: null, next: 'file:///new' }],
  })
  assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, transactionId)
}
