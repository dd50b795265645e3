import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GuardedCatalog } from '../../../src/access/guarded-catalog.ts'
import type { Grant, Privilege, Securable } from '../../../src/catalog/access-store.ts'
import type {
  Catalog,
  CreateTableRequest,
  CreateViewRequest,
  TableChange,
  TableOrigin,
  TransactionQuery,
} from '../../../src/catalog/catalog.ts'
import { type ErrorCode, isIngotError } from '../../../src/errors.ts'
import { openLocalFixture } from '../../conformance/catalog-fixtures.ts'

const ROOT = 'file:///lake'
const TABLE = { namespace: ['silver'], name: 'orders' }
const OTHER = { namespace: ['gold'], name: 'sales' }
const SCHEMA = {
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'id', type: 'long', required: false }],
} as const
const CREATE_TABLE: CreateTableRequest = { identifier: TABLE, schema: SCHEMA }
const CREATE_VIEW: CreateViewRequest = {
  identifier: TABLE,
  schema: SCHEMA,
  viewVersion: {
    'version-id': 1,
    'schema-id': 0,
    'timestamp-ms': 1,
    summary: {},
    representations: [{ type: 'sql', sql: 'select 1', dialect: 'duckdb' }],
    'default-namespace': [],
  },
}
const COMMIT: TableChange = {
  identifier: TABLE,
  requirements: [],
  updates: [{ action: 'set-properties', updates: { a: 'b' } }],
}
const KEY = { idempotencyKey: 'key' }

/** What one method needs, how it is called, and how it answers those who may not read what it is about. */
interface Rule {
  readonly privilege: Privilege
  readonly on: Securable
  readonly hidden: ErrorCode
  /** Whether the privilege may be on something else. @default false */
  readonly isAnywhere?: boolean
  call(catalog: Catalog): Promise<unknown>
}

const onTable = { on: TABLE, hidden: 'TABLE_NOT_FOUND' } as const
const onView = { on: TABLE, hidden: 'VIEW_NOT_FOUND' } as const
const onNamespace = { on: { namespace: ['silver'] }, hidden: 'NAMESPACE_NOT_FOUND' } as const
const onNew = { on: TABLE, hidden: 'NAMESPACE_NOT_FOUND' } as const
const onAll = { on: { namespace: [] }, hidden: 'FORBIDDEN' } as const

const RULES: Readonly<Record<string, Rule>> = {
  createNamespace: {
    ...{ privilege: 'manage', ...onNamespace, hidden: 'FORBIDDEN' },
    call: catalog => catalog.createNamespace(['silver']),
  },
  namespaceProperties: {
    ...{ privilege: 'read', ...onNamespace },
    call: catalog => catalog.namespaceProperties(['silver']),
  },
  updateNamespace: {
    ...{ privilege: 'manage', ...onNamespace },
    call: catalog => catalog.updateNamespace(['silver'], {}),
  },
  dropNamespace: {
    ...{ privilege: 'manage', ...onNamespace },
    call: catalog => catalog.dropNamespace(['silver']),
  },
  listTables: { ...{ privilege: 'read', ...onNamespace }, call: catalog => catalog.listTables(['silver']) },
  listViews: { ...{ privilege: 'read', ...onNamespace }, call: catalog => catalog.listViews(['silver']) },
  createTable: { ...{ privilege: 'write', ...onNew }, call: catalog => catalog.createTable(CREATE_TABLE) },
  stageTable: { ...{ privilege: 'write', ...onNew }, call: catalog => catalog.stageTable(CREATE_TABLE) },
  createView: { ...{ privilege: 'write', ...onNew }, call: catalog => catalog.createView(CREATE_VIEW) },
  loadTable: { ...{ privilege: 'read', ...onTable }, call: catalog => catalog.loadTable(TABLE) },
  loadTableAt: {
    ...{ privilege: 'read', ...onTable },
    call: catalog => catalog.loadTableAt(TABLE, { timeMs: 1 }),
  },
  loadView: { ...{ privilege: 'read', ...onView }, call: catalog => catalog.loadView(TABLE) },
  replaceView: {
    ...{ privilege: 'write', ...onView },
    call: catalog => catalog.replaceView({ identifier: TABLE, requirements: [], updates: [] }),
  },
  dropTable: { ...{ privilege: 'manage', ...onTable }, call: catalog => catalog.dropTable(TABLE) },
  dropView: { ...{ privilege: 'manage', ...onView }, call: catalog => catalog.dropView(TABLE) },
  unregisterTable: {
    ...{ privilege: 'manage', ...onTable },
    call: catalog => catalog.unregisterTable(TABLE),
  },
  renameTable: {
    ...{ privilege: 'manage', ...onTable },
    call: catalog => catalog.renameTable(TABLE, { ...TABLE, name: 'orders' }),
  },
  renameView: {
    ...{ privilege: 'manage', ...onView },
    call: catalog => catalog.renameView(TABLE, { ...TABLE, name: 'orders' }),
  },
  registerTable: {
    ...{ privilege: 'manage', ...onAll },
    call: catalog => catalog.registerTable({ identifier: TABLE, metadataLocation: 'file:///x' }),
  },
  registerView: {
    ...{ privilege: 'manage', ...onAll },
    call: catalog => catalog.registerView({ identifier: TABLE, metadataLocation: 'file:///x' }),
  },
  commit: { ...{ privilege: 'write', ...onTable }, call: catalog => catalog.commit([COMMIT], KEY) },
  findCommit: {
    ...{ privilege: 'write', on: TABLE, hidden: 'FORBIDDEN', isAnywhere: true },
    call: catalog => catalog.findCommit('key'),
  },
  tableVersions: { ...{ privilege: 'manage', ...onAll }, call: catalog => catalog.tableVersions() },
  forgetVersions: { ...{ privilege: 'manage', ...onAll }, call: catalog => catalog.forgetVersions([]) },
}

/** They answer everybody, each with what may be seen. */
const FILTERED = ['listNamespaces', 'transactions', 'findMember', 'close']

test('every method of a catalog has its rule', () => {
  const methods = Object.getOwnPropertyNames(GuardedCatalog.prototype).filter(name => name !== 'constructor')
  assert.deepEqual([...Object.keys(RULES), ...FILTERED].toSorted(), methods.toSorted())
})

for (const [method, { privilege, on, hidden, isAnywhere = false, call }] of Object.entries(RULES)) {
  test(`${method} needs ${privilege}`, async () => {
    const below = { manage: 'write', write: 'read', read: undefined }[privilege] as Privilege | undefined
    await call(guard([grant(privilege, on)]))
    await assert.rejects(() => call(guard([])), withCode(hidden))
    const elsewhere = () => call(guard([grant('manage', { namespace: ['gold'] })]))
    if (isAnywhere) await elsewhere()
    else await assert.rejects(elsewhere, withCode(hidden))
    if (below === undefined) return
    await assert.rejects(() => call(guard([grant(below, on)])), withCode('FORBIDDEN'))
  })
}

test('a commit to several tables needs all of them; what it only checks need be readable', async () => {
  const both = [COMMIT, { ...COMMIT, identifier: OTHER }]
  const check = { identifier: OTHER, requirements: [], updates: [] }
  const grants = [grant('write', TABLE)]
  await assert.rejects(() => guard(grants).commit(both, KEY), withCode('TABLE_NOT_FOUND'))
  await assert.rejects(() => guard(grants).commit([COMMIT, check], KEY), withCode('TABLE_NOT_FOUND'))
  const reading = [...grants, grant('read', OTHER)]
  await assert.rejects(() => guard(reading).commit(both, KEY), withCode('FORBIDDEN'))
  await guard(reading).commit([COMMIT, check], KEY)
  await guard([...grants, grant('write', { namespace: ['gold'] })]).commit(both, KEY)
})

test('a drop inside a commit is a drop, and a creation a creation', async () => {
  const drop: TableChange = { identifier: TABLE, requirements: [], updates: [], isDrop: true }
  await assert.rejects(() => guard([grant('write', TABLE)]).commit([drop], KEY), withCode('FORBIDDEN'))
  const creation: TableChange = { ...COMMIT, requirements: [{ type: 'assert-create' }] }
  const reader = guard([grant('read', { namespace: ['silver'] })])
  await assert.rejects(() => reader.commit([creation], KEY), withCode('FORBIDDEN'))
})

test('a rename needs the right to create where it goes', async () => {
  const mover = guard([grant('manage', TABLE)])
  await assert.rejects(() => mover.renameTable(TABLE, OTHER), withCode('NAMESPACE_NOT_FOUND'))
  await guard([grant('manage', TABLE), grant('write', { namespace: ['gold'] })]).renameTable(TABLE, OTHER)
})

test('a location is for the catalog to choose', async () => {
  const writer = guard([grant('write', { namespace: ['silver'] })])
  const at = (location: string): TableChange => ({
    ...COMMIT,
    updates: [{ action: 'set-location', location }],
  })
  const foreign = 'file:///lake/gold/sales-01234567'
  const inside = 'file:///lake/gold/sales-01234567/silver/orders-01234567'
  for (const location of [foreign, inside]) {
    await assert.rejects(() => writer.commit([at(location)], KEY), withCode('FORBIDDEN'))
  }
  await assert.rejects(
    () => writer.createTable({ ...CREATE_TABLE, location: foreign }),
    withCode('FORBIDDEN'),
  )
  await writer.commit([at('file:///lake/silver/orders-01234567')], KEY)
  await guard([grant('manage', { namespace: [] })]).commit([at(foreign)], KEY)
})

test('lists, history and results hold what may be read, and no note of what may not', async () => {
  const fixture = await openLocalFixture()
  try {
    const { catalog } = fixture
    for (const identifier of [TABLE, OTHER]) {
      await catalog.createNamespace(identifier.namespace, { owner: 'x' })
      await catalog.createTable({ ...CREATE_TABLE, identifier })
    }
    await catalog.commit([COMMIT, { ...COMMIT, identifier: OTHER }], { ...KEY, note: { tables: ['all'] } })
    const reader = guard([grant('read', OTHER)], catalog)
    assert.deepEqual(await reader.listNamespaces(), [['gold']])
    assert.deepEqual(await reader.namespaceProperties(['gold']), {})
    assert.deepEqual(await reader.listTables(['gold']), [OTHER])
    const history = await reader.transactions()
    assert.deepEqual(
      history.map(({ transactionId, note, idempotencyKey, pointers }) => [
        transactionId,
        note,
        idempotencyKey === undefined,
        pointers.map(({ identifier }) => identifier),
      ]),
      [
        [3, undefined, true, [OTHER]],
        [2, undefined, true, [OTHER]],
      ],
    )
    await assert.rejects(() => reader.findCommit('never used'), withCode('FORBIDDEN'))
    assert.equal((await catalog.commit([COMMIT], { idempotencyKey: 'never used' })).transactionId, 4)
    const found = await guard([grant('write', OTHER)], catalog).findCommit('key')
    assert.deepEqual(
      found?.tables.map(({ identifier }) => identifier),
      [OTHER],
    )
    const last = async (limit: number): Promise<readonly number[]> =>
      (await reader.transactions({ limit })).map(({ transactionId }) => transactionId)
    assert.deepEqual([await last(1), await last(2), await last(9)], [[3], [3, 2], [3, 2]])
    assert.deepEqual(
      (await reader.transactions({ before: 3 })).map(({ transactionId }) => transactionId),
      [2],
    )
    assert.deepEqual(await guard([], catalog).listNamespaces(), [])
    assert.deepEqual(await guard([], catalog).transactions(), [])
  } finally {
    await fixture.dispose()
  }
})

test('what may be seen of the history is found however much lies before it', async () => {
  const records = Array.from({ length: 2500 }, (_, index) => ({
    transactionId: index + 1,
    pointers: [{ identifier: index === 4 ? TABLE : OTHER, metadataLocation: 'file:///x' }],
  })).toReversed()
  const catalog = {
    transactions: async ({ limit = 0, before = Infinity }: TransactionQuery) =>
      records.filter(({ transactionId }) => transactionId < before).slice(0, limit),
  } as unknown as Catalog
  const seen = await guard([grant('read', TABLE)], catalog).transactions({ limit: 2 })
  assert.deepEqual(
    seen.map(({ transactionId }) => transactionId),
    [5],
  )
  const all = await guard([grant('read', { namespace: [] })], catalog).transactions({ limit: 2000 })
  assert.deepEqual([all.length, all.at(-1)?.transactionId], [2000, 501])
})

test('a clone needs its original to be readable and the right to create; what comes back has to be managed', async () => {
  const created = (origin: TableOrigin): TableChange => ({
    identifier: OTHER,
    requirements: [{ type: 'assert-create' }],
    updates: [],
    origin,
  })
  const original: TableChange = { identifier: TABLE, requirements: [], updates: [] }
  const cloning = [original, created({ type: 'clone', of: TABLE })]
  const gold = grant('write', { namespace: ['gold'] })
  await guard([grant('read', TABLE), gold]).commit(cloning, KEY)
  await assert.rejects(() => guard([gold]).commit(cloning, KEY), withCode('TABLE_NOT_FOUND'))
  const reader = guard([grant('read', TABLE), grant('read', { namespace: ['gold'] })])
  await assert.rejects(() => reader.commit(cloning, KEY), withCode('FORBIDDEN'))
  // The original of the origin counts, whatever else the commit names.
  const other = [{ ...original, identifier: OTHER }, created({ type: 'clone', of: TABLE })]
  await assert.rejects(() => guard([gold]).commit(other, KEY), withCode('TABLE_NOT_FOUND'))
  const version = [created({ type: 'version', of: TABLE, transactionId: 1 })]
  await guard([grant('manage', TABLE), gold]).commit(version, KEY)
  await assert.rejects(() => guard([grant('write', TABLE), gold]).commit(version, KEY), withCode('FORBIDDEN'))
  await assert.rejects(() => guard([gold]).commit(version, KEY), withCode('TABLE_NOT_FOUND'))
  await assert.rejects(
    () => guard([grant('manage', TABLE)]).commit(version, KEY),
    withCode('NAMESPACE_NOT_FOUND'),
  )
})

test('what is hidden and what is not there are answered alike', async () => {
  const fixture = await openLocalFixture()
  try {
    const { catalog } = fixture
    await catalog.createNamespace(['silver'])
    await catalog.createTable(CREATE_TABLE)
    const stranger = guard([grant('read', { namespace: ['gold'] })], catalog)
    const messageOf = (work: () => Promise<unknown>): Promise<string> =>
      work().then(
        () => assert.fail('it was answered'),
        (error: Error) => error.message.replace('missing', 'orders'),
      )
    assert.equal(
      await messageOf(() => stranger.loadTable(TABLE)),
      await messageOf(() => catalog.loadTable({ ...TABLE, name: 'missing' })),
    )
  } finally {
    await fixture.dispose()
  }
})

/** @param catalog left out: one that says yes to everything */
function guard(grants: readonly Grant[], catalog: Catalog = willing()): Catalog {
  return new GuardedCatalog(() => ({ principal: 'ann', grants, root: ROOT, catalog }))
}

function willing(): Catalog {
  const answers: Readonly<Record<string, unknown>> = {
    listTables: [],
    listViews: [],
    commit: { transactionId: 1, tables: [] },
  }
  return new Proxy({} as Catalog, { get: (_, name) => async () => answers[String(name)] })
}

function grant(privilege: Privilege, on: Securable): Grant {
  return { role: 'r', privilege, on }
}

function withCode(code: ErrorCode): (error: unknown) => boolean {
  return error => isIngotError(error, code)
}
