import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KyselyStore } from '../../../src/catalog/kysely-store.ts'
import { createLocalCatalog } from '../../../src/catalog/local-catalog.ts'
import type { CatalogStore } from '../../../src/catalog/store.ts'
import { type ErrorCode, IngotError, isIngotError } from '../../../src/errors.ts'
import { systemRandom } from '../../../src/random.ts'
import type { FileIO } from '../../../src/storage/file-io.ts'
import { type LocalFixture, openLocalFixture } from '../../conformance/catalog-fixtures.ts'
import {
  appendTo,
  createSample,
  creation,
  eagerClock,
  setProperty,
  tableRequest,
} from '../../conformance/catalog-samples.ts'
import { openTestStore } from './test-store.ts'

test('local catalog: files stay when the store does not know whether it committed', async () => {
  const unknown = new IngotError('COMMIT_STATE_UNKNOWN', 'the disk failed')
  await withStore({ apply: () => Promise.reject(unknown) }, async ({ broken, healthy, fixture }) => {
    const base = await createSample(healthy, 'n')
    await fails('COMMIT_STATE_UNKNOWN', broken.commit([appendTo(base)], { idempotencyKey: 'k' }))
    assert.equal(await countFiles(fixture.io, base.metadata.location), 2)
    assert.equal(await healthy.findCommit('k'), undefined)
  })
})

test('local catalog: files go when the store certainly did not commit', async () => {
  const unavailable = new IngotError('CATALOG_UNAVAILABLE', 'the disk is full')
  await withStore({ apply: () => Promise.reject(unavailable) }, async ({ broken, healthy, fixture }) => {
    const base = await createSample(healthy, 'n')
    await fails('CATALOG_UNAVAILABLE', broken.commit([appendTo(base)], { idempotencyKey: 'k' }))
    assert.equal(await countFiles(fixture.io, base.metadata.location), 1)
  })
})

test('local catalog: when one metadata file cannot be written, the others are removed', async () => {
  const fixture = await openLocalFixture()
  const [a, b] = [await createSample(fixture.catalog, 'a'), await createSample(fixture.catalog, 'b')]
  const io: FileIO = {
    ...fixture.io,
    create: (location, bytes) =>
      location.startsWith(b.metadata.location)
        ? Promise.reject(new IngotError('STORAGE_FAILED', 'no space left'))
        : fixture.io.create(location, bytes),
  }
  const store = await openTestStore(fixture.folder)
  const catalog = createLocalCatalog({
    store,
    io,
    clock: eagerClock,
    random: systemRandom,
    root: fixture.root,
  })
  const commit = catalog.commit([appendTo(a), appendTo(b)], { idempotencyKey: 'k' })
  await fails('STORAGE_FAILED', commit)
  assert.equal(await countFiles(fixture.io, a.metadata.location), 1)
  assert.deepEqual(await fixture.catalog.loadTable(a.identifier), a)
  await catalog.close()
  await fixture.dispose()
})

test('local catalog: a replay whose tables cannot be read is unknown, not failed', async () => {
  const fixture = await openLocalFixture()
  const base = await createSample(fixture.catalog, 'n')
  const change = appendTo(base)
  const { tables } = await fixture.catalog.commit([change], { idempotencyKey: 'k' })
  const other = await fixture.open()
  await fixture.io.remove(tables.map(table => table.metadataLocation))
  await fails('COMMIT_STATE_UNKNOWN', other.commit([change], { idempotencyKey: 'k' }))
  await fixture.dispose()
})

test('local catalog: a commit that loses the swap again and again gives up without a trace', async () => {
  const fixture = await openLocalFixture()
  const base = await createSample(fixture.catalog, 'n')
  const apply: CatalogStore['apply'] = async request => ({
    type: 'pointer-moved',
    identifier: request.pointers[0]?.identifier ?? base.identifier,
  })
  const store = Object.assign(await openTestStore(fixture.folder), { apply })
  const catalog = createLocalCatalog({ ...fixture, store, clock: eagerClock, random: systemRandom })
  const error = await fails(
    'COMMIT_CONFLICT',
    catalog.commit([setProperty(base, 'a', '1')], { idempotencyKey: 'k' }),
  )
  assert.ok(error.retryable)
  assert.equal(await countFiles(fixture.io, base.metadata.location), 1)
  await fails('TABLE_EXISTS', catalog.createTable(tableRequest({ namespace: ['n'], name: 'u' })))
  await catalog.close()
  await fixture.dispose()
})

test('local catalog: a request that arrives twice at once does not conflict with itself', async () => {
  const fixture = await openLocalFixture()
  const base = await createSample(fixture.catalog, 'n')
  const change = appendTo(base)
  const request = tableRequest({ namespace: ['n'], name: 'u' })
  const store = await openTestStore(fixture.folder)
  const { findKey } = store
  const twins: (() => Promise<unknown>)[] = []
  // The twin is applied after this one has looked for its key, and before it looks at the table.
  const findKeyThenTwin: CatalogStore['findKey'] = async key => {
    const record = await findKey.call(store, key)
    await twins.shift()?.()
    return record
  }
  const catalog = createLocalCatalog({
    ...fixture,
    store: Object.assign(store, { findKey: findKeyThenTwin }),
    clock: eagerClock,
    random: systemRandom,
  })
  const commit = { idempotencyKey: 'commit' }
  twins.push(() => fixture.catalog.commit([change], commit))
  assert.deepEqual(await catalog.commit([change], commit), await fixture.catalog.commit([change], commit))
  const create = { idempotencyKey: 'create' }
  twins.push(() => fixture.catalog.createTable(request, create))
  assert.deepEqual(await catalog.createTable(request, create), await catalog.loadTable(request.identifier))
  const drop = { idempotencyKey: 'drop' }
  twins.push(() => fixture.catalog.dropTable(request.identifier, drop))
  await catalog.dropTable(request.identifier, drop)
  assert.equal((await catalog.transactions()).length, 4)
  // Without a twin, a conflict is one.
  await fails('COMMIT_CONFLICT', catalog.commit([change], { idempotencyKey: 'other' }))
  await catalog.close()
  await fixture.dispose()
})

test('local catalog: updates that make no table are refused before anything is written', async () => {
  const fixture = await openLocalFixture()
  const base = await createSample(fixture.catalog, 'n')
  const identifier = { namespace: ['n'], name: 'new' }
  const staged = await fixture.catalog.stageTable(tableRequest(identifier))
  const whole = creation(identifier, staged)
  const withoutSchema = { ...whole, updates: whole.updates.filter(update => update.action !== 'add-schema') }
  const options = { idempotencyKey: 'k' }
  await fails('REQUEST_INVALID', fixture.catalog.commit([withoutSchema], options))
  const missing = {
    ...setProperty(base, 'a', '1'),
    updates: [{ action: 'set-current-schema' as const, 'schema-id': 9 }],
  }
  await fails('REQUEST_INVALID', fixture.catalog.commit([missing], options))
  assert.equal(await countFiles(fixture.io, fixture.root), 1)
  const note = { snapshot: 7n }
  await fails('REQUEST_INVALID', fixture.catalog.commit([whole], { ...options, note }))
  // A key is spent by what was applied under it, not by what was refused.
  await fixture.catalog.commit([whole], options)
  await fixture.dispose()
})

async function withStore(
  overrides: Partial<CatalogStore>,
  check: (parts: {
    broken: LocalFixture['catalog']
    healthy: LocalFixture['catalog']
    fixture: LocalFixture
  }) => Promise<void>,
): Promise<void> {
  const fixture = await openLocalFixture()
  const store = await openTestStore(fixture.folder)
  assert.ok(store instanceof KyselyStore)
  const broken = createLocalCatalog({
    ...fixture,
    store: Object.assign(store, overrides),
    clock: eagerClock,
    random: systemRandom,
  })
  try {
    await check({ broken, healthy: fixture.catalog, fixture })
  } finally {
    await broken.close()
    await fixture.dispose()
  }
}

async function countFiles(io: FileIO, prefix: string): Promise<number> {
  let count = 0
  for await (const _ of io.list(prefix)) count += 1
  return count
}

async function fails(code: ErrorCode, promise: Promise<unknown>) {
  const error = await promise.then(
    () => assert.fail(`${code} was expected`),
    reason => reason,
  )
  if (!isIngotError(error, code)) throw error
  return error
}
