import assert from 'node:assert/strict'
import { symlink } from 'node:fs/promises'
import { test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { serializeTableMetadata } from '../../../src/format/table-metadata.ts'
import { parseJson, stringifyJson } from '../../../src/json.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { appendTo, createSample, SCHEMA } from '../../conformance/catalog-samples.ts'
import { type Client, withServer } from '../../support/rest-server.ts'

type Path = readonly (string | number)[]

const NO_INTEGERS = ['1', 1.5, null, [], {}, true, 2n ** 70n]
const NO_OBJECTS = ['x', 7, [], null]
const NO_LISTS = [{}, 'x', 7]
const NO_TEXTS = [7, {}, [], null]
/** Of files that are not the lake's; each begins with the root where it says so. */
const OUTSIDE = [
  '/etc/passwd',
  'relative/path',
  '',
  'file:///etc/passwd',
  'file://host/etc/passwd',
  's3://bucket/key',
  'http://169.254.169.254/latest',
  '{root}',
  '{root}-evil/x',
  '{root}/../x',
  '{root}/a/../../x',
  '{root}/%2e%2e/x',
  '{root}/.%2E/x',
  '{root}/a/..%2f..%2fx',
  '{root}/a\u0000b',
  '{root}/a%00b',
  '{root}/..\\x',
  '{root}/a\nb',
]

/** Where metadata can be wrong, and what is wrong there; the root stands for itself. */
const FAULTS: readonly (readonly [Path, readonly unknown[]])[] = [
  [['format-version'], [0, 4, -1, ...NO_INTEGERS]],
  [['table-uuid'], ['', 'u', '../..', 7, {}]],
  [['location'], [...OUTSIDE, ...NO_TEXTS]],
  [['last-sequence-number'], [-1, 0, ...NO_INTEGERS.filter(value => value !== null)]],
  [['last-updated-ms'], [-1, 'x', {}]],
  [['last-column-id'], [-1, 0, 2 ** 31, 'x', 1.5]],
  [['schemas'], [...NO_LISTS, [null], [7]]],
  [['schemas', 0], NO_OBJECTS],
  [
    ['schemas', 0, 'schema-id'],
    [-1, 2 ** 31, 'x', 9],
  ],
  [['schemas', 0, 'fields'], NO_LISTS],
  [['schemas', 0, 'fields', 0], NO_OBJECTS],
  [
    ['schemas', 0, 'fields', 0, 'id'],
    [-1, 2, 2_147_483_447, ...NO_INTEGERS],
  ],
  [['schemas', 0, 'fields', 0, 'name'], NO_TEXTS],
  [
    ['schemas', 0, 'fields', 0, 'required'],
    ['yes', 1, {}],
  ],
  [
    ['schemas', 0, 'fields', 0, 'type'],
    ['number', '', 'decimal(99,1)', 'fixed[x]', 7, null, { type: 'x' }, {}],
  ],
  [
    ['schemas', 0, 'identifier-field-ids'],
    [[99], ['x'], 7, [2]],
  ],
  [['current-schema-id'], [-1, 99, 'x', {}]],
  [['partition-specs'], ['x', 7, [7]]],
  [
    ['partition-specs', 0, 'spec-id'],
    [-1, 5, 'x', 2 ** 31],
  ],
  [
    ['partition-specs', 0, 'fields'],
    [7, [7], [{ 'source-id': 99, 'field-id': 1000, name: 'p', transform: 'identity' }]],
  ],
  [['partition-specs', 0, 'fields'], [[{ 'source-id': 1, 'field-id': 1000, name: 'p', transform: 'day' }]]],
  [
    ['partition-specs', 0, 'fields'],
    [[{ 'source-id': 1, 'field-id': 2 ** 31, name: 'p', transform: 'identity' }]],
  ],
  [['default-spec-id'], [-1, 99, 'x']],
  [['last-partition-id'], [-1, 2 ** 31, 'x']],
  [['sort-orders'], ['x', 7, [7], []]],
  [
    ['sort-orders', 0, 'order-id'],
    [-1, 3, 'x'],
  ],
  [
    ['sort-orders', 0, 'fields'],
    [7, [{ 'source-id': 99, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' }]],
  ],
  [['default-sort-order-id'], [-1, 99, 'x']],
  [['properties'], ['x', 7, [], { a: {} }]],
  [['properties'], OUTSIDE.map(location => ({ 'write.data.path': location }))],
  [['current-snapshot-id'], [5, 'x', {}, 2n ** 70n]],
  [['snapshots'], ['x', 7, [7], []]],
  [
    ['snapshots', 0, 'snapshot-id'],
    [-5, 5, 'x', 2n ** 70n],
  ],
  [
    ['snapshots', 0, 'sequence-number'],
    [-1, 99, 'x'],
  ],
  [
    ['snapshots', 0, 'timestamp-ms'],
    [-1, 'x', null],
  ],
  [
    ['snapshots', 0, 'manifest-list'],
    [...OUTSIDE, ...NO_TEXTS, '{root}/n/nothing.avro'],
  ],
  [
    ['snapshots', 0, 'schema-id'],
    [99, -1, 'x'],
  ],
  [
    ['snapshots', 0, 'summary'],
    ['x', 7, []],
  ],
  [['snapshot-log'], ['x', 7, [7], [{ 'snapshot-id': 'x', 'timestamp-ms': 1 }]]],
  [['metadata-log'], ['x', [7], [{ 'metadata-file': 7, 'timestamp-ms': 1 }]]],
  [['metadata-log'], OUTSIDE.map(file => [{ 'metadata-file': file, 'timestamp-ms': 1 }])],
  [['refs'], ['x', 7, []]],
  [
    ['refs', 'main', 'type'],
    ['tag', 'x', 7],
  ],
  [
    ['refs', 'main', 'snapshot-id'],
    [5, 'x', null],
  ],
  [
    ['refs', 'main', 'min-snapshots-to-keep'],
    [0, -1, 'x'],
  ],
  [['statistics'], ['x', [7], [{ 'snapshot-id': 1 }]]],
]

function withValue(value: unknown, path: Path, replacement: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return replacement
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === key ? withValue(item, rest, replacement) : item))
  }
  const object = (value ?? {}) as Readonly<Record<string, unknown>>
  return { ...object, [key]: withValue(object[key], rest, replacement) }
}

async function createWithSnapshot({ catalog }: Client): Promise<LoadedTable> {
  const created = await createSample(catalog, 'n')
  const change = appendTo(created)
  const [added] = change.updates
  assert.ok(added?.action === 'add-snapshot')
  await createLocalFileIO().create(added.snapshot['manifest-list'], Buffer.from('a list'))
  await catalog.commit([change], { idempotencyKey: 'append' })
  return catalog.loadTable(created.identifier)
}

function register(client: Client, metadataLocation: string, overwrite = false) {
  const body = { name: overwrite ? 't' : 'u', 'metadata-location': metadataLocation, overwrite }
  return client.send('POST', '/v1/namespaces/n/register', body)
}

test('iceberg rest: hostile metadata is not registered, by the field that is wrong', () =>
  withServer(async client => {
    const table = await createWithSnapshot(client)
    const root = table.metadata.location.replace(/\/n\/t-[^/]+$/, '')
    const valid = parseJson(serializeTableMetadata(table.metadata))
    const io = createLocalFileIO()
    let count = 0
    for (const [path, values] of FAULTS) {
      for (const value of values) {
        const text = stringifyJson(withValue(valid, path, value)).replaceAll('{root}', root)
        const location = `${root}/n/hostile-${count}.metadata.json`
        await io.create(location, Buffer.from(text))
        const { status, body } = await register(client, location, count % 2 === 0)
        const shown = `${path.join('.')} ${stringifyJson(value)}: ${stringifyJson(body)}`
        assert.equal(status, 400, shown)
        const { field } = (body.error?.ingot?.context ?? {}) as unknown as { field?: string }
        assert.ok(field !== undefined && String(body.error?.message).includes(field), shown)
        count += 1
      }
    }
    assert.ok(count >= 200, `${count} cases`)
    assert.deepEqual(await client.catalog.loadTable(table.identifier), table)
    assert.equal((await client.send('GET', '/v1/namespaces/n/tables/u')).status, 404)
    await io.create(`${root}/n/valid.metadata.json`, Buffer.from(stringifyJson(valid)))
    assert.equal((await register(client, `${root}/n/valid.metadata.json`)).status, 200)
  }))

test('iceberg rest: what is no metadata file of the lake is not registered', () =>
  withServer(async client => {
    const table = await createWithSnapshot(client)
    const root = table.metadata.location.replace(/\/n\/t-[^/]+$/, '')
    const io = createLocalFileIO()
    const texts = ['', '{', 'null', '[]', '"x"', '{}', '\u0000', `${'['.repeat(100_000)}`, 'PAR1']
    const half = serializeTableMetadata(table.metadata)
    for (const [index, text] of [...texts, half.slice(0, half.length / 2)].entries()) {
      await io.create(`${root}/n/no-${index}.json`, Buffer.from(text))
      const { status, body } = await register(client, `${root}/n/no-${index}.json`)
      assert.equal(status, 400, text.slice(0, 50))
      assert.match(String(body.error?.message), /cannot be registered/)
    }
    await symlink('/etc/passwd', `${root.slice('file://'.length)}/n/link.json`)
    for (const location of [...OUTSIDE, '{root}/n/missing.json', '{root}/n/link.json', '{root}/n']) {
      const { status, body } = await register(client, location.replace('{root}', root))
      assert.equal(status, 400, location)
      assert.equal(body.error?.type, 'BadRequestException')
      assert.doesNotMatch(stringifyJson(body), /root:x/, location)
    }
  }))

test('iceberg rest: hostile commits and creations are refused, and the table stays as it was', () =>
  withServer(async client => {
    const table = await createWithSnapshot(client)
    const root = table.metadata.location.replace(/\/n\/t-[^/]+$/, '')
    const [added] = appendTo(table).updates
    assert.ok(added?.action === 'add-snapshot')
    const deep = { type: 'struct', fields: [] }
    let type: object = deep
    for (let level = 0; level < 300; level++) {
      type = { type: 'struct', fields: [{ id: level + 1, name: 'x', required: false, type }] }
    }
    const locations = OUTSIDE.map(location => location.replace('{root}', root))
    const updates: readonly object[] = [
      ...locations.flatMap(location => [
        { action: 'set-location', location },
        { action: 'add-snapshot', snapshot: { ...added.snapshot, 'manifest-list': location } },
        { action: 'set-properties', updates: { 'write.metadata.path': location } },
      ]),
      { action: 'add-snapshot', snapshot: { ...added.snapshot, 'snapshot-id': -5 } },
      { action: 'add-snapshot', snapshot: { ...added.snapshot, 'schema-id': 99 } },
      { action: 'add-schema', schema: type },
      { action: 'add-schema', schema: { type: 'struct', fields: [{ ...SCHEMA.fields[0], id: -1 }] } },
      { action: 'add-spec', spec: { fields: [{ 'source-id': 99, name: 'p', transform: 'identity' }] } },
      { action: 'assign-uuid', uuid: 'another' },
    ]
    for (const update of updates) {
      const { status, body } = await client.send('POST', '/v1/namespaces/n/tables/t', { updates: [update] })
      assert.equal(status, 400, stringifyJson([update, body]).slice(0, 500))
      assert.equal(body.error?.type, 'BadRequestException')
    }
    for (const location of locations.filter(each => each !== '')) {
      const create = { name: 'c', location, schema: SCHEMA }
      assert.equal((await client.send('POST', '/v1/namespaces/n/tables', create)).status, 400, location)
    }
    assert.deepEqual(await client.catalog.loadTable(table.identifier), table)
  }))
