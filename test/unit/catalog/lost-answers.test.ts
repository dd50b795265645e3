import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import type { Catalog } from '../../../src/catalog/catalog.ts'
import { createRestCatalog } from '../../../src/catalog/rest-catalog.ts'
import { type ErrorCode, isIngotError } from '../../../src/errors.ts'
import { systemRandom } from '../../../src/random.ts'
import { openLocalFixture, serveCatalog } from '../../conformance/catalog-fixtures.ts'
import {
  appendTo,
  createSample,
  eagerClock,
  setProperty,
  tableRequest,
} from '../../conformance/catalog-samples.ts'

type Fetch = typeof globalThis.fetch

/** What goes wrong with the requests of one path, in their order; then all goes well. */
type Fault = 'answer-lost' | 'request-lost' | 'bad-gateway' | 'gateway-timeout'

const FAULTS: readonly Fault[] = ['answer-lost', 'request-lost', 'bad-gateway', 'gateway-timeout']

const ATTEMPTS_MAX = 3

interface Lossy {
  /** Straight at the store. */
  readonly local: Catalog
  /** Through the faults. */
  readonly remote: Catalog
  readonly sent: string[]
}

async function withFaults(
  faults: Readonly<Record<string, readonly (Fault | undefined)[]>>,
  check: (lossy: Lossy) => Promise<void>,
): Promise<void> {
  const fixture = await openLocalFixture()
  const server = await serveCatalog(fixture.catalog)
  const sent: string[] = []
  const left = new Map(Object.entries(faults).map(([path, list]) => [path, [...list]]))
  const fetch: Fetch = async (input, init) => {
    const path = new URL(String(input)).pathname
    sent.push(`${init?.method} ${path}`)
    const fault = left.get(path)?.shift()
    if (fault === 'request-lost') throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    const response = await globalThis.fetch(input, init)
    if (fault === undefined) return response
    await response.arrayBuffer()
    if (fault === 'bad-gateway') return new Response('<html>502</html>', { status: 502 })
    if (fault === 'gateway-timeout') return new Response('', { status: 504 })
    throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
  }
  const remote = createRestCatalog({
    url: server.url,
    clock: eagerClock,
    random: systemRandom,
    fetch,
    attemptsMax: ATTEMPTS_MAX,
  })
  try {
    await check({ local: fixture.catalog, remote, sent })
  } finally {
    await server.close()
    await fixture.dispose()
  }
}

const COMMITS = '/v1/ingot/commits'
const FIND = '/v1/ingot/commits/find'

for (const fault of FAULTS) {
  test(`rest catalog: a commit with ${fault} once is applied once and answered`, () =>
    withFaults({ [COMMITS]: [fault] }, async ({ local, remote }) => {
      const base = await createSample(local, 'n')
      const result = await remote.commit([appendTo(base)], { idempotencyKey: 'k' })
      assert.deepEqual(result.tables, [await local.loadTable(base.identifier)])
      assert.equal(result.tables[0]?.metadata.snapshots.length, 1)
      assert.equal((await local.transactions()).length, 2)
    }))

  test(`rest catalog: changes with ${fault} once are applied once and answered`, () => {
    const tables = '/v1/namespaces/n/tables'
    const faults = {
      '/v1/namespaces': [fault],
      [tables]: [fault],
      [`${tables}/t`]: [fault],
      '/v1/tables/rename': [fault],
    }
    return withFaults(faults, async ({ local, remote }) => {
      await remote.createNamespace(['n'])
      const created = await remote.createTable(tableRequest({ namespace: ['n'], name: 't0' }))
      assert.deepEqual(await local.loadTable(created.identifier), created)
      await remote.renameTable(created.identifier, { namespace: ['n'], name: 't' })
      await remote.dropTable({ namespace: ['n'], name: 't' })
      assert.equal((await local.transactions()).length, 3)
    })
  })
}

test('rest catalog: when every answer to a commit is lost, asking for it settles that it is applied', () =>
  withFaults(
    { [COMMITS]: ['answer-lost', 'answer-lost', 'answer-lost'] },
    async ({ local, remote, sent }) => {
      const base = await createSample(local, 'n')
      const result = await remote.commit([appendTo(base)], { idempotencyKey: 'k' })
      assert.deepEqual(result.tables, [await local.loadTable(base.identifier)])
      assert.deepEqual(sent, [`POST ${COMMITS}`, `POST ${COMMITS}`, `POST ${COMMITS}`, `POST ${FIND}`])
    },
  ))

test('rest catalog: when no commit arrives, asking settles that it is not applied and never will be', () =>
  withFaults({ [COMMITS]: ['request-lost', 'request-lost', 'request-lost'] }, async ({ local, remote }) => {
    const base = await createSample(local, 'n')
    const change = appendTo(base)
    await fails('CATALOG_UNAVAILABLE', remote.commit([change], { idempotencyKey: 'k' }))
    assert.deepEqual(await local.loadTable(base.identifier), base)
    await fails('COMMIT_CONFLICT', local.commit([change], { idempotencyKey: 'k' }))
  }))

test('rest catalog: the state is unknown only when the catalog stays unreachable', () => {
  const always: readonly Fault[] = ['answer-lost', 'answer-lost', 'answer-lost']
  return withFaults({ [COMMITS]: always, [FIND]: always }, async ({ local, remote }) => {
    const base = await createSample(local, 'n')
    const error = await fails(
      'COMMIT_STATE_UNKNOWN',
      remote.commit([appendTo(base)], { idempotencyKey: 'k' }),
    )
    assert.equal(error.context.idempotencyKey, 'k')
    const found = await remote.findCommit('k')
    assert.deepEqual(found?.tables, [await local.loadTable(base.identifier)])
  })
})

test('rest catalog: a conflict after a lost answer is asked about before it is believed', () =>
  withFaults({ [COMMITS]: ['request-lost'] }, async ({ local, remote, sent }) => {
    const base = await createSample(local, 'n')
    await local.commit([appendTo(base)], { idempotencyKey: 'other' })
    await fails('COMMIT_CONFLICT', remote.commit([appendTo(base)], { idempotencyKey: 'k' }))
    assert.equal(sent.at(-1), `POST ${FIND}`)
  }))

test('rest catalog: reads are repeated, then the catalog is unavailable', () => {
  const faults: Readonly<Record<string, readonly Fault[]>> = {
    '/v1/namespaces/n/tables/t': ['bad-gateway', 'request-lost'],
    '/v1/namespaces/n': ['gateway-timeout', 'answer-lost', 'bad-gateway'],
  }
  return withFaults(faults, async ({ local, remote }) => {
    const base = await createSample(local, 'n')
    assert.deepEqual(await remote.loadTable(base.identifier), base)
    await fails('CATALOG_UNAVAILABLE', remote.namespaceProperties(['n']))
  })
})

test('rest catalog: a connection that breaks after the server applied a commit changes nothing', async () => {
  const fixture = await openLocalFixture()
  const server = await serveCatalog(fixture.catalog)
  let connections = 0
  // Forwards everything, but the first connection ends with the first byte of its answer.
  const proxy = createServer(client => {
    connections += 1
    const isBroken = connections === 1
    const upstream = connect(server.port, '127.0.0.1')
    client.pipe(upstream)
    upstream.on('data', bytes => (isBroken ? client.destroy() : client.write(bytes)))
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const base = await createSample(fixture.catalog, 'n')
  const { port } = proxy.address() as AddressInfo
  const remote = createRestCatalog({
    url: `http://127.0.0.1:${port}`,
    clock: eagerClock,
    random: systemRandom,
  })
  const result = await remote.commit([appendTo(base)], { idempotencyKey: 'k' })
  assert.ok(connections > 1)
  assert.deepEqual(result.tables, [await fixture.catalog.loadTable(base.identifier)])
  assert.equal(result.tables[0]?.metadata.snapshots.length, 1)
  // Connections kept alive by the client would hold the servers open.
  await Promise.all([server.close(), fixture.dispose(), new Promise(resolve => proxy.close(resolve))])
})

test('rest catalog: nobody listens, so nothing can have been applied', async () => {
  const fixture = await openLocalFixture()
  const server = await serveCatalog(fixture.catalog)
  const base = await createSample(fixture.catalog, 'n')
  await server.close()
  const remote = createRestCatalog({
    url: server.url,
    clock: eagerClock,
    random: systemRandom,
    attemptsMax: 2,
  })
  await fails('CATALOG_UNAVAILABLE', remote.commit([setProperty(base, 'a', '1')], { idempotencyKey: 'k' }))
  await fails('CATALOG_UNAVAILABLE', remote.createNamespace(['m']))
  await fails('CATALOG_UNAVAILABLE', remote.listNamespaces())
  await fixture.dispose()
})

test('rest catalog: what is no catalog is said so, not retried into', async () => {
  let requests = 0
  const fetch: Fetch = async () => {
    requests += 1
    return new Response(JSON.stringify({ hello: 'world' }), { status: 200 })
  }
  const remote = createRestCatalog({ url: 'http://x', clock: eagerClock, random: systemRandom, fetch })
  await fails('CATALOG_UNAVAILABLE', remote.listNamespaces())
  assert.equal(requests, 1)
})

async function fails(code: ErrorCode, promise: Promise<unknown>) {
  const error = await promise.then(
    () => assert.fail(`${code} was expected`),
    reason => reason,
  )
  if (!isIngotError(error, code)) throw error
  return error
}

const LOST_MAX = 1_000
const TABLES = 10
/** So that every other commit is settled by its own retries, and the rest by asking. */
const LOST_A_COMMIT = [2, 3] as const

test(`rest catalog: ${LOST_MAX} answers to commits are lost, and snapshots equal logical commits`, () => {
  const lost: (Fault | undefined)[] = []
  const answersLost = (): number => lost.filter(fault => fault !== undefined).length
  let commits = 0
  while (answersLost() < LOST_MAX) {
    const count = LOST_A_COMMIT[commits % LOST_A_COMMIT.length] ?? 0
    lost.push(...Array.from({ length: count }, () => 'answer-lost' as const))
    if (count < ATTEMPTS_MAX) lost.push(undefined)
    commits += 1
  }
  return withFaults({ [COMMITS]: lost }, async ({ local, remote, sent }) => {
    const tables = []
    for (let table = 0; table < TABLES; table += 1) tables.push(await createSample(local, `n${table}`))
    for (let commit = 0; commit < commits; commit += 1) {
      const { identifier } = tables[commit % TABLES] ?? assert.fail()
      const base = await local.loadTable(identifier)
      await remote.commit([appendTo(base)], { idempotencyKey: `commit ${commit}` })
    }
    assert.equal(sent.filter(request => request === `POST ${COMMITS}`).length, lost.length)
    let snapshots = 0
    for (const { identifier } of tables) {
      const { metadata } = await local.loadTable(identifier)
      snapshots += metadata.snapshots.length
      assert.equal(metadata['last-sequence-number'], metadata.snapshots.length)
    }
    assert.equal(snapshots, commits)
    assert.equal((await local.transactions({ limit: 10_000 })).length, commits + TABLES)
  })
})
