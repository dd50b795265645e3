import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Catalog, CreateViewRequest, LoadedView } from '../../src/catalog/catalog.ts'
import type { ViewUpdate, ViewVersion } from '../../src/format/view-types.ts'
import type { TableIdentifier } from '../../src/table-identifier.ts'
import { type Check, fails, key } from './catalog-check.ts'
import { createSample, creation, SCHEMA, tableRequest } from './catalog-samples.ts'

const NAME: TableIdentifier = { namespace: ['n'], name: 'v' }

function versionOf(sql: string): ViewVersion {
  return {
    'version-id': 1,
    'schema-id': 0,
    'timestamp-ms': 1_700_000_000_000,
    summary: { 'engine-name': 'test' },
    representations: [{ type: 'sql', sql, dialect: 'spark' }],
    'default-namespace': ['n'],
  }
}

function viewRequest(identifier = NAME): CreateViewRequest {
  return { identifier, schema: SCHEMA, viewVersion: versionOf('select 1'), properties: { owner: 'x' } }
}

async function createView(catalog: Catalog): Promise<LoadedView> {
  await catalog.createNamespace(['n'])
  return catalog.createView(viewRequest())
}

function redefine(view: LoadedView, sql: string) {
  const updates: readonly ViewUpdate[] = [
    { action: 'add-view-version', 'view-version': { ...versionOf(sql), 'version-id': 2 } },
    { action: 'set-current-view-version', 'view-version-id': -1 },
  ]
  const requirements = [{ type: 'assert-view-uuid', uuid: view.metadata['view-uuid'] }] as const
  return { identifier: view.identifier, requirements, updates }
}

/** What every Catalog does with views. */
export const VIEW_CHECKS: Readonly<Record<string, Check>> = {
  'a view is created, loaded and listed apart from tables': async ({ catalog, root }) => {
    const table = await createSample(catalog, 'n')
    const created = await catalog.createView(viewRequest())
    const { metadata } = created
    assert.ok(metadata.location.startsWith(`${root}/n/v-`), metadata.location)
    assert.equal(metadata['current-version-id'], 1)
    assert.deepEqual(metadata.versions[0]?.representations, versionOf('select 1').representations)
    assert.deepEqual(metadata.properties, { owner: 'x' })
    assert.deepEqual(await catalog.loadView(NAME), created)
    assert.deepEqual(await catalog.listViews(['n']), [NAME])
    assert.deepEqual(await catalog.listTables(['n']), [table.identifier])
    await fails('TABLE_NOT_FOUND', catalog.loadTable(NAME))
    await fails('VIEW_NOT_FOUND', catalog.loadView(table.identifier))
    await fails('NAMESPACE_NOT_FOUND', catalog.listViews(['elsewhere']))
    await fails('NAMESPACE_NOT_FOUND', catalog.createView(viewRequest({ namespace: ['x'], name: 'v' })))
    await fails('NAMESPACE_NOT_EMPTY', catalog.dropNamespace(['n']))
  },

  'tables and views share one space of names': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    const view = await catalog.createView(viewRequest())
    await fails('TABLE_EXISTS', catalog.createView(viewRequest(table.identifier)))
    await fails('TABLE_EXISTS', catalog.createView(viewRequest()))
    await fails('TABLE_EXISTS', catalog.createTable(tableRequest(NAME)))
    await fails('TABLE_EXISTS', catalog.stageTable(tableRequest(NAME)))
    await fails('TABLE_EXISTS', catalog.commit([creation(NAME, table.metadata)], key()))
    await fails('TABLE_EXISTS', catalog.renameView(NAME, table.identifier))
    await fails('TABLE_EXISTS', catalog.renameTable(table.identifier, NAME))
    await fails('VIEW_NOT_FOUND', catalog.dropView(table.identifier))
    await fails('TABLE_NOT_FOUND', catalog.dropTable(NAME))
    await fails(
      'TABLE_NOT_FOUND',
      catalog.commit([{ identifier: NAME, requirements: [], updates: [] }], key()),
    )
    assert.deepEqual(await catalog.loadView(NAME), view)
    assert.deepEqual(await catalog.loadTable(table.identifier), table)
  },

  'a view gets versions, and one that stands on another view is refused': async ({ catalog }) => {
    const created = await createView(catalog)
    const replaced = await catalog.replaceView(redefine(created, 'select 2'))
    assert.equal(replaced.metadata['current-version-id'], 2)
    assert.equal(replaced.metadata.versions.length, 2)
    assert.match(replaced.metadataLocation, /\/00001-[^/]+$/)
    assert.deepEqual(await catalog.loadView(NAME), replaced)
    await catalog.dropView(NAME)
    const other = await catalog.createView(viewRequest())
    await fails('COMMIT_CONFLICT', catalog.replaceView(redefine(created, 'select 3')))
    assert.deepEqual(await catalog.loadView(NAME), other)
    const outside = { action: 'set-location', location: 'file:///etc' } as const
    const move = { identifier: NAME, requirements: [], updates: [outside] }
    await fails('REQUEST_INVALID', catalog.replaceView(move))
  },

  'all of many versions added at once are kept': async ({ catalog }) => {
    const created = await createView(catalog)
    const texts = Array.from({ length: 8 }, (_, index) => `select ${index + 10}`)
    await Promise.all(texts.map(sql => catalog.replaceView(redefine(created, sql))))
    const { versions } = (await catalog.loadView(NAME)).metadata
    const found = versions.map(version => version.representations[0]?.sql)
    assert.deepEqual(found.sort(), ['select 1', ...texts].sort())
  },

  'a view is renamed and dropped, and the history tells it from tables': async ({ catalog }) => {
    const created = await createView(catalog)
    await catalog.createNamespace(['m'])
    const moved = { namespace: ['m'], name: 'größe / 1.%1F' }
    await catalog.renameView(NAME, moved)
    assert.deepEqual(await catalog.loadView(moved), { ...created, identifier: moved })
    await fails('VIEW_NOT_FOUND', catalog.loadView(NAME))
    await fails('NAMESPACE_NOT_FOUND', catalog.renameView(moved, { namespace: ['x'], name: 'v' }))
    await catalog.dropView(moved)
    const { metadataLocation } = created
    const registered = await catalog.registerView({ identifier: moved, metadataLocation })
    assert.deepEqual(registered, { ...created, identifier: moved })
    await fails('TABLE_EXISTS', catalog.registerView({ identifier: moved, metadataLocation }))
    await catalog.dropView(moved)
    await fails('VIEW_NOT_FOUND', catalog.dropView(moved))
    const kinds = (await catalog.transactions()).map(({ pointers }) => pointers.map(({ kind }) => kind))
    assert.deepEqual(kinds, [['view'], ['view'], ['view'], ['view', 'view'], ['view']])
    assert.deepEqual(await catalog.tableVersions(), [])
  },

  'a change of a view that comes again under its key is applied once': async ({ catalog }) => {
    await catalog.createNamespace(['n'])
    const keys = Array.from({ length: 4 }, () => ({ idempotencyKey: randomUUID() }))
    const twice = async <T>(change: () => Promise<T>) => assert.deepEqual(await change(), await change())
    await twice(() => catalog.createView(viewRequest(), keys[0]))
    const change = redefine(await catalog.loadView(NAME), 'select 2')
    await twice(() => catalog.replaceView(change, keys[1]))
    await twice(() => catalog.renameView(NAME, { ...NAME, name: 'w' }, keys[2]))
    await twice(() => catalog.dropView({ ...NAME, name: 'w' }, keys[3]))
    await fails('IDEMPOTENCY_MISMATCH', catalog.dropView(NAME, keys[0]))
    assert.equal((await catalog.transactions()).length, 4)
  },
}
