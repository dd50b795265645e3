import assert from 'node:assert/strict'
import type { LoadedTable, TableChange, TableOrigin } from '../../src/catalog/catalog.ts'
import type { TableIdentifier } from '../../src/table-identifier.ts'
import { type Check, fails, key } from './catalog-check.ts'
import { appendTo, createSample, setProperty, tableRequest } from './catalog-samples.ts'

const FAMILY = 'ingot.clone-family'
const LOCATIONS = 'ingot.clone-locations'

const named = (name: string): TableIdentifier => ({ namespace: ['n'], name })

function created(name: string, origin: TableOrigin): TableChange {
  return { identifier: named(name), requirements: [{ type: 'assert-create' }], updates: [], origin }
}

/** A table as it was loaded, of which a commit requires that it still is. */
function unchanged({ identifier, metadata }: LoadedTable): TableChange {
  return {
    identifier,
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      {
        type: 'assert-ref-snapshot-id',
        ref: 'main',
        'snapshot-id': metadata['current-snapshot-id'] ?? null,
      },
    ],
    updates: [],
  }
}

function cloning(table: LoadedTable, name: string, snapshotId?: bigint | null): readonly TableChange[] {
  const origin = {
    type: 'clone',
    of: table.identifier,
    ...(snapshotId !== undefined && { snapshotId }),
  } as const
  return [unchanged(table), created(name, origin)]
}

/** What every Catalog does with tables that come from others. */
export const ORIGIN_CHECKS: Readonly<Record<string, Check>> = {
  'a clone is the table as it is, in a folder of its own, and both say that they share files': async ({
    catalog,
  }) => {
    const { metadata } = await createSample(catalog, 'n')
    const own = {
      'ingot.orphans-removed-before-ms': '1',
      'write.data.path': `${metadata.location}/elsewhere`,
      kept: 'yes',
    }
    for (const [name, value] of Object.entries(own)) {
      await catalog.commit([setProperty(await catalog.loadTable(named('t')), name, value)], key())
    }
    await catalog.commit([appendTo(await catalog.loadTable(named('t')))], key())
    await catalog.commit([appendTo(await catalog.loadTable(named('t')))], key())
    const before = await catalog.loadTable(named('t'))
    const { tables } = await catalog.commit(cloning(before, 'u'), key())
    const [original, clone] = tables
    assert.ok(original && clone)
    assert.deepEqual(await catalog.loadTable(named('t')), original)
    assert.deepEqual(await catalog.loadTable(named('u')), clone)
    const { properties, location, 'table-uuid': uuid, 'last-updated-ms': _time, ...cloned } = clone.metadata
    const family = original.metadata.properties[FAMILY]
    assert.match(family ?? '', /^[0-9a-f-]{36}$/)
    const sharing = { [FAMILY]: family, [LOCATIONS]: JSON.stringify([before.metadata.location]) }
    assert.deepEqual(properties, { kept: 'yes', 'gc.enabled': 'false', ...sharing })
    assert.deepEqual(original.metadata.properties, {
      ...before.metadata.properties,
      ...own,
      'gc.enabled': 'false',
      [FAMILY]: family,
    })
    assert.match(location, /\/n\/u-[0-9a-f]{8}$/)
    assert.notEqual(uuid, before.metadata['table-uuid'])
    const {
      properties: _properties,
      location: _location,
      'table-uuid': _uuid,
      'last-updated-ms': _updated,
      ...rest
    } = before.metadata
    assert.deepEqual(cloned, { ...rest, 'metadata-log': [] })
    assert.equal((await catalog.transactions({ limit: 1 }))[0]?.pointers.length, 2)
  },

  'a clone of a snapshot has nothing of what came after it; one of nothing is empty': async ({ catalog }) => {
    const empty = await createSample(catalog, 'n')
    const [first] = (await catalog.commit([appendTo(empty)], key())).tables
    assert.ok(first)
    const { 'current-snapshot-id': firstId } = first.metadata
    assert.ok(firstId !== undefined)
    const tag = {
      action: 'set-snapshot-ref',
      'ref-name': 'one',
      type: 'tag',
      'snapshot-id': firstId,
    } as const
    await catalog.commit([{ ...unchanged(first), updates: [tag] }], key())
    await catalog.commit([appendTo(first)], key())
    const table = await catalog.loadTable(named('t'))
    await catalog.commit(cloning(table, 'u', firstId), key())
    const { metadata } = await catalog.loadTable(named('u'))
    assert.deepEqual(metadata.snapshots, first.metadata.snapshots)
    assert.deepEqual(metadata.refs, {
      main: { type: 'branch', 'snapshot-id': firstId },
      one: { type: 'tag', 'snapshot-id': firstId },
    })
    assert.equal(metadata['current-snapshot-id'], firstId)
    assert.equal(metadata['snapshot-log'].at(-1)?.['snapshot-id'], firstId)
    await catalog.commit(cloning(await catalog.loadTable(named('t')), 'v', null), key())
    const none = (await catalog.loadTable(named('v'))).metadata
    assert.deepEqual([none.snapshots, none.refs, none['current-snapshot-id']], [[], {}, undefined])
    const again = await catalog.loadTable(named('t'))
    await fails('SNAPSHOT_NOT_FOUND', catalog.commit(cloning(again, 'w', 42n), key()))
  },

  'clones of clones are of one family, and a table that is in one is only checked': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    await catalog.commit(cloning(table, 'u'), key())
    const clone = await catalog.loadTable(named('u'))
    const { tables } = await catalog.commit(cloning(clone, 'v'), key())
    assert.equal(tables[0]?.metadataLocation, clone.metadataLocation)
    const families = await Promise.all(
      ['t', 'u', 'v'].map(async name => (await catalog.loadTable(named(name))).metadata.properties[FAMILY]),
    )
    assert.equal(new Set(families).size, 1)
    const { metadata } = await catalog.loadTable(named('v'))
    const folders = [clone.metadata.location, table.metadata.location]
    assert.deepEqual(metadata.properties[LOCATIONS], JSON.stringify(folders))
  },

  'a clone is refused when its original moved, when its name is taken, and when nobody knows who has its files':
    async ({ catalog }) => {
      const table = await createSample(catalog, 'n')
      await catalog.commit([appendTo(table)], key())
      const lost = await fails('COMMIT_CONFLICT', catalog.commit(cloning(table, 'u'), key()))
      assert.deepEqual(lost.context.identifier, table.identifier)
      const now = await catalog.loadTable(named('t'))
      await catalog.createTable(tableRequest(named('taken')))
      await fails('COMMIT_CONFLICT', catalog.commit(cloning(now, 'taken'), key()))
      const elsewhere = {
        ...created('u', { type: 'clone', of: now.identifier }),
        identifier: { namespace: ['nowhere'], name: 'u' },
      }
      await fails('NAMESPACE_NOT_FOUND', catalog.commit([unchanged(now), elsewhere], key()))
      await fails('REQUEST_INVALID', catalog.commit([created('u', { type: 'clone', of: named('t') })], key()))
      const updated = {
        ...created('u', { type: 'clone', of: named('t') }),
        updates: setProperty(now, 'a', 'b').updates,
      }
      await fails('REQUEST_INVALID', catalog.commit([unchanged(now), updated], key()))
      await catalog.commit([setProperty(now, 'gc.enabled', 'false')], key())
      const shared = await catalog.loadTable(named('t'))
      await fails('REQUEST_INVALID', catalog.commit(cloning(shared, 'u'), key()))
      assert.deepEqual(await catalog.listTables(['n']), [named('t'), named('taken')])
      assert.equal((await catalog.loadTable(named('t'))).metadataLocation, shared.metadataLocation)
    },

  'a version from before a clone was made does not come back, nor is it registered': async ({ catalog }) => {
    const { metadataLocation } = await createSample(catalog, 'n')
    const [original] = (await catalog.commit(cloning(await catalog.loadTable(named('t')), 'u'), key())).tables
    assert.ok(original)
    const before = { identifier: named('t'), metadataLocation, overwrite: true }
    await fails('REQUEST_INVALID', catalog.registerTable(before))
    assert.deepEqual(await catalog.loadTable(named('t')), original)
    const now = { ...before, metadataLocation: original.metadataLocation }
    assert.deepEqual(await catalog.registerTable(now), original)
    await catalog.dropTable(named('t'))
    await fails('REQUEST_INVALID', catalog.registerTable({ identifier: named('v'), metadataLocation }))
    const version = { type: 'version', of: named('t'), transactionId: 1 } as const
    await fails('REQUEST_INVALID', catalog.commit([created('t', version)], key()))
    const { tables } = await catalog.commit([created('t', { ...version, transactionId: 2 })], key())
    assert.deepEqual(tables, [original])
  },

  'a clone is made once under its key': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    const options = key()
    const first = await catalog.commit(cloning(table, 'u'), options)
    assert.deepEqual(await catalog.commit(cloning(table, 'u'), options), first)
    assert.deepEqual(await catalog.findCommit(options.idempotencyKey), first)
  },

  'nobody but the catalog says with whom a table shares files': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    for (const property of [FAMILY, LOCATIONS]) {
      await fails('REQUEST_INVALID', catalog.commit([setProperty(table, property, '["f"]')], key()))
    }
    const request = { ...tableRequest(named('u')), properties: { [FAMILY]: 'f' } }
    await fails('REQUEST_INVALID', catalog.createTable(request))
    await fails('REQUEST_INVALID', catalog.stageTable(request))
    await catalog.commit(cloning(table, 'u'), key())
    const clone = await catalog.loadTable(named('u'))
    await fails('REQUEST_INVALID', catalog.commit([setProperty(clone, FAMILY, 'f')], key()))
    const removal = { action: 'remove-properties', removals: [FAMILY] } as const
    await fails('REQUEST_INVALID', catalog.commit([{ ...unchanged(clone), updates: [removal] }], key()))
    const same = clone.metadata.properties[FAMILY] ?? assert.fail()
    await catalog.commit([setProperty(clone, FAMILY, same)], key())
  },

  'a dropped table comes back as it was last, also under another name, and once only': async ({
    catalog,
  }) => {
    const table = await createSample(catalog, 'n')
    const [before] = (await catalog.commit([setProperty(table, 'a', 'b')], key())).tables
    assert.ok(before)
    const version = { type: 'version', of: named('t'), transactionId: 2 } as const
    const isThere = await fails('TABLE_EXISTS', catalog.commit([created('u', version)], key()))
    assert.deepEqual(isThere.context.current, named('t'))
    await catalog.dropTable(named('t'))
    await fails('TABLE_NOT_FOUND', catalog.commit([created('t', { ...version, transactionId: 3 })], key()))
    const { tables } = await catalog.commit([created('t', version)], key())
    assert.deepEqual(tables, [before])
    assert.deepEqual(await catalog.loadTable(named('t')), before)
    await catalog.dropTable(named('t'))
    const { tables: renamed } = await catalog.commit([created('u', version)], key())
    assert.deepEqual(renamed, [{ ...before, identifier: named('u') }])
    await catalog.commit([setProperty(renamed[0] ?? assert.fail(), 'a', 'c')], key())
    const twice = await fails('TABLE_EXISTS', catalog.commit([created('t', version)], key()))
    assert.deepEqual(twice.context.current, named('u'))
  },

  'a table whose version is forgotten, or whose files are gone, does not come back': async ({
    catalog,
    io,
  }) => {
    const table = await createSample(catalog, 'n')
    await catalog.commit([appendTo(table)], key())
    await catalog.dropTable(named('t'))
    const lists = await fails(
      'HISTORY_FORGOTTEN',
      catalog.commit([created('t', { type: 'version', of: named('t'), transactionId: 2 })], key()),
    )
    assert.match(lists.message, /files of it are removed/)
    const first = created('t', { type: 'version', of: named('t'), transactionId: 1 })
    await io.remove([table.metadataLocation])
    await fails('HISTORY_FORGOTTEN', catalog.commit([{ ...first, identifier: named('u') }], key()))
    await catalog.forgetVersions([{ identifier: named('t'), transactionIds: [1, 2] }])
    const forgotten = await fails('HISTORY_FORGOTTEN', catalog.commit([first], key()))
    assert.match(forgotten.message, /no longer kept/)
    assert.deepEqual(await catalog.listTables(['n']), [])
  },
}
