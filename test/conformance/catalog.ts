import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadedTable, TableChange } from '../../src/catalog/catalog.ts'
import { isIngotError } from '../../src/errors.ts'
import type { FileIO } from '../../src/storage/file-io.ts'
import { identifierKey } from '../../src/table-identifier.ts'
import { type CatalogFixture, type Check, fails, key } from './catalog-check.ts'
import { ORIGIN_CHECKS } from './catalog-origins.ts'
import { appendTo, createSample, creation, setProperty, tableRequest } from './catalog-samples.ts'
import { VIEW_CHECKS } from './catalog-views.ts'

const HOSTILE_NAMES = [
  'select',
  'a.b',
  `quo"te'd`,
  'back\\slash/../../etc',
  'größe 数据 😀',
  '100%25%2F',
  '?a=b&c#d',
  'x'.repeat(300),
  ' ',
  '...',
  '["a"]',
]

const COMMITTERS = 16

const CHECKS: Readonly<Record<string, Check>> = {
  'namespaces nest, carry properties and are listed sorted': async ({ catalog }) => {
    await catalog.createNamespace(['b'], { owner: 'x' })
    await catalog.createNamespace(['a', 'inner', 'deep'])
    assert.deepEqual(await catalog.listNamespaces(), [['a'], ['a', 'inner'], ['a', 'inner', 'deep'], ['b']])
    assert.deepEqual(await catalog.namespaceProperties(['b']), { owner: 'x' })
    assert.deepEqual(await catalog.namespaceProperties(['a', 'inner']), {})
    await fails('NAMESPACE_EXISTS', catalog.createNamespace(['a', 'inner']))
    await fails('NAMESPACE_NOT_FOUND', catalog.namespaceProperties(['inner']))
  },

  'a dot in a level is not a nesting': async ({ catalog }) => {
    await catalog.createNamespace(['a.b'], { which: 'dotted' })
    await catalog.createNamespace(['a', 'b'], { which: 'nested' })
    assert.deepEqual(await catalog.namespaceProperties(['a.b']), { which: 'dotted' })
    assert.deepEqual(await catalog.namespaceProperties(['a', 'b']), { which: 'nested' })
  },

  'namespace properties are set and removed': async ({ catalog }) => {
    await catalog.createNamespace(['n'], { keep: '1', drop: '2' })
    const result = await catalog.updateNamespace(['n'], {
      updates: { added: '3' },
      removals: ['drop', 'never', 'constructor'],
    })
    assert.deepEqual(result, { updated: ['added'], removed: ['drop'], missing: ['never', 'constructor'] })
    assert.deepEqual(await catalog.namespaceProperties(['n']), { keep: '1', added: '3' })
    const both = { updates: { a: '1' }, removals: ['a'] }
    await fails('REQUEST_CONTRADICTORY', catalog.updateNamespace(['n'], both))
    const keyed = { idempotencyKey: 'update' }
    const update = { updates: { keep: '2' }, removals: ['added'] }
    await catalog.updateNamespace(['n'], update, keyed)
    await catalog.updateNamespace(['n'], { updates: { keep: '3' } })
    const again = await catalog.updateNamespace(['n'], update, keyed)
    assert.deepEqual(again, { updated: ['keep'], removed: ['added'], missing: [] })
    assert.deepEqual(await catalog.namespaceProperties(['n']), { keep: '3' })
    await fails('IDEMPOTENCY_MISMATCH', catalog.updateNamespace(['n'], {}, keyed))
    await fails('NAMESPACE_NOT_FOUND', catalog.updateNamespace(['other'], { updates: { a: '1' } }))
  },

  'only an empty namespace is dropped': async ({ catalog }) => {
    await catalog.createNamespace(['n', 'inner'])
    await fails('NAMESPACE_NOT_EMPTY', catalog.dropNamespace(['n']))
    const table = await catalog.createTable(tableRequest({ namespace: ['n', 'inner'], name: 't' }))
    await fails('NAMESPACE_NOT_EMPTY', catalog.dropNamespace(['n', 'inner']))
    await catalog.dropTable(table.identifier)
    await catalog.dropNamespace(['n', 'inner'])
    await catalog.dropNamespace(['n'])
    assert.deepEqual(await catalog.listNamespaces(), [])
    await fails('NAMESPACE_NOT_FOUND', catalog.dropNamespace(['n']))
  },

  'a table is created with ids of its own and reads back': async ({ catalog, io, root }) => {
    const created = await createSample(catalog, 'n')
    assert.ok(created.metadata.location.startsWith(`${root}/n/t-`), created.metadata.location)
    assert.ok(created.metadataLocation.startsWith(`${created.metadata.location}/metadata/00000-`))
    assert.deepEqual(
      created.metadata.schemas[0]?.fields.map(field => field.id),
      [1, 2],
    )
    assert.equal(created.metadata['current-snapshot-id'], undefined)
    assert.deepEqual(await catalog.loadTable(created.identifier), created)
    assert.ok((await io.stat(created.metadataLocation)) !== undefined)
    await fails('TABLE_EXISTS', catalog.createTable(tableRequest(created.identifier)))
    await fails('TABLE_EXISTS', catalog.stageTable(tableRequest(created.identifier)))
  },

  'what is not there is said so': async ({ catalog }) => {
    const missing = { namespace: ['nowhere'], name: 't' }
    await fails('TABLE_NOT_FOUND', catalog.loadTable(missing))
    await fails('NAMESPACE_NOT_FOUND', catalog.createTable(tableRequest(missing)))
    await fails('NAMESPACE_NOT_FOUND', catalog.stageTable(tableRequest(missing)))
    await fails('NAMESPACE_NOT_FOUND', catalog.listTables(['nowhere']))
    await fails('TABLE_NOT_FOUND', catalog.dropTable(missing))
    await fails('TABLE_NOT_FOUND', catalog.renameTable(missing, { namespace: ['nowhere'], name: 'u' }))
    await fails('TABLE_NOT_FOUND', catalog.loadTableAt(missing, { transactionId: 1 }))
  },

  'hostile names are names like others': async ({ catalog, root }) => {
    const locations = new Set<string>()
    for (const name of HOSTILE_NAMES) {
      await catalog.createNamespace([name, name])
      const identifier = { namespace: [name, name], name }
      const created = await catalog.createTable(tableRequest(identifier))
      assert.match(created.metadata.location.slice(root.length), /^\/[a-z0-9_-]+\/[a-z0-9_-]+$/)
      locations.add(created.metadata.location)
      const { tables } = await catalog.commit([appendTo(created)], key())
      assert.deepEqual((await catalog.loadTable(identifier)).metadata, tables[0]?.metadata)
      assert.deepEqual(await catalog.listTables([name, name]), [identifier])
      assert.equal((await catalog.transactions({ table: identifier })).length, 2)
    }
    assert.equal(locations.size, HOSTILE_NAMES.length)
  },

  'names that no protocol can carry are refused': async ({ catalog }) => {
    await catalog.createNamespace(['n'])
    for (const name of ['', '.', '..', 'a\u001fb', 'nul\u0000', '\ud800', 'x'.repeat(513)]) {
      await fails('REQUEST_INVALID', catalog.createTable(tableRequest({ namespace: ['n'], name })))
      await fails('REQUEST_INVALID', catalog.createNamespace([name]))
    }
    await fails('REQUEST_INVALID', catalog.createNamespace([]))
  },

  'a location outside the root is refused, one inside is normalised': async ({ catalog, root }) => {
    await catalog.createNamespace(['n'])
    const request = tableRequest({ namespace: ['n'], name: 't' })
    for (const location of [
      `${root}/../outside`,
      `${root}-beside/t`,
      root,
      `${root}/`,
      `${root}/a/../..`,
      'file:///etc',
      's3://elsewhere/t',
      'relative',
      `${root}/a\\b`,
    ]) {
      await fails('REQUEST_INVALID', catalog.createTable({ ...request, location }))
    }
    const created = await catalog.createTable({ ...request, location: `${root}//mine/./x/../t/` })
    assert.equal(created.metadata.location, `${root}/mine/t`)
    const moved = {
      identifier: created.identifier,
      requirements: [],
      updates: [{ action: 'set-location' as const, location: `${root}/../outside` }],
    }
    await fails('REQUEST_INVALID', catalog.commit([moved], key()))
  },

  'a staged table is there when it is committed, not before': async ({ catalog, io }) => {
    await catalog.createNamespace(['n'])
    const identifier = { namespace: ['n'], name: 'staged' }
    const staged = await catalog.stageTable(tableRequest(identifier))
    await fails('TABLE_NOT_FOUND', catalog.loadTable(identifier))
    assert.equal((await listLocations(io, staged.location)).length, 0)
    const { tables } = await catalog.commit([creation(identifier, staged)], key())
    const loaded = await catalog.loadTable(identifier)
    assert.deepEqual(loaded, tables[0])
    assert.equal(loaded.metadata.location, staged.location)
    assert.equal(loaded.metadata['table-uuid'], staged['table-uuid'])
    assert.deepEqual(loaded.metadata.schemas, staged.schemas)
    const again = await catalog.commit([creation(identifier, staged)], key()).catch(error => error)
    assert.ok(isIngotError(again, 'COMMIT_CONFLICT'))
    const elsewhere = { namespace: ['nowhere'], name: 't' }
    const other = { ...staged, location: `${staged.location}-other` }
    await fails('NAMESPACE_NOT_FOUND', catalog.commit([creation(elsewhere, other)], key()))
  },

  'a commit swaps the pointer, keeps 63-bit ids and logs the metadata before': async ({ catalog }) => {
    const base = await createSample(catalog, 'n')
    const { tables, transactionId } = await catalog.commit([appendTo(base)], key())
    const loaded = await catalog.loadTable(base.identifier)
    assert.deepEqual(tables, [loaded])
    assert.equal(typeof loaded.metadata['current-snapshot-id'], 'bigint')
    assert.equal(loaded.metadata['metadata-log'][0]?.['metadata-file'], base.metadataLocation)
    assert.match(loaded.metadataLocation, /\/00001-/)
    const second = await catalog.commit([appendTo(loaded)], key())
    assert.equal(second.transactionId, transactionId + 1)
    assert.equal(second.tables[0]?.metadata.snapshots.length, 2)
  },

  'a commit on an old base conflicts and leaves no file': async ({ catalog, io }) => {
    const base = await createSample(catalog, 'n')
    await catalog.commit([appendTo(base)], key())
    const before = await listLocations(io, base.metadata.location)
    const error = await fails('COMMIT_CONFLICT', catalog.commit([appendTo(base)], key()))
    assert.deepEqual(error.context.identifier, base.identifier)
    assert.deepEqual(await listLocations(io, base.metadata.location), before)
  },

  'several tables change together or not at all': async ({ catalog, io }) => {
    const [a, b] = [await createSample(catalog, 'a'), await createSample(catalog, 'b')]
    const identifier = { namespace: ['a'], name: 'new' }
    const staged = await catalog.stageTable(tableRequest(identifier))
    const stale = b
    const { tables } = await catalog.commit([appendTo(b)], key())
    const files = await listLocations(io, a.metadata.location)
    const changes = [appendTo(a), creation(identifier, staged), appendTo(stale)]
    const error = await fails('COMMIT_CONFLICT', catalog.commit(changes, key()))
    assert.deepEqual(error.context.identifier, b.identifier)
    assert.deepEqual(await catalog.loadTable(a.identifier), a)
    await fails('TABLE_NOT_FOUND', catalog.loadTable(identifier))
    assert.deepEqual(await listLocations(io, a.metadata.location), files)

    const fresh = [appendTo(a), creation(identifier, staged), appendTo(present(tables[0]))]
    const result = await catalog.commit(fresh, key())
    const names = result.tables.map(table => identifierKey(table.identifier))
    assert.deepEqual(
      names,
      fresh.map(change => identifierKey(change.identifier)),
    )
    for (const table of result.tables) assert.deepEqual(await catalog.loadTable(table.identifier), table)
  },

  'tables are dropped in one commit with changes of others, or none is': async ({ catalog, io }) => {
    const [kept, dropped] = [await createSample(catalog, 'a'), await createSample(catalog, 'b')]
    const drop: TableChange = { ...appendTo(dropped), updates: [], isDrop: true }
    const { tables } = await catalog.commit([appendTo(dropped)], key())
    await fails('COMMIT_CONFLICT', catalog.commit([appendTo(kept), drop], key()))
    assert.deepEqual(await catalog.loadTable(kept.identifier), kept)

    const commitKey = key()
    const fresh = present(tables[0])
    const changes = [{ ...appendTo(fresh), updates: [], isDrop: true }, appendTo(kept)]
    const result = await catalog.commit(changes, { ...commitKey, note: { kind: 'drop' } })
    const names = result.tables.map(table => identifierKey(table.identifier))
    assert.deepEqual(names, [identifierKey(kept.identifier)])
    await fails('TABLE_NOT_FOUND', catalog.loadTable(dropped.identifier))
    assert.ok((await io.stat(fresh.metadataLocation)) !== undefined)
    const before = { transactionId: result.transactionId - 1 }
    assert.deepEqual(await catalog.loadTableAt(dropped.identifier, before), fresh)
    const [record] = await catalog.transactions({ table: dropped.identifier, limit: 1 })
    assert.equal(record?.pointers[0]?.metadataLocation, null)

    const replay = await catalog.commit(changes, { ...commitKey, note: { kind: 'drop' } })
    assert.deepEqual(replay, result)
    assert.deepEqual(await catalog.findCommit(commitKey.idempotencyKey), result)
    await fails('TABLE_NOT_FOUND', catalog.commit(changes, key()))
  },

  'a drop is no update and no creation': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    await fails('REQUEST_INVALID', catalog.commit([{ ...appendTo(table), isDrop: true }], key()))
    const missing = { namespace: ['n'], name: 'missing' }
    const creates: TableChange = {
      identifier: missing,
      requirements: [{ type: 'assert-create' }],
      updates: [],
      isDrop: true,
    }
    await fails('TABLE_NOT_FOUND', catalog.commit([creates], key()))
    assert.deepEqual(await catalog.loadTable(table.identifier), table)
  },

  'a commit names each table once, and at least one': async ({ catalog }) => {
    const base = await createSample(catalog, 'n')
    await fails('REQUEST_INVALID', catalog.commit([], key()))
    const twice = [setProperty(base, 'a', '1'), setProperty(base, 'b', '2')]
    await fails('REQUEST_INVALID', catalog.commit(twice, key()))
    const missing = { ...setProperty(base, 'a', '1'), identifier: { namespace: ['n'], name: 'gone' } }
    await fails('TABLE_NOT_FOUND', catalog.commit([missing], key()))
  },

  'a change without updates only asserts': async ({ catalog }) => {
    const [read, written] = [await createSample(catalog, 'a'), await createSample(catalog, 'b')]
    const assertion = { ...appendTo(read), updates: [] }
    await catalog.commit([assertion, appendTo(written)], key())
    assert.deepEqual(await catalog.loadTable(read.identifier), read)
    await catalog.commit([appendTo(read)], key())
    const late = setProperty(written, 'a', '1')
    await fails('COMMIT_CONFLICT', catalog.commit([assertion, late], key()))
  },

  'the same key answers as before and applies nothing': async ({ catalog }) => {
    const base = await createSample(catalog, 'n')
    const change = appendTo(base)
    const options = key()
    const first = await catalog.commit([change], options)
    await catalog.commit([appendTo(present(first.tables[0]))], key())
    assert.deepEqual(await catalog.commit([change], options), first)
    assert.equal((await catalog.loadTable(base.identifier)).metadata.snapshots.length, 2)
    const other = appendTo(await catalog.loadTable(base.identifier))
    await fails('IDEMPOTENCY_MISMATCH', catalog.commit([other], options))
    await fails('REQUEST_INVALID', catalog.commit([other], { idempotencyKey: '' }))
  },

  'the same key at the same time is applied once': async ({ catalog }) => {
    const base = await createSample(catalog, 'n')
    const change = appendTo(base)
    const options = key()
    const attempts = Array.from({ length: COMMITTERS }, () => catalog.commit([change], options))
    const results = await Promise.all(attempts)
    for (const result of results) assert.deepEqual(result, results[0])
    assert.equal((await catalog.transactions({ table: base.identifier })).length, 2)
  },

  'changes that are no commits have keys, too': async ({ catalog }) => {
    await catalog.createNamespace(['n'], {}, { idempotencyKey: 'namespace' })
    await catalog.createNamespace(['n'], {}, { idempotencyKey: 'namespace' })
    const request = tableRequest({ namespace: ['n'], name: 't' })
    const created = await catalog.createTable(request, { idempotencyKey: 'create' })
    assert.deepEqual(await catalog.createTable(request, { idempotencyKey: 'create' }), created)
    const renamed = { namespace: ['n'], name: 'u' }
    await catalog.renameTable(created.identifier, renamed, { idempotencyKey: 'rename' })
    await catalog.renameTable(created.identifier, renamed, { idempotencyKey: 'rename' })
    await fails('IDEMPOTENCY_MISMATCH', catalog.dropTable(renamed, { idempotencyKey: 'rename' }))
    await catalog.dropTable(renamed, { idempotencyKey: 'drop' })
    await catalog.dropTable(renamed, { idempotencyKey: 'drop' })
    await catalog.dropNamespace(['n'], { idempotencyKey: 'end' })
    await catalog.dropNamespace(['n'], { idempotencyKey: 'end' })
    assert.equal((await catalog.transactions()).length, 3)
  },

  'a commit is found by its key; asked first, it never comes late': async ({ catalog }) => {
    const base = await createSample(catalog, 'n')
    const options = key()
    const result = await catalog.commit([appendTo(base)], options)
    assert.deepEqual(await catalog.findCommit(options.idempotencyKey), result)
    const late = key()
    assert.equal(await catalog.findCommit(late.idempotencyKey), undefined)
    await fails('COMMIT_CONFLICT', catalog.commit([setProperty(base, 'a', '1')], late))
    assert.equal(await catalog.findCommit(late.idempotencyKey), undefined)
    assert.equal((await catalog.loadTable(base.identifier)).metadata.properties.a, undefined)
  },

  'of many commits on one base one wins, and all do in the end': async ({ catalog, io }) => {
    const base = await createSample(catalog, 'n')
    const race = Array.from({ length: COMMITTERS }, () => catalog.commit([appendTo(base)], key()))
    const results = await Promise.allSettled(race)
    assert.equal(results.filter(result => result.status === 'fulfilled').length, 1)
    for (const result of results) {
      if (result.status === 'rejected') assert.ok(isIngotError(result.reason, 'COMMIT_CONFLICT'))
    }
    const commitUntilDone = async (): Promise<void> => {
      for (;;) {
        try {
          await catalog.commit([appendTo(await catalog.loadTable(base.identifier))], key())
          return
        } catch (error) {
          if (!isIngotError(error, 'COMMIT_CONFLICT')) throw error
        }
      }
    }
    await Promise.all(Array.from({ length: COMMITTERS }, commitUntilDone))
    const { metadata } = await catalog.loadTable(base.identifier)
    const sequence = metadata.snapshots.map(snapshot => snapshot['sequence-number'])
    assert.deepEqual(
      sequence,
      Array.from({ length: COMMITTERS + 1 }, (_, index) => index + 1),
    )
    assert.equal((await listLocations(io, `${metadata.location}/metadata`)).length, COMMITTERS + 2)
  },

  'commits that do not exclude one another all succeed': async ({ catalog }) => {
    const base = await createSample(catalog, 'n')
    for (let index = 0; index < 4; index++) {
      const pair = [setProperty(base, `a${index}`, '1'), setProperty(base, `b${index}`, '1')]
      await Promise.all(pair.map(change => catalog.commit([change], key())))
    }
    const { properties } = (await catalog.loadTable(base.identifier)).metadata
    assert.equal(Object.keys(properties).length, 8)
  },

  'the history has every transaction, its note and its pointers': async ({ catalog }) => {
    const [a, b] = [await createSample(catalog, 'a'), await createSample(catalog, 'b')]
    const note = { rows: 3, by: 'größe', nested: { list: [1, null] } }
    const options = { ...key(), note }
    const result = await catalog.commit([appendTo(a), appendTo(b)], options)
    await catalog.commit([setProperty(b, 'x', '1')], key())
    const [last, pair, ...creations] = await catalog.transactions()
    assert.equal(last?.note, undefined)
    assert.deepEqual(pair, {
      transactionId: result.transactionId,
      committedAtMs: pair?.committedAtMs,
      idempotencyKey: options.idempotencyKey,
      note,
      pointers: result.tables.map(({ identifier, metadataLocation }) => ({ identifier, metadataLocation })),
    })
    assert.equal(creations.length, 2)
    const ofA = await catalog.transactions({ table: a.identifier })
    assert.deepEqual(
      ofA.map(record => record.transactionId),
      [result.transactionId, 1],
    )
    assert.equal((await catalog.transactions({ limit: 1 })).length, 1)
    const earlier = await catalog.transactions({ before: result.transactionId, limit: 1 })
    assert.deepEqual(earlier, creations.slice(0, 1))
    assert.deepEqual(await catalog.transactions({ table: b.identifier, before: 2 }), [])
    const huge = { ...key(), note: { text: 'x'.repeat(70_000) } }
    await fails('REQUEST_INVALID', catalog.commit([setProperty(b, 'y', '1')], huge))
  },

  'a table loads as it was at any transaction or time': async ({ catalog }) => {
    const created = await createSample(catalog, 'n')
    const first = await catalog.commit([appendTo(created)], key())
    await catalog.commit([appendTo(present(first.tables[0]))], key())
    const { identifier } = created
    await catalog.dropTable(identifier)
    const at = (transactionId: number): Promise<LoadedTable> =>
      catalog.loadTableAt(identifier, { transactionId })
    assert.deepEqual(await at(first.transactionId - 1), created)
    assert.deepEqual(await at(first.transactionId), first.tables[0])
    assert.equal((await at(first.transactionId + 1)).metadata.snapshots.length, 2)
    await fails('TABLE_NOT_FOUND', at(first.transactionId + 2))
    await fails('TABLE_NOT_FOUND', at(0))
    const records = await catalog.transactions()
    const times = records.map(record => record.committedAtMs)
    assert.deepEqual(
      times,
      times.toSorted((x, y) => y - x),
    )
    await fails('TABLE_NOT_FOUND', catalog.loadTableAt(identifier, { timeMs: (times.at(-1) ?? 0) - 1 }))
    await fails('TABLE_NOT_FOUND', catalog.loadTableAt(identifier, { timeMs: times[0] ?? 0 }))
  },

  'a version that is forgotten cannot be loaded, and says so': async ({ catalog }) => {
    const created = await createSample(catalog, 'n')
    const { identifier } = created
    const first = await catalog.commit([appendTo(created)], key())
    const last = await catalog.commit([appendTo(present(first.tables[0]))], key())
    const ids = [first.transactionId, last.transactionId]
    await catalog.forgetVersions([{ identifier, transactionIds: ids }])
    await fails('HISTORY_FORGOTTEN', catalog.loadTableAt(identifier, { transactionId: first.transactionId }))
    assert.deepEqual(await catalog.loadTable(identifier), last.tables[0])
    const versions = await catalog.tableVersions()
    assert.deepEqual(
      versions.map(version => version.isForgotten),
      [false, true, false],
    )
    assert.deepEqual(versions[2]?.metadataLocation, last.tables[0]?.metadataLocation)
  },

  'a rename moves the table between namespaces with its history': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    await catalog.createNamespace(['m', 'deep'])
    const to = { namespace: ['m', 'deep'], name: 'moved' }
    await fails('NAMESPACE_NOT_FOUND', catalog.renameTable(table.identifier, { namespace: ['x'], name: 't' }))
    await catalog.renameTable(table.identifier, to)
    await fails('TABLE_NOT_FOUND', catalog.loadTable(table.identifier))
    assert.deepEqual(await catalog.loadTable(to), { ...table, identifier: to })
    const other = await catalog.createTable(tableRequest(table.identifier))
    await fails('TABLE_EXISTS', catalog.renameTable(other.identifier, to))
    await fails('TABLE_EXISTS', catalog.renameTable(to, to))
    assert.notEqual(other.metadata.location, table.metadata.location)
    const before = await catalog.loadTableAt(table.identifier, { transactionId: 1 })
    assert.deepEqual(before, table)
  },

  'a dropped table keeps its files, and its name is free': async ({ catalog, io }) => {
    const table = await createSample(catalog, 'n')
    await catalog.dropTable(table.identifier)
    await fails('TABLE_NOT_FOUND', catalog.loadTable(table.identifier))
    assert.deepEqual(await catalog.listTables(['n']), [])
    assert.ok((await io.stat(table.metadataLocation)) !== undefined)
    await fails('TABLE_NOT_FOUND', catalog.commit([appendTo(table)], key()))
    const again = await catalog.createTable(tableRequest(table.identifier))
    assert.notEqual(again.metadata['table-uuid'], table.metadata['table-uuid'])
    await fails('COMMIT_CONFLICT', catalog.commit([appendTo(table)], key()))
  },

  'a table that was dropped is registered again, and one in its place only by overwriting': async ({
    catalog,
    io,
    root,
  }) => {
    const { identifier, ...table } = await createSample(catalog, 'n')
    const { metadataLocation } = table
    await catalog.dropTable(identifier)
    const moved = { namespace: ['n'], name: 'größe / 1' }
    const keyed = key()
    const registered = await catalog.registerTable({ identifier: moved, metadataLocation }, keyed)
    assert.deepEqual(registered, { ...table, identifier: moved })
    assert.deepEqual(await catalog.registerTable({ identifier: moved, metadataLocation }, keyed), registered)
    assert.deepEqual(await catalog.loadTable(moved), registered)
    const other = await catalog.createTable(tableRequest(identifier))
    await fails('TABLE_EXISTS', catalog.registerTable({ identifier, metadataLocation }))
    await catalog.registerTable({ identifier, metadataLocation, overwrite: true })
    assert.deepEqual(await catalog.loadTable(identifier), { ...table, identifier })
    assert.notEqual(other.metadataLocation, metadataLocation)
    const nowhere = { namespace: ['x'], name: 't' }
    await fails('NAMESPACE_NOT_FOUND', catalog.registerTable({ identifier: nowhere, metadataLocation }))
    const missing = `${root}/n/missing.metadata.json`
    const free = { ...identifier, name: 'free' }
    await fails('REQUEST_INVALID', catalog.registerTable({ identifier: free, metadataLocation: missing }))
    await io.create(missing, Buffer.from('{}'))
    const error = await fails(
      'REQUEST_INVALID',
      catalog.registerTable({ identifier: free, metadataLocation: missing }),
    )
    assert.equal(error.context.field, 'format-version')
  },

  'a table is given up with its last version, which can be registered again': async ({ catalog }) => {
    const table = await createSample(catalog, 'n')
    const { identifier } = table
    const { tables } = await catalog.commit([appendTo(table)], { idempotencyKey: 'append' })
    const last = tables[0] ?? assert.fail()
    const keyed = { idempotencyKey: 'unregister' }
    const given = await catalog.unregisterTable(identifier, keyed)
    assert.deepEqual(given, last)
    assert.deepEqual(await catalog.unregisterTable(identifier, keyed), last)
    await fails('TABLE_NOT_FOUND', catalog.loadTable(identifier))
    await fails('TABLE_NOT_FOUND', catalog.unregisterTable(identifier))
    await fails('TABLE_NOT_FOUND', catalog.commit([appendTo(last)], { idempotencyKey: 'late' }))
    const other = await createSample(catalog, 'm')
    await fails('IDEMPOTENCY_MISMATCH', catalog.unregisterTable(other.identifier, keyed))
    const versions = (await catalog.tableVersions()).filter(version => version.metadataLocation === null)
    assert.deepEqual(
      versions.map(({ isUnregistered, purgeRequested }) => [isUnregistered, purgeRequested]),
      [[true, false]],
    )
  },

  'that the files of a dropped table may go is kept with its drop': async ({ catalog }) => {
    const { identifier } = await createSample(catalog, 'n')
    await catalog.dropTable(identifier, { purgeRequested: true })
    assert.deepEqual((await catalog.transactions({ limit: 1 }))[0]?.note, { purgeRequested: true })
    await catalog.createTable(tableRequest(identifier))
    await catalog.dropTable(identifier)
    const drops = (await catalog.tableVersions()).filter(version => version.metadataLocation === null)
    assert.deepEqual(
      drops.map(drop => drop.purgeRequested),
      [true, false],
    )
  },
}

/** Runs the checks that every Catalog passes, each against a new one; `skip` says why none can be had. */
export function checkCatalog(
  name: string,
  open: () => Promise<CatalogFixture>,
  options: { readonly skip: string | false } = { skip: false },
): void {
  for (const [title, check] of Object.entries({ ...CHECKS, ...ORIGIN_CHECKS, ...VIEW_CHECKS })) {
    test(`catalog ${name}: ${title}`, options, async () => {
      const fixture = await open()
      try {
        await check(fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }
}

async function listLocations(io: FileIO, prefix: string): Promise<readonly string[]> {
  const locations: string[] = []
  for await (const file of io.list(prefix)) locations.push(file.location)
  return locations.sort()
}

function present<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}
