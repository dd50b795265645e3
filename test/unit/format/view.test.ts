import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import type { Schema } from '../../../src/format/types.ts'
import { parseViewMetadata } from '../../../src/format/view-metadata.ts'
import type { ViewMetadata, ViewUpdate, ViewVersion } from '../../../src/format/view-types.ts'
import { applyViewUpdates, checkViewRequirements } from '../../../src/format/view-updates.ts'

const SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 4,
  fields: [{ id: 1, name: 'event_count', required: false, type: 'int', doc: 'Count of events' }],
}

/** The example of the view spec, "Appendix A". */
const EXAMPLE = {
  'view-uuid': 'FA6506C3-7681-40c8-86dc-e36561f83385',
  'format-version': 1,
  location: 's3://bucket/warehouse/default.db/event_agg',
  'current-version-id': 1,
  properties: { comment: 'Daily event counts' },
  versions: [
    {
      'version-id': 1,
      'timestamp-ms': 1573518431292,
      'schema-id': 1,
      'default-catalog': 'prod',
      'default-namespace': ['default'],
      summary: { 'engine-name': 'Spark', 'engine-version': '3.3.2' },
      representations: [{ type: 'sql', sql: 'SELECT\n COUNT(1) FROM events', dialect: 'spark' }],
    },
  ],
  schemas: [{ ...SCHEMA, 'schema-id': 1 }],
  'version-log': [{ 'timestamp-ms': 1573518431292, 'version-id': 1 }],
}

function version(sql: string, overrides: Partial<ViewVersion> = {}): ViewVersion {
  return {
    'version-id': 1,
    'schema-id': -1,
    'timestamp-ms': 1000,
    summary: {},
    representations: [{ type: 'sql', sql, dialect: 'spark' }],
    'default-namespace': ['n'],
    ...overrides,
  }
}

function creation(sql: string): readonly ViewUpdate[] {
  return [
    { action: 'assign-uuid', uuid: 'U' },
    { action: 'upgrade-format-version', 'format-version': 1 },
    { action: 'add-schema', schema: SCHEMA },
    ...replacement(version(sql)),
  ]
}

function replacement(next: ViewVersion): readonly ViewUpdate[] {
  return [
    { action: 'add-view-version', 'view-version': next },
    { action: 'set-current-view-version', 'view-version-id': -1 },
  ]
}

const OPTIONS = { nowMs: 5000, location: 'file:///lake/n/v' }

function create(sql = 'select 1'): ViewMetadata {
  return applyViewUpdates(null, creation(sql), OPTIONS)
}

test('view: the example of the spec is read, and what is not known is kept', () => {
  const metadata = parseViewMetadata(JSON.stringify({ ...EXAMPLE, 'of-tomorrow': true }))
  assert.deepEqual(metadata, {
    ...EXAMPLE,
    'view-uuid': 'fa6506c3-7681-40c8-86dc-e36561f83385',
    'of-tomorrow': true,
  })
})

test('view: metadata that is wrong is refused by the field that is', () => {
  const [one] = EXAMPLE.versions
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ 'format-version': 2 }, /^format-version: /],
    [{ 'view-uuid': undefined }, /^view-uuid: /],
    [{ location: 7 }, /^location: /],
    [{ 'current-version-id': 2 }, /^current-version-id: expected one of 1/],
    [{ versions: [] }, /^current-version-id: expected one of no versions/],
    [{ versions: [one, one] }, /^versions\[1\]\.version-id: /],
    [{ versions: [{ ...one, 'schema-id': 9 }] }, /^versions\[0\]\.schema-id: expected one of 1, found 9/],
    [{ versions: [{ ...one, representations: [] }] }, /^versions\[0\]\.representations: /],
    [{ versions: [{ ...one, representations: [{ type: 'python' }] }] }, /representations\[0\]\.type: /],
    [
      { versions: [{ ...one, representations: [{ type: 'sql', sql: '' }] }] },
      /representations\[0\]\.dialect: /,
    ],
    [{ versions: [{ ...one, 'default-namespace': [1] }] }, /default-namespace\[0\]: /],
    [{ schemas: [] }, /^versions\[0\]\.schema-id: expected one of no schemas/],
    [{ schemas: EXAMPLE.schemas.concat(EXAMPLE.schemas) }, /^schemas\[1\]\.schema-id: /],
    [{ 'version-log': {} }, /^version-log: /],
    [{ properties: { a: [] } }, /^properties\.a: /],
  ]
  for (const [change, message] of wrong) {
    assert.throws(
      () => parseViewMetadata(JSON.stringify({ ...EXAMPLE, ...change })),
      error => isIngotError(error, 'METADATA_INVALID') && message.test(error.message),
      String(message),
    )
  }
  assert.throws(() => parseViewMetadata('{'), /not JSON/)
})

test('view: one dialect is said once, in any letter case', () => {
  const twice = [
    { type: 'sql', sql: 'select 1', dialect: 'spark' },
    { type: 'sql', sql: 'select 1', dialect: 'Spark' },
  ]
  const versions = EXAMPLE.versions.map(each => ({ ...each, representations: twice }))
  assert.throws(
    () => parseViewMetadata(JSON.stringify({ ...EXAMPLE, versions })),
    /representations\[1\]\.dialect/,
  )
})

test('view: updates build a new one, with ids of their own', () => {
  const metadata = create()
  assert.deepEqual(metadata, {
    'view-uuid': 'u',
    'format-version': 1,
    location: 'file:///lake/n/v',
    schemas: [{ ...SCHEMA, 'schema-id': 0 }],
    'current-version-id': 1,
    versions: [version('select 1', { 'schema-id': 0 })],
    'version-log': [{ 'version-id': 1, 'timestamp-ms': 1000 }],
    properties: {},
  })
  assert.deepEqual(parseViewMetadata(JSON.stringify(metadata)), metadata)
})

test('view: a new one needs its uuid, its location and a version', () => {
  for (const [left, message] of [
    ['assign-uuid', /assign-uuid/],
    ['add-view-version', /version -1 means/],
    ['set-current-view-version', /set-current-view-version/],
    ['add-schema', /schema -1 means/],
  ] as const) {
    const updates = creation('select 1').filter(update => update.action !== left)
    assert.throws(() => applyViewUpdates(null, updates, OPTIONS), message)
  }
  assert.throws(() => applyViewUpdates(null, creation('select 1'), { nowMs: 0 }), /set-location/)
})

test('view: another version gets an id that is free; an equal one is not added again', () => {
  const base = create()
  const next = applyViewUpdates(base, replacement(version('select 2', { 'schema-id': 0 })), OPTIONS)
  assert.equal(next['current-version-id'], 2)
  const back = applyViewUpdates(next, replacement(version('select 1', { 'schema-id': 0 })), OPTIONS)
  assert.equal(back['current-version-id'], 1)
  assert.equal(back.versions.length, 2)
  // The version was current before: this is when it became so again.
  assert.deepEqual(back['version-log'].at(-1), { 'version-id': 1, 'timestamp-ms': OPTIONS.nowMs })
  const same = applyViewUpdates(back, replacement(version('select 1', { 'schema-id': 0 })), OPTIONS)
  assert.deepEqual(same['version-log'], back['version-log'])
})

test('view: versions beyond the limit go, the oldest first, and the log begins after them', () => {
  let metadata = applyViewUpdates(
    create('select 0'),
    [{ action: 'set-properties', updates: { 'version.history.num-entries': '2' } }],
    OPTIONS,
  )
  for (const sql of ['select 1', 'select 2']) {
    metadata = applyViewUpdates(metadata, replacement(version(sql, { 'schema-id': 0 })), OPTIONS)
  }
  assert.deepEqual(
    metadata.versions.map(each => each['version-id']),
    [2, 3],
  )
  assert.deepEqual(
    metadata['version-log'].map(entry => entry['version-id']),
    [2, 3],
  )
  // Rolled back to 2: it stays while it is current, whatever its age.
  const rolled = applyViewUpdates(
    metadata,
    [{ action: 'set-current-view-version', 'view-version-id': 2 }],
    OPTIONS,
  )
  const added = {
    action: 'add-view-version',
    'view-version': version('select 9', { 'schema-id': 0 }),
  } as const
  const grown = applyViewUpdates(rolled, [added], OPTIONS)
  assert.deepEqual(
    grown.versions.map(each => each['version-id']),
    [2, 4],
  )
  const wrong = [{ action: 'set-properties', updates: { 'version.history.num-entries': '0' } }] as const
  assert.throws(() => applyViewUpdates(metadata, wrong, OPTIONS), /from 1, not 0/)
})

test('view: updates that cannot be applied are refused', () => {
  const base = create()
  const refused: readonly (readonly [ViewUpdate, RegExp])[] = [
    [{ action: 'assign-uuid', uuid: 'other' }, /cannot become other/],
    [{ action: 'upgrade-format-version', 'format-version': 2 }, /format version 2/],
    [{ action: 'set-current-view-version', 'view-version-id': 7 }, /no version 7, only 1/],
    [{ action: 'add-view-version', 'view-version': version('x', { 'schema-id': 3 }) }, /no schema 3, only 0/],
    [{ action: 'constructor' } as unknown as ViewUpdate, /no view update "constructor"/],
  ]
  for (const [update, message] of refused) {
    assert.throws(() => applyViewUpdates(base, [update], OPTIONS), message)
  }
  const properties = applyViewUpdates(
    base,
    [
      { action: 'set-properties', updates: { a: '1', b: '2' } },
      { action: 'remove-properties', removals: ['a', 'none'] },
    ],
    OPTIONS,
  )
  assert.deepEqual(properties.properties, { b: '2' })
})

test('view: the requirement is the uuid, in any letter case', () => {
  const base = create()
  checkViewRequirements(base, [{ type: 'assert-view-uuid', uuid: 'U' }])
  assert.throws(
    () => checkViewRequirements(base, [{ type: 'assert-view-uuid', uuid: 'other' }]),
    error => isIngotError(error, 'COMMIT_CONFLICT'),
  )
})
