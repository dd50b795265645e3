import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { IngotError, isIngotError } from '../../../src/errors.ts'
import { stringifyJson } from '../../../src/json.ts'
import { serveHttp } from '../../../src/server/serve-http.ts'
import { appendTo, createSample, SCHEMA } from '../../conformance/catalog-samples.ts'
import { withServer } from '../../support/rest-server.ts'

test('iceberg rest: the configuration lists endpoints that exist, and only those', () =>
  withServer(async ({ send }) => {
    const { status, body } = await send('GET', '/v1/config?warehouse=any')
    assert.equal(status, 200)
    assert.equal(body['idempotency-key-lifetime'], 'P1D')
    const endpoints = (body.endpoints ?? []) as unknown as readonly string[]
    assert.ok(endpoints.length > 10)
    for (const endpoint of endpoints) {
      const [method = '', template = ''] = endpoint.split(' ')
      const path = template
        .replace('/{prefix}', '')
        .replace('{namespace}', 'n')
        .replace('{table}', 't')
        .replace('{view}', 'v')
      const answer = await send(method, path, method === 'POST' ? '{}' : undefined)
      assert.notEqual(answer.body?.error?.type, 'NotFoundException', endpoint)
    }
    assert.ok(endpoints.includes('HEAD /v1/{prefix}/namespaces/{namespace}/views/{view}'))
    const other = await send('GET', '/v1/namespaces/n/functions')
    assert.equal(other.status, 404)
    assert.equal(other.body.error?.type, 'NotFoundException')
  }))

test('iceberg rest: namespaces are listed by parent and asked for by HEAD', () =>
  withServer(async ({ catalog, send }) => {
    await catalog.createNamespace(['a', 'b.c'])
    await catalog.createNamespace(['d'])
    const top = await send('GET', '/v1/namespaces')
    assert.deepEqual(top.body, { namespaces: [['a'], ['d']], 'next-page-token': null })
    assert.deepEqual((await send('GET', '/v1/namespaces?parent=a')).body.namespaces, [['a', 'b.c']])
    assert.deepEqual((await send('GET', '/v1/namespaces?parent=a%1Fb.c')).body.namespaces, [])
    const missing = await send('GET', '/v1/namespaces?parent=x')
    assert.equal(missing.status, 404)
    assert.equal(missing.body.error?.type, 'NoSuchNamespaceException')
    assert.deepEqual((await send('GET', '/v1/namespaces/a%1Fb.c')).body.namespace, ['a', 'b.c'])
    assert.equal((await send('HEAD', '/v1/namespaces/a%1Fb.c')).status, 204)
    assert.equal((await send('HEAD', '/v1/namespaces/x')).status, 404)
  }))

test('iceberg rest: a table of a missing namespace is a missing table', () =>
  withServer(async ({ send }) => {
    for (const method of ['GET', 'HEAD']) {
      const { status } = await send(method, '/v1/namespaces/nowhere/tables/t')
      assert.equal(status, 404)
    }
    const { body } = await send('GET', '/v1/namespaces/nowhere/tables/t')
    assert.equal(body.error?.type, 'NoSuchTableException')
  }))

test('iceberg rest: create assigns ids, an empty table says -1, stage-create has no location yet', () =>
  withServer(async ({ catalog, send }) => {
    await catalog.createNamespace(['n'])
    const request = {
      name: 't',
      schema: { type: 'struct', fields: SCHEMA.fields },
      'partition-spec': { 'spec-id': 0, fields: [{ 'source-id': 40, name: 'p', transform: 'bucket[4]' }] },
      'write-order': null,
      properties: { 'format-version': '2', owner: 'x' },
    }
    const staged = await send('POST', '/v1/namespaces/n/tables', { ...request, 'stage-create': true })
    assert.equal(staged.status, 200)
    assert.ok(!('metadata-location' in staged.body))
    assert.equal((await send('HEAD', '/v1/namespaces/n/tables/t')).status, 404)
    const created = await send('POST', '/v1/namespaces/n/tables', request)
    assert.equal(created.status, 200)
    const metadata = created.body.metadata as unknown as Record<string, unknown>
    assert.equal(metadata['current-snapshot-id'], -1)
    assert.deepEqual(metadata.properties, { owner: 'x' })
    assert.deepEqual(metadata['partition-specs'], [
      { 'spec-id': 0, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'p', transform: 'bucket[4]' }] },
    ])
    assert.deepEqual((await send('GET', '/v1/namespaces/n/tables/t')).body, created.body)
    assert.equal((await send('HEAD', '/v1/namespaces/n/tables/t')).status, 204)
    assert.equal((await send('POST', '/v1/namespaces/n/tables', request)).status, 409)
    const old = { ...request, name: 'v1', properties: { 'format-version': '1' } }
    assert.equal((await send('POST', '/v1/namespaces/n/tables', old)).status, 406)
  }))

test('iceberg rest: a commit keeps 63-bit ids exact, and replays under its key', () =>
  withServer(async ({ catalog, send }) => {
    const base = await createSample(catalog, 'n')
    const change = appendTo(base)
    const headers = { 'idempotency-key': '0198f6a3-0000-7000-8000-000000000001' }
    const path = '/v1/namespaces/n/tables/t'
    const first = await send('POST', path, change, headers)
    assert.equal(first.status, 200)
    const { metadata } = await catalog.loadTable(base.identifier)
    assert.equal(
      BigInt(String(first.body.metadata?.['current-snapshot-id'])),
      metadata['current-snapshot-id'],
    )
    assert.deepEqual(await send('POST', path, change, headers), first)
    assert.equal((await send('POST', path, { ...change, requirements: [] }, headers)).status, 422)
    const stale = await send('POST', path, appendTo(base))
    assert.equal(stale.status, 409)
    assert.equal(stale.body.error?.type, 'CommitFailedException')
    const refs = await send('GET', `${path}?snapshots=refs`)
    assert.equal(refs.body.metadata?.snapshots?.length, 1)
    assert.equal((await send('GET', `${path}?snapshots=some`)).status, 400)
  }))

test('iceberg rest: snapshots=refs leaves out what no ref names', () =>
  withServer(async ({ catalog, send }) => {
    const base = await createSample(catalog, 'n')
    const { tables } = await catalog.commit([appendTo(base)], { idempotencyKey: 'a' })
    for (const table of tables) await catalog.commit([appendTo(table)], { idempotencyKey: 'b' })
    const all = await send('GET', '/v1/namespaces/n/tables/t')
    const refs = await send('GET', '/v1/namespaces/n/tables/t?snapshots=refs')
    assert.equal(all.body.metadata?.snapshots?.length, 2)
    assert.equal(refs.body.metadata?.snapshots?.length, 1)
  }))

test('iceberg rest: a transaction over tables answers 204, or changes none', () =>
  withServer(async ({ catalog, send }) => {
    const [a, b] = [await createSample(catalog, 'a'), await createSample(catalog, 'b')]
    const changes = { 'table-changes': [appendTo(a), appendTo(b)] }
    assert.equal((await send('POST', '/v1/transactions/commit', changes)).status, 204)
    const next = { 'table-changes': [appendTo(await catalog.loadTable(a.identifier)), appendTo(b)] }
    assert.equal((await send('POST', '/v1/transactions/commit', next)).status, 409)
    assert.equal((await catalog.loadTable(a.identifier)).metadata.snapshots.length, 1)
  }))

test('iceberg rest: a commit of unknown state is a 500 with its type, and a fault tells nothing', async () => {
  const unknown = new IngotError('COMMIT_STATE_UNKNOWN', 'the disk failed')
  await withServer(
    async ({ catalog, send }) => {
      const base = await createSample(catalog, 'n')
      const { status, body } = await send('POST', '/v1/namespaces/n/tables/t', appendTo(base))
      assert.equal(status, 500)
      assert.equal(body.error?.type, 'CommitStateUnknownException')
    },
    { commit: () => Promise.reject(unknown) },
  )
  await withServer(
    async ({ send }) => {
      const { status, body } = await send('GET', '/v1/namespaces')
      assert.equal(status, 500)
      assert.ok(!stringifyJson(body).includes('password'))
    },
    { listNamespaces: () => Promise.reject(new TypeError('password is x')) },
  )
})

test('iceberg rest: malformed requests are refused by what is wrong with them', () =>
  withServer(async ({ catalog, send }) => {
    const base = await createSample(catalog, 'n')
    const path = '/v1/namespaces/n/tables/t'
    const [, pointerCheck] = appendTo(base).requirements
    const bodies: readonly (readonly [unknown, RegExp])[] = [
      ['{"updates":', /not JSON/],
      ['[]', /not valid/],
      [{ updates: [{ action: 'drop-everything' }] }, /updates\.0/],
      [{ updates: [{ action: 'add-snapshot', snapshot: { 'snapshot-id': 'x' } }] }, /snapshot/],
      [{ updates: [{ action: 'add-schema', schema: { type: 'struct', fields: [{ id: 1 }] } }] }, /name/],
      [{ requirements: [{ type: 'assert-nothing' }] }, /requirements\.0/],
      [{ requirements: [{ ...pointerCheck, 'snapshot-id': 1.5 }] }, /requirements\.0\.snapshot-id/],
      [{ updates: [{ action: 'set-properties', updates: { a: 1 } }] }, /updates\.0\.updates\.a/],
      [{ identifier: { namespace: ['n'], name: 'u' }, updates: [] }, /path names n\.t, the body n\.u/],
      [
        '{"updates":[{"action":"set-properties","updates":{"__proto__":"1"}}]}',
        /updates\.0\.updates\.__proto__/,
      ],
      ['{"updates":[{"action":"set-properties","updates":{"\\u005f_proto__":"1"}}]}', /__proto__ is no name/],
    ]
    for (const [body, message] of bodies) {
      const answer = await send('POST', path, body)
      assert.equal(answer.status, 400, stringifyJson(body))
      assert.match(String(answer.body.error?.message), message)
    }
    const deep = `{"updates":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    assert.equal((await send('POST', path, deep)).status, 400)
    const history = '/v1/ingot/namespaces/n/tables/t'
    assert.equal((await send('GET', history)).status, 400)
    assert.equal((await send('GET', `${history}?transaction-id=-1`)).status, 400)
    assert.equal((await send('GET', `${history}?transaction-id=1&time-ms=1`)).status, 400)
    assert.deepEqual(await catalog.loadTable(base.identifier), base)
  }))

test('http app: other hosts and origins are refused, whatever they ask for', () =>
  withServer(async ({ send }) => {
    const hostile: readonly Record<string, string>[] = [
      { host: 'evil.example' },
      { host: '127.0.0.1.evil.example' },
      { host: 'localhost@evil.example' },
      { host: '10.0.0.1:8181' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]
    for (const headers of hostile) {
      for (const path of ['/v1/namespaces', '/metrics', '/healthz']) {
        const answer = await send('GET', path, undefined, headers)
        assert.equal(answer.status, 403, stringifyJson(headers))
      }
    }
    for (const host of ['127.0.0.1:8181', 'localhost', '[::1]:80']) {
      assert.equal((await send('GET', '/healthz', undefined, { host })).status, 200)
    }
    assert.equal((await send('GET', '/healthz', undefined, { origin: 'http://localhost:3000' })).status, 200)
  }))

test('http app: requests are counted by route, not by path', () =>
  withServer(async ({ send }) => {
    await send('GET', '/v1/namespaces/secret-name')
    await send('GET', '/nowhere/secret-name')
    const text = String((await send('GET', '/metrics')).body)
    assert.match(
      text,
      /ingot_http_request_seconds_count\{method="GET",route="\/v1\/namespaces\/:namespace",status="404"\} 1/,
    )
    assert.match(text, /route="none",status="404"/)
    assert.doesNotMatch(text, /secret-name/)
  }))

test('serve http: it listens on loopback only, and closes when its requests are answered', async () => {
  const app = new Hono()
  let answer: (() => void) | undefined
  const isAsked = new Promise<void>(asked => {
    app.get('/slow', async context => {
      await new Promise<void>(resolve => {
        answer = resolve
        asked()
      })
      return context.text('done')
    })
  })
  for (const host of ['0.0.0.0', '::', '192.168.0.1', 'example.com']) {
    const failed = await serveHttp({ app, host, port: 0 }).catch(error => error)
    assert.ok(isIngotError(failed, 'CONFIG_INVALID'), host)
  }
  const server = await serveHttp({ app, port: 0 })
  const taken = await serveHttp({ app, port: server.port }).catch(error => error)
  assert.ok(isIngotError(taken, 'CONFIG_INVALID'))
  const slow = fetch(`${server.url}/slow`)
  await isAsked
  const closed = server.close()
  answer?.()
  assert.equal(await (await slow).text(), 'done')
  await closed
  await assert.rejects(fetch(`${server.url}/slow`))
})

test('http app: a body is not read beyond its limit, whatever length it claims', () =>
  withServer(async ({ send }) => {
    let sentMib = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sentMib += 1
        controller.enqueue(new Uint8Array(1024 * 1024).fill(32))
      },
    })
    const { status, body } = await send('POST', '/v1/namespaces', endless, { 'content-length': '2' })
    assert.equal(status, 400)
    assert.match(String(body.error?.message), /more than \d+ bytes/)
    assert.ok(sentMib < 40, `${sentMib} MiB`)
  }))

test('iceberg rest: a client that has the version of a table already is told so', () =>
  withServer(async ({ catalog, send }) => {
    const table = await createSample(catalog, 'n')
    const path = '/v1/namespaces/n/tables/t'
    const first = await send('GET', path)
    const etag = String(first.headers.get('etag'))
    assert.match(etag, /^"[0-9a-f]{32}"$/)
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
      const again = await send('GET', path, undefined, { 'if-none-match': known })
      assert.deepEqual([again.status, again.body, again.headers.get('etag')], [304, '', etag])
    }
    const refs = await send('GET', `${path}?snapshots=refs`, undefined, { 'if-none-match': etag })
    assert.equal(refs.status, 200)
    assert.notEqual(refs.headers.get('etag'), etag)
    const { updates, requirements } = appendTo(table)
    const committed = await send('POST', path, { updates, requirements })
    const moved = await send('GET', path, undefined, { 'if-none-match': etag })
    assert.equal(moved.status, 200)
    assert.equal(moved.headers.get('etag'), committed.headers.get('etag'))
  }))

test('iceberg rest: reports of scans and commits are checked and counted', () =>
  withServer(async ({ catalog, send }) => {
    await createSample(catalog, 'n')
    const path = '/v1/namespaces/n/tables/t/metrics'
    const commit = {
      'report-type': 'commit-report',
      'table-name': 'n.t',
      'snapshot-id': 9007199254740993n,
      'sequence-number': 1,
      operation: 'append',
      metrics: { 'total-duration': { count: 1, 'time-unit': 'nanoseconds', 'total-duration': 5 } },
    }
    const { operation: _, 'sequence-number': __, ...shared } = commit
    const scan = {
      ...shared,
      'report-type': 'scan-report',
      filter: true,
      'schema-id': 0,
      'projected-field-ids': [1],
      'projected-field-names': ['id'],
    }
    for (const report of [commit, scan, scan]) assert.equal((await send('POST', path, report)).status, 204)
    for (const report of [{}, { ...commit, 'report-type': 'other' }, { ...scan, 'schema-id': 'x' }, shared]) {
      assert.equal((await send('POST', path, report)).status, 400)
    }
    assert.equal((await send('POST', '/v1/namespaces/n/tables/none/metrics', commit)).status, 404)
    const text = String((await send('GET', '/metrics')).body)
    assert.match(text, /ingot_catalog_metrics_reports_total\{type="commit-report"\} 1/)
    assert.match(text, /ingot_catalog_metrics_reports_total\{type="scan-report"\} 2/)
  }))
