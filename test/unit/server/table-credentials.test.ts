import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLONE_LOCATIONS } from '../../../src/catalog/table-locations.ts'
import { IngotError } from '../../../src/errors.ts'
import { TableCredentials, type TableCredentialsOptions } from '../../../src/server/table-credentials.ts'
import type { S3CredentialRequest, S3CredentialVendor } from '../../../src/storage/s3-credential-vendor.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { SCHEMA } from '../../conformance/catalog-samples.ts'
import { CatalogAppLab } from '../../support/catalog-app.ts'
import type { Json } from '../../support/rest-server.ts'

const WISH = { 'x-iceberg-access-delegation': 'remote-signing, Vended-Credentials' }
const TABLE = '/v1/namespaces/silver/tables/orders'
const SECRETS = {
  's3.access-key-id': 'ASIA1',
  's3.secret-access-key': 'VENDEDSECRET',
  's3.session-token': 'VENDEDTOKEN',
  's3.session-token-expires-at-ms': '1900000000000',
  's3.region': 'eu-west-1',
  'client.region': 'eu-west-1',
  's3.path-style-access': 'false',
}

/** Gives the same to all, and remembers who asked for what; or fails as it is told. */
class StubVendor implements S3CredentialVendor {
  readonly requests: S3CredentialRequest[] = []
  failure: Error | undefined

  async vend(request: S3CredentialRequest) {
    this.requests.push(request)
    if (this.failure !== undefined) throw this.failure
    return {
      accessKeyId: 'ASIA1',
      secretAccessKey: 'VENDEDSECRET',
      sessionToken: 'VENDEDTOKEN',
      expiresAtMs: 1_900_000_000_000,
      region: 'eu-west-1',
    }
  }
}

interface Lab {
  readonly lab: CatalogAppLab
  readonly vendor: StubVendor
  /** Of the table. */
  readonly location: string
  /** Of somebody who may do everything. */
  readonly token: string
}

/** The catalog's app with one table, over a vendor that only remembers. */
async function withVendor(check: (lab: Lab) => Promise<void>): Promise<void> {
  const vendor = new StubVendor()
  await using lab = await CatalogAppLab.open({ credentialVendor: vendor })
  await lab.catalog.createNamespace(['silver'])
  const table = await lab.catalog.createTable({
    identifier: { namespace: ['silver'], name: 'orders' },
    schema: SCHEMA,
  })
  const token = await lab.tokenFor('op', 'admin')
  await check({ lab, vendor, location: table.metadata.location, token })
}

async function bodyOf(response: Response): Promise<Json> {
  return (await response.json()) as Json
}

test('a table comes with credentials for its folder when the client wishes it, and no cache keeps the answer', () =>
  withVendor(async ({ lab, vendor, location, token }) => {
    const plain = await lab.ask('GET', TABLE, token)
    assert.deepEqual((await bodyOf(plain)).config, {})
    assert.deepEqual(vendor.requests, [])
    const wished = await lab.ask('GET', TABLE, token, undefined, WISH)
    assert.equal(wished.headers.get('cache-control'), 'no-store')
    const body = await bodyOf(wished)
    assert.deepEqual(body['storage-credentials'], [{ prefix: `${location}/`, config: SECRETS }])
    assert.deepEqual(body.config, {
      ...SECRETS,
      'client.refresh-credentials-endpoint': 'v1/namespaces/silver/tables/orders/credentials',
    })
    assert.deepEqual(vendor.requests, [{ folder: location, alsoRead: [], mode: 'write', principal: 'op' }])
    const again = await lab.ask('GET', `${TABLE}/credentials`, token)
    assert.equal(again.headers.get('cache-control'), 'no-store')
    assert.deepEqual(await bodyOf(again), { 'storage-credentials': body['storage-credentials'] })
  }))

test('a plan of the catalog comes with them, too', () =>
  withVendor(async ({ lab, location, token }) => {
    const plain = await lab.ask('POST', `${TABLE}/plan`, token, {})
    assert.equal((await bodyOf(plain))['storage-credentials'], undefined)
    const wished = await lab.ask('POST', `${TABLE}/plan`, token, {}, WISH)
    assert.equal(wished.headers.get('cache-control'), 'no-store')
    const body = await bodyOf(wished)
    assert.deepEqual(body['storage-credentials'], [{ prefix: `${location}/`, config: SECRETS }])
    const again = await lab.ask('GET', `${TABLE}/plan/${body['plan-id']}`, token, undefined, WISH)
    assert.deepEqual((await bodyOf(again))['storage-credentials'], body['storage-credentials'])
  }))

test('who may only read gets credentials that only read; who may not even read gets none', () =>
  withVendor(async ({ lab, vendor }) => {
    const on = { namespace: ['silver'], name: 'orders' }
    await lab.store.access.addGrant({ role: 'analyst', privilege: 'read', on }, 1)
    await lab.store.access.addGrant({ role: 'writer', privilege: 'write', on }, 1)
    for (const [role, mode] of [
      ['analyst', 'read'],
      ['writer', 'write'],
    ] as const) {
      const token = await lab.tokenFor(role, role)
      assert.equal((await lab.ask('GET', TABLE, token, undefined, WISH)).status, 200)
      assert.equal((await lab.ask('GET', `${TABLE}/credentials`, token)).status, 200)
      for (const request of vendor.requests.splice(0)) {
        assert.deepEqual([request.mode, request.principal], [mode, role])
      }
    }
    const stranger = await lab.tokenFor('stranger', 'nobody')
    assert.equal((await lab.ask('GET', TABLE, stranger, undefined, WISH)).status, 404)
    assert.equal((await lab.ask('GET', `${TABLE}/credentials`, stranger)).status, 404)
    assert.deepEqual(vendor.requests, [])
  }))

test('a client that has the version already gets new credentials all the same', () =>
  withVendor(async ({ lab, token }) => {
    const etag = (await lab.ask('GET', TABLE, token)).headers.get('etag') ?? ''
    const known = { 'if-none-match': etag }
    assert.equal((await lab.ask('GET', TABLE, token, undefined, known)).status, 304)
    const wished = await lab.ask('GET', TABLE, token, undefined, { ...known, ...WISH })
    assert.equal((await bodyOf(wished)).config?.['s3.access-key-id'], 'ASIA1')
  }))

test('a table that is created, staged or registered comes with credentials, too', () =>
  withVendor(async ({ lab, token, vendor }) => {
    const creation = (name: string, rest = {}) => ({ name, schema: SCHEMA, ...rest })
    const send = async (path: string, body: unknown): Promise<Json> => {
      const response = await lab.ask('POST', `/v1/namespaces/silver/${path}`, token, body, WISH)
      assert.equal(response.status, 200)
      return bodyOf(response)
    }
    const created = await send('tables', creation('a'))
    await lab.catalog.dropTable({ namespace: ['silver'], name: 'a' })
    const answers = [
      created,
      await send('tables', creation('b', { 'stage-create': true })),
      await send('register', { name: 'a', 'metadata-location': created['metadata-location'] }),
    ]
    for (const [index, { metadata, config }] of answers.entries()) {
      assert.equal(config?.['s3.secret-access-key'], 'VENDEDSECRET')
      assert.equal(vendor.requests[index]?.folder, metadata?.location)
    }
  }))

test('where STS gives none, a load fails and says why; what was created is answered without', () =>
  withVendor(async ({ lab, token, vendor }) => {
    vendor.failure = new IngotError('STORAGE_FAILED', 'STS gave no credentials of role/lake', {
      hint: 'trust it',
    })
    for (const path of [TABLE, `${TABLE}/credentials`]) {
      const response = await lab.ask('GET', path, token, undefined, WISH)
      assert.equal(response.status, 503)
      const { error } = await bodyOf(response)
      assert.deepEqual([error?.ingot?.code, error?.ingot?.hint], ['STORAGE_FAILED', 'trust it'])
      assert.match(String(error?.message), /role\/lake/)
    }
    const body = { name: 'new', schema: SCHEMA }
    const created = await lab.ask('POST', '/v1/namespaces/silver/tables', token, body, WISH)
    assert.equal(created.status, 200)
    assert.deepEqual((await bodyOf(created)).config, {})
    assert.equal((await lab.ask('HEAD', '/v1/namespaces/silver/tables/new', token)).status, 204)
    vendor.failure = new TypeError('a mistake in the program')
    const other = await lab.ask('POST', '/v1/namespaces/silver/tables', token, { ...body, name: 'x' }, WISH)
    assert.equal(other.status, 500)
  }))

test('where nobody gives out credentials, a folder needs none and S3 says what is missing', async () => {
  await using lab = await CatalogAppLab.open()
  await lab.catalog.createNamespace(['silver'])
  const identifier = { namespace: ['silver'], name: 'orders' }
  const table = await lab.catalog.createTable({ identifier, schema: SCHEMA })
  const token = await lab.tokenFor('op', 'admin')
  const loaded = await lab.ask('GET', TABLE, token, undefined, WISH)
  assert.deepEqual((await bodyOf(loaded)).config, {})
  assert.deepEqual(await bodyOf(await lab.ask('GET', `${TABLE}/credentials`, token)), {
    'storage-credentials': [],
  })
  const onS3 = credentialsWith({ vendor: undefined, isOnS3: true })
  assert.deepEqual(await onS3.forLoaded(table), { config: {} })
  await assert.rejects(
    () => onS3.list(table),
    error => error instanceof IngotError && error.code === 'UNSUPPORTED' && /roleArn/.test(error.hint ?? ''),
  )
})

test('a clone comes with one credential, which reads the files of what it was made from as well', async () => {
  const vendor = new StubVendor()
  const location = 's3://lake/main/silver/clone-1'
  const properties = { [CLONE_LOCATIONS]: JSON.stringify(['s3://lake/main/silver/orders-1', location]) }
  // Nothing else of the metadata is looked at.
  const metadata = { location, properties } as never
  const identifier = { namespace: ['silver'], name: 'clone' }
  const s3 = { endpoint: 'http://127.0.0.1:9000', pathStyle: undefined }
  const credentials = credentialsWith({
    vendor,
    s3,
    accessTo: () => ({ mode: 'read', principal: undefined }),
  })
  const { 'storage-credentials': listed } = await credentials.list({ identifier, metadata })
  assert.deepEqual(listed, [
    {
      prefix: 's3://lake/main/silver/',
      config: { ...SECRETS, 's3.path-style-access': 'true', 's3.endpoint': 'http://127.0.0.1:9000' },
    },
  ])
  assert.deepEqual(vendor.requests, [
    { folder: location, alsoRead: ['s3://lake/main/silver/orders-1'], mode: 'read', principal: undefined },
  ])
})

function credentialsWith(options: Partial<TableCredentialsOptions>): TableCredentials {
  return new TableCredentials({
    vendor: undefined,
    s3: { endpoint: undefined, pathStyle: undefined },
    isOnS3: true,
    log: createLog({ level: 'silent' }),
    accessTo: () => ({ mode: 'write', principal: undefined }),
    ...options,
  })
}
