import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import type { CatalogStore, StoreOutcome, StoreTransaction } from '../../../src/catalog/store.ts'
import { type ErrorCode, isIngotError } from '../../../src/errors.ts'
import { LossyProxy } from '../../support/lossy-proxy.ts'
import { openPostgresFixture, type PostgresFixture, withPostgres } from '../../support/postgres-fixture.ts'

const TABLE = { namespace: ['n'], name: 't' }

/** Raises in the first `times` transactions that reach it. Sequences remember what is rolled back. */
const FAILING = (times: number, raise: string): string => `
  create sequence failures;
  create function fail() returns trigger language plpgsql as $$
    begin
      if nextval('failures') <= ${times} then ${raise}; end if;
      return null;
    end $$;`

const WITHIN = 'create trigger fails after insert on transactions for each row execute function fail()'
const AT_COMMIT =
  'create constraint trigger fails after insert on transactions deferrable initially deferred for each row execute function fail()'

const SERIALIZATION_FAILURE = "raise exception 'could not serialize' using errcode = '40001'"
const DEADLOCK = "raise exception 'deadlock detected' using errcode = '40P01'"
const CONNECTION_LOST = 'perform pg_terminate_backend(pg_backend_pid())'

const storeTest = (
  title: string,
  work: (fixture: PostgresFixture, store: CatalogStore) => Promise<void>,
): void =>
  void test(`postgres store: ${title}`, withPostgres, async () => {
    const fixture = await openPostgresFixture()
    try {
      const store = await fixture.open()
      await apply(store, 'namespace', {
        namespaceChange: { type: 'create', namespace: ['n'], properties: {} },
      })
      await work(fixture, store)
    } finally {
      await fixture.dispose()
    }
  })

for (const [when, trigger] of [
  ['within', WITHIN],
  ['at its commit', AT_COMMIT],
] as const) {
  for (const failure of [SERIALIZATION_FAILURE, DEADLOCK]) {
    storeTest(
      `a transaction that is undone ${when} for others is done again (${failure})`,
      async (fixture, store) => {
        await sabotage(fixture, FAILING(2, failure), trigger)
        const outcome = await create(store)
        assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, 1)
        assert.equal(await store.pointer(TABLE), 'file:///t')
      },
    )
  }

  storeTest(
    `a transaction that is always undone ${when} is certainly not applied`,
    async (fixture, store) => {
      await sabotage(fixture, FAILING(1000, SERIALIZATION_FAILURE), trigger)
      const error = await fails('CATALOG_UNAVAILABLE', create(store))
      assert.equal(error.retryable, true)
      assert.match(error.message, /could not serialize/)
      assert.equal(await store.pointer(TABLE), undefined)
      await fixture.server.query(fixture.database, 'drop trigger fails on transactions')
      assert.equal((await create(store)).type, 'applied')
    },
  )
}

storeTest('an error of a statement is certain, and the next transaction succeeds', async (fixture, store) => {
  await sabotage(fixture, FAILING(1, "raise exception 'disk full' using errcode = '53100'"), WITHIN)
  const error = await fails('CATALOG_UNAVAILABLE', create(store))
  assert.match(error.message, /disk full/)
  assert.equal(await store.findKey('create'), undefined)
  assert.equal((await create(store)).type, 'applied')
})

storeTest('a connection that is lost before the commit is certain', async (fixture, store) => {
  await sabotage(fixture, FAILING(1, CONNECTION_LOST), WITHIN)
  const error = await fails('CATALOG_UNAVAILABLE', create(store))
  assert.equal(error.retryable, true)
  assert.equal(await store.pointer(TABLE), undefined)
  assert.equal((await create(store)).type, 'applied')
})

storeTest(
  'a connection that is lost at the commit leaves it unknown: here it is not applied',
  async (fixture, store) => {
    await sabotage(fixture, FAILING(1, CONNECTION_LOST), AT_COMMIT)
    const error = await fails('COMMIT_STATE_UNKNOWN', create(store))
    assert.equal(error.context.idempotencyKey, 'create')
    assert.deepEqual(await store.giveUpKey('create', 1), { type: 'given-up' })
    assert.equal(await store.pointer(TABLE), undefined)
    assert.equal((await create(store)).type, 'key-spent')
  },
)

storeTest(
  'a connection that is lost at the commit leaves it unknown: here it is applied',
  async (fixture, store) => {
    let isLossy = false
    await using proxy = await LossyProxy.start(
      fixture.server.port,
      sent => isLossy && sent.includes('commit\0'),
    )
    const lossy = await fixture.open({ url: fixture.server.url(fixture.database, { port: proxy.port }) })
    isLossy = true
    await fails('COMMIT_STATE_UNKNOWN', create(lossy))
    isLossy = false
    assert.equal((await lossy.giveUpKey('create', 1)).type, 'used')
    assert.equal(await store.pointer(TABLE), 'file:///t')
  },
)

storeTest(
  'an answer that is lost before the commit is certain, and nothing holds up others',
  async (fixture, store) => {
    let isLossy = false
    await using proxy = await LossyProxy.start(
      fixture.server.port,
      sent => isLossy && sent.includes('insert into "transactions"'),
    )
    const lossy = await fixture.open({ url: fixture.server.url(fixture.database, { port: proxy.port }) })
    isLossy = true
    await fails('CATALOG_UNAVAILABLE', create(lossy))
    const outcome = await create(store)
    assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, 1)
  },
)

storeTest('connections that break while they are idle are replaced', async (fixture, store) => {
  const others = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
  for (let round = 0; round < 3; round++) {
    const [ended] = await fixture.server.query(fixture.database, others)
    assert.equal(ended, 't')
    // Whether this process has noticed decides which one it is; the one after it succeeds.
    await store.namespaces().catch(error => assert.ok(isIngotError(error, 'CATALOG_UNAVAILABLE')))
    assert.equal((await store.namespaces()).length, 1)
  }
})

storeTest('a statement that waits too long for others is certain', async fixture => {
  const impatient = await fixture.open({ statementTimeoutMs: 100 })
  const other = new Client({ connectionString: fixture.url })
  await other.connect()
  await other.query('begin')
  await other.query('update last_transaction set only_row = only_row')
  const error = await fails('CATALOG_UNAVAILABLE', create(impatient))
  assert.match(error.message, /statement timeout/)
  assert.equal((await impatient.namespaces()).length, 1)
  await other.end()
  assert.equal((await create(impatient)).type, 'applied')
})

storeTest('who stops before its commit holds up others for a moment, and is undone', async fixture => {
  const stopping = await fixture.open({ idleInTransactionTimeoutMs: 200 })
  const other = await fixture.open()
  const { query } = Client.prototype
  let others: Promise<unknown> = Promise.resolve()
  // The commit is sent when another transaction has had its turn, as if the process had slept meanwhile.
  Client.prototype.query = async function (this: Client, sql: string, ...rest: readonly unknown[]) {
    if (sql === 'commit') {
      Client.prototype.query = query
      others = apply(other, 'faster', {
        pointers: [{ identifier: TABLE, expected: null, next: 'file:///f' }],
      })
      await others
    }
    return await Reflect.apply(query, this, [sql, ...rest])
  } as typeof query
  await fails('COMMIT_STATE_UNKNOWN', create(stopping))
  assert.equal(((await others) as StoreOutcome).type, 'applied')
  assert.equal(await stopping.pointer(TABLE), 'file:///f')
  assert.deepEqual(await stopping.giveUpKey('create', 1), { type: 'given-up' })
})

storeTest('settings of the server do not weaken a commit', async (fixture, store) => {
  const { server, database } = fixture
  await server.query(
    database,
    `alter database ${database} set default_transaction_isolation to serializable;
     alter database ${database} set synchronous_commit to off;
     create table seen (setting text);
     create function see() returns trigger language plpgsql as $$
       begin
         insert into seen select current_setting('transaction_isolation') || ', ' || current_setting('synchronous_commit');
         return null;
       end $$;
     create trigger sees after insert on transactions for each row execute function see()`,
  )
  await create(await fixture.open())
  assert.deepEqual(await server.query(database, 'select * from seen'), ['read committed, on'])
  assert.equal(await store.pointer(TABLE), 'file:///t')
})

storeTest('what is more durable than this host is kept', async fixture => {
  const { server, database } = fixture
  await server.query(
    database,
    `alter database ${database} set synchronous_commit to remote_apply;
     create table seen (setting text);
     create function see() returns trigger language plpgsql as $$
       begin insert into seen select current_setting('synchronous_commit'); return null; end $$;
     create trigger sees after insert on transactions for each row execute function see()`,
  )
  await create(await fixture.open())
  assert.deepEqual(await server.query(database, 'select * from seen'), ['remote_apply'])
})

async function sabotage(fixture: PostgresFixture, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await fixture.server.query(fixture.database, statement)
}

function create(store: CatalogStore) {
  return apply(store, 'create', { pointers: [{ identifier: TABLE, expected: null, next: 'file:///t' }] })
}

function apply(store: CatalogStore, key: string, request: Partial<StoreTransaction>) {
  return store.apply({ idempotencyKey: key, requestHash: key, nowMs: 1, pointers: [], ...request })
}

async function fails(code: ErrorCode, promise: Promise<unknown>) {
  const error = await promise.then(
    () => assert.fail(`${code} was expected`),
    reason => reason,
  )
  if (!isIngotError(error, code)) throw error
  return error
}
