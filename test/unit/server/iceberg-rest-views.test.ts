import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSample, SCHEMA } from '../../conformance/catalog-samples.ts'
import { withServer } from '../../support/rest-server.ts'

const VERSION = {
  'version-id': 7,
  'schema-id': 99,
  'timestamp-ms': 1_700_000_000_000,
  summary: {},
  representations: [{ type: 'sql', sql: 'select 1', dialect: 'spark' }],
  'default-catalog': null,
  'default-namespace': ['n'],
}
const BODY = { name: 'v', schema: SCHEMA, 'view-version': VERSION, properties: {} }
const PATH = '/v1/namespaces/n/views/v'

test('iceberg rest: a view lives from its creation to its drop', () =>
  withServer(async ({ catalog, send }) => {
    await catalog.createNamespace(['n'])
    const created = await send('POST', '/v1/namespaces/n/views', BODY)
    assert.equal(created.status, 200)
    const { metadata } = created.body
    assert.equal(metadata?.['format-version'], 1)
    assert.deepEqual([metadata?.versions?.[0]?.['schema-id'], metadata?.['current-version-id']], [0, 7])
    assert.deepEqual((await send('GET', PATH)).body, created.body)
    assert.equal((await send('HEAD', PATH)).status, 204)
    const replaced = await send('POST', PATH, {
      requirements: [{ type: 'assert-view-uuid', uuid: metadata?.['view-uuid'] }],
      updates: [{ action: 'set-properties', updates: { a: 'b' } }],
    })
    assert.deepEqual(replaced.body.metadata?.properties, { a: 'b' })
    const destination = { namespace: ['n'], name: 'a/b.%1F' }
    const source = { namespace: ['n'], name: 'v' }
    assert.equal((await send('POST', '/v1/views/rename', { source, destination })).status, 204)
    const listed = await send('GET', '/v1/any-prefix/namespaces/n/views')
    assert.deepEqual(listed.body, { identifiers: [destination], 'next-page-token': null })
    const moved = '/v1/any-prefix/namespaces/n/views/a%2Fb.%251F'
    assert.equal((await send('DELETE', moved)).status, 204)
    const gone = await send('GET', moved)
    assert.equal(gone.status, 404)
    assert.equal(gone.body.error?.type, 'NoSuchViewException')
    assert.equal((await send('HEAD', moved)).status, 404)
  }))

test('iceberg rest: what is wrong with a view is answered by status and type', () =>
  withServer(async ({ catalog, send }) => {
    const table = await createSample(catalog, 'n')
    await send('POST', '/v1/namespaces/n/views', BODY)
    const cases: readonly (readonly [string, unknown, number, string, RegExp])[] = [
      ['/v1/namespaces/n/views', BODY, 409, 'AlreadyExistsException', /n\.v is there/],
      ['/v1/namespaces/n/views', { ...BODY, name: 't' }, 409, 'AlreadyExistsException', /n\.t is there/],
      ['/v1/namespaces/x/views', BODY, 404, 'NoSuchNamespaceException', /x is not there/],
      [
        '/v1/namespaces/n/views',
        { ...BODY, name: 'w', location: 'file:///etc' },
        400,
        'BadRequestException',
        /etc/,
      ],
      [
        '/v1/namespaces/n/views',
        { ...BODY, name: 'w', 'view-version': { ...VERSION, representations: [] } },
        400,
        'BadRequestException',
        /view-version\.representations/,
      ],
      [
        PATH,
        { requirements: [{ type: 'assert-view-uuid', uuid: 'x' }], updates: [] },
        409,
        'CommitFailedException',
        /assert-view-uuid/,
      ],
      [PATH, { updates: [{ action: 'add-snapshot' }] }, 400, 'BadRequestException', /updates\.0/],
      [
        PATH,
        { identifier: table.identifier, updates: [] },
        400,
        'BadRequestException',
        /path names n\.v, the body n\.t/,
      ],
      ['/v1/namespaces/n/views/t', { updates: [] }, 404, 'NoSuchViewException', /view n\.t is not there/],
    ]
    for (const [path, body, status, type, message] of cases) {
      const answer = await send('POST', path, body)
      assert.equal(answer.status, status, path)
      assert.equal(answer.body.error?.type, type)
      assert.match(String(answer.body.error?.message), message)
    }
  }))
