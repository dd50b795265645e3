import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Grant, Privilege, Securable } from '../../../src/catalog/access-store.ts'
import { encodeAppendFiles } from '../../../src/catalog/append-body.ts'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import type { DataFile } from '../../../src/format/manifest-types.ts'
import type { TableMetadata } from '../../../src/format/metadata-types.ts'
import { formatPlanId, formatToken, type ScanToken } from '../../../src/server/scan-planning-token.ts'
import { SCHEMA } from '../../conformance/catalog-samples.ts'
import { CatalogAppLab, SERVICE_TOKEN } from '../../support/catalog-app.ts'

const TABLE = { namespace: ['silver'], name: 'orders' }
const VIEW = { namespace: ['silver'], name: 'daily' }
const NEW = { namespace: ['silver'], name: 'new' }
const ALL: Securable = { namespace: [] }
const SILVER: Securable = { namespace: ['silver'] }
const VIEW_VERSION = {
  'version-id': 1,
  'schema-id': 0,
  'timestamp-ms': 1,
  summary: {},
  representations: [{ type: 'sql', sql: 'select 1', dialect: 'spark' }],
  'default-namespace': ['silver'],
} as const
const SET_PROPERTY = {
  requirements: [],
  updates: [{ action: 'set-properties', updates: { owner: 'ann' } }],
}

/** What a route needs, a request that it answers well, and how it answers those who have no grant at all. */
interface Expectation {
  /** `anybody` has a token without roles; `open` needs none. */
  readonly needs: 'open' | 'anybody' | readonly [Privilege, Securable]
  readonly path?: string
  readonly body?: (table: LoadedTable) => unknown
  /** @default 200 */
  readonly status?: number
  /** Without any grant. @default 404 */
  readonly hidden?: number
  /** Where the answer to those without grants holds nothing, rather than being refused. */
  readonly empty?: string
}

const namespacePath = '/v1/namespaces/silver'
const tablePath = `${namespacePath}/tables/orders`
const viewPath = `${namespacePath}/views/daily`

const COMMIT_REPORT = {
  'report-type': 'commit-report',
  'table-name': 'silver.orders',
  'snapshot-id': 1,
  'sequence-number': 1,
  operation: 'append',
  metrics: {},
}

const EXPECTATIONS: Readonly<Record<string, Expectation>> = {
  'GET /healthz': { needs: 'open' },
  'GET /metrics': { needs: 'anybody' },
  // Asks for the secret of a client instead; its own tests are below.
  'POST /v1/oauth/tokens': { needs: 'open', status: 400 },
  'GET /v1/config': { needs: 'anybody' },
  'GET /v1/namespaces': { needs: ['read', TABLE], empty: 'namespaces' },
  'POST /v1/namespaces': {
    needs: ['manage', { namespace: ['gold'] }],
    body: () => ({ namespace: ['gold'] }),
    hidden: 403,
  },
  'GET /v1/namespaces/:namespace': { needs: ['read', SILVER] },
  'DELETE /v1/namespaces/:namespace': { needs: ['manage', SILVER], status: 409 },
  'POST /v1/namespaces/:namespace/properties': {
    needs: ['manage', SILVER],
    body: () => ({ updates: { a: 'b' }, removals: [] }),
  },
  'GET /v1/namespaces/:namespace/tables': { needs: ['read', SILVER] },
  'GET /v1/namespaces/:namespace/tables/:table': { needs: ['read', TABLE] },
  'GET /v1/namespaces/:namespace/tables/:table/credentials': { needs: ['read', TABLE] },
  'POST /v1/namespaces/:namespace/tables/:table/metrics': {
    needs: ['read', TABLE],
    body: () => COMMIT_REPORT,
    status: 204,
  },
  'POST /v1/namespaces/:namespace/tables/:table': { needs: ['write', TABLE], body: () => SET_PROPERTY },
  'POST /v1/transactions/commit': {
    needs: ['write', TABLE],
    body: () => ({ 'table-changes': [{ identifier: TABLE, ...SET_PROPERTY }] }),
    status: 204,
  },
  'POST /v1/namespaces/:namespace/tables': {
    needs: ['write', NEW],
    body: () => ({ name: 'new', schema: SCHEMA }),
  },
  'POST /v1/namespaces/:namespace/register': {
    needs: ['manage', ALL],
    body: ({ metadataLocation }) => ({ name: 'new', 'metadata-location': metadataLocation }),
    hidden: 403,
  },
  'POST /v1/namespaces/:namespace/tables/:table/unregister': { needs: ['manage', TABLE] },
  'POST /v1/tables/rename': {
    needs: ['manage', SILVER],
    body: () => ({ source: TABLE, destination: NEW }),
    status: 204,
  },
  'DELETE /v1/namespaces/:namespace/tables/:table': { needs: ['manage', TABLE], status: 204 },
  'POST /v1/namespaces/:namespace/tables/:table/plan': { needs: ['read', TABLE], body: () => ({}) },
  'GET /v1/namespaces/:namespace/tables/:table/plan/:plan-id': {
    needs: ['read', TABLE],
    path: `${tablePath}/plan/PLAN_ID`,
  },
  'DELETE /v1/namespaces/:namespace/tables/:table/plan/:plan-id': {
    needs: ['read', TABLE],
    path: `${tablePath}/plan/PLAN_ID`,
    status: 204,
  },
  'POST /v1/namespaces/:namespace/tables/:table/tasks': {
    needs: ['read', TABLE],
    body: ({ metadata }) => ({ 'plan-task': formatToken(emptyPlanOf(metadata)) }),
  },
  'GET /v1/namespaces/:namespace/views': { needs: ['read', SILVER] },
  'POST /v1/namespaces/:namespace/views': {
    needs: ['write', NEW],
    body: () => ({ name: 'new', schema: SCHEMA, 'view-version': VIEW_VERSION, properties: {} }),
  },
  'POST /v1/namespaces/:namespace/register-view': {
    needs: ['manage', ALL],
    body: ({ metadataLocation }) => ({ name: 'new', 'metadata-location': metadataLocation }),
    // The file is that of a table: who may register is told so.
    status: 400,
    hidden: 403,
  },
  'GET /v1/namespaces/:namespace/views/:view': { needs: ['read', VIEW] },
  'POST /v1/namespaces/:namespace/views/:view': { needs: ['write', VIEW], body: () => SET_PROPERTY },
  'DELETE /v1/namespaces/:namespace/views/:view': { needs: ['manage', VIEW], status: 204 },
  'POST /v1/views/rename': {
    needs: ['manage', SILVER],
    body: () => ({ source: VIEW, destination: NEW }),
    status: 204,
  },
  'GET /v1/ingot/namespaces': { needs: ['read', TABLE], empty: 'namespaces' },
  'GET /v1/ingot/namespaces/:namespace/tables/:table': {
    needs: ['read', TABLE],
    path: `/v1/ingot/namespaces/silver/tables/orders?transaction-id=1`,
  },
  'POST /v1/ingot/commits': {
    needs: ['write', TABLE],
    body: () => ({ 'idempotency-key': 'k', 'table-changes': [{ identifier: TABLE, ...SET_PROPERTY }] }),
  },
  'POST /v1/ingot/commits/find': {
    needs: ['write', TABLE],
    hidden: 403,
    body: () => ({ 'idempotency-key': 'created' }),
  },
  'POST /v1/ingot/commits/find-member': {
    needs: 'anybody',
    body: () => ({ 'idempotency-key': 'other', 'request-hash': 'x' }),
  },
  'GET /v1/ingot/versions': { needs: ['manage', ALL], hidden: 403 },
  'POST /v1/ingot/versions/forget': {
    needs: ['manage', ALL],
    body: () => ({ versions: [], removed: false }),
    status: 204,
    hidden: 403,
  },
  'GET /v1/ingot/transactions': { needs: ['read', TABLE], empty: 'transactions' },
  'POST /v1/ingot/namespaces/:namespace/tables/:table/appends': {
    needs: ['write', TABLE],
    body: ({ metadata }) => ({
      'table-uuid': metadata['table-uuid'],
      'schema-id': 99,
      'spec-id': 0,
      manifest: Buffer.from(encodeAppendFiles(metadata, [dataFileOf(metadata)])).toString('base64'),
      'began-at-ms': 0,
    }),
    // Who may write is told that the table has other columns.
    status: 409,
  },
}

test('every route is known here, and asked below', async () => {
  await using lab = await CatalogAppLab.open()
  const routes = lab.app.routes.filter(({ method }) => method !== 'ALL')
  const keys = new Set(routes.map(({ method, path }) => `${method} ${withoutPrefix(path)}`))
  assert.deepEqual([...keys].toSorted(), Object.keys(EXPECTATIONS).toSorted())
})

for (const [route, expectation] of Object.entries(EXPECTATIONS)) {
  const [method = '', pattern = ''] = route.split(' ')
  const path = expectation.path ?? pathOf(pattern)
  test(`${route}: without a token, with a bad one, the wrong role and the right one`, async () => {
    for (const each of new Set([path, withPrefix(pattern, path)])) await checkRoute(method, each, expectation)
  })
}

async function checkRoute(method: string, pattern: string, expectation: Expectation): Promise<void> {
  const { needs, status = 200, hidden = 404, empty } = expectation
  await using lab = await CatalogAppLab.open()
  const table = await makeLake(lab)
  const body = expectation.body?.(table)
  const path = pattern.replace('PLAN_ID', formatPlanId(emptyPlanOf(table.metadata)))
  const statusFor = async (token?: string): Promise<number> =>
    (await lab.ask(method, path, token, body)).status
  if (needs === 'open') return assert.equal(await statusFor(), status)
  await checkRefused(lab, method, path, body)
  const stranger = await lab.tokenFor('stranger', 'nobody')
  if (needs === 'anybody') return assert.equal(await statusFor(stranger), status)
  const answer = await lab.ask(method, path, stranger, body)
  if (empty === undefined) assert.equal(answer.status, hidden)
  else assert.deepEqual(valueAt(await answer.json(), empty), [])
  const [privilege, on] = needs
  await checkLower(lab, { privilege, on, role: 'lower' }, statusFor)
  await lab.store.access.addGrant({ role: 'right', privilege, on }, 1)
  const right = await lab.ask(method, path, await lab.tokenFor('holder', 'right'), body)
  assert.equal(right.status, status)
  if (empty !== undefined) assert.notDeepEqual(valueAt(await right.json(), empty), [])
}

/** Without a token nothing is said, and nothing is done. */
async function checkRefused(lab: CatalogAppLab, method: string, path: string, body: unknown): Promise<void> {
  for (const token of [undefined, 'ingot_none_0', `${SERVICE_TOKEN}x`, 'a b', '', 'ingot_a\u00e9_b']) {
    const answer = await lab.ask(method, path, token, body)
    assert.equal(answer.status, 401)
    const error = token === undefined ? '' : ', error="invalid_token"'
    assert.equal(answer.headers.get('www-authenticate'), `Bearer realm="ingot"${error}`)
    const { type, code } = ((await answer.json()) as { error: { type: string; code: number } }).error
    assert.deepEqual([type, code], ['NotAuthorizedException', 401])
  }
  assert.equal((await lab.catalog.transactions()).length, 2)
}

/** What allows less is not enough. */
async function checkLower(
  lab: CatalogAppLab,
  { privilege, ...grant }: Grant,
  statusFor: (token: string) => Promise<number>,
): Promise<void> {
  const below: Privilege | undefined = { read: undefined, write: 'read', manage: 'write' }[privilege] as
    | Privilege
    | undefined
  if (below === undefined) return
  await lab.store.access.addGrant({ ...grant, privilege: below }, 1)
  assert.equal(await statusFor(await lab.tokenFor('lower', 'lower')), 403)
}

function dataFileOf({ location }: TableMetadata): DataFile {
  const filePath = `${location}/data/1.parquet`
  return { content: 'data', filePath, fileFormat: 'PARQUET', partition: [], recordCount: 1, fileSizeBytes: 1 }
}

function emptyPlanOf(metadata: TableMetadata): ScanToken {
  const scan = { 'snapshot-id': null, 'schema-id': 0, 'case-sensitive': true }
  return { tableUuid: metadata['table-uuid'], scan }
}

async function makeLake({ catalog }: CatalogAppLab): Promise<LoadedTable> {
  await catalog.createNamespace(['silver'])
  const table = await catalog.createTable(
    { identifier: TABLE, schema: SCHEMA },
    { idempotencyKey: 'created' },
  )
  await catalog.createView({ identifier: VIEW, schema: SCHEMA, viewVersion: VIEW_VERSION })
  return table
}

function pathOf(pattern: string): string {
  return pattern
    .replace('/v1/namespaces/:namespace/tables/:table', tablePath)
    .replace('/v1/namespaces/:namespace/views/:view', viewPath)
    .replace(':namespace', 'silver')
    .replace(':table', 'orders')
}

function withoutPrefix(path: string): string {
  return path.replace('/v1/:prefix/', '/v1/')
}

/** The catalog's own endpoints come with any prefix, too. */
function withPrefix(pattern: string, path: string): string {
  const hasPrefix = pattern.startsWith('/v1/') && !/^\/v1\/(ingot|oauth|config)/.test(pattern)
  return hasPrefix ? path.replace('/v1/', '/v1/main/') : path
}

function valueAt(value: unknown, place: string): unknown {
  return place
    .split('.')
    .reduce<unknown>((found, key) => (found as Readonly<Record<string, unknown>>)[key], value)
}
