import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import {
  parseTableHeads,
  parseTableMetadata,
  serializeTableMetadata,
} from '../../../src/format/table-metadata.ts'
import { parseJson, stringifyJson } from '../../../src/json.ts'

const ID = 2n ** 62n + 3n

const VERSION_1 = {
  'format-version': 1,
  location: 's3://b/t',
  'last-updated-ms': 1,
  'last-column-id': 1,
  schema: { type: 'struct', fields: [{ id: 1, name: 'a', required: true, type: 'decimal(9,2)' }] },
  'partition-spec': [{ 'source-id': 1, name: 'a', transform: 'identity' }],
  'current-snapshot-id': ID,
  snapshots: [{ 'snapshot-id': ID, 'timestamp-ms': 1, 'manifest-list': 's3://b/l.avro' }],
  mystery: [1],
}

test('version 1 gets the defaults of the spec, and keeps what is not known', () => {
  const metadata = parseTableMetadata(stringifyJson(VERSION_1))
  assert.equal(metadata['table-uuid'], parseTableMetadata(stringifyJson(VERSION_1))['table-uuid'])
  assert.equal(metadata.schemas[0]?.fields[0]?.type, 'decimal(9, 2)')
  assert.equal(metadata['partition-specs'][0]?.fields[0]?.['field-id'], 1000)
  assert.equal(metadata['last-partition-id'], 1000)
  assert.deepEqual(metadata['sort-orders'], [{ 'order-id': 0, fields: [] }])
  assert.deepEqual(metadata.refs, { main: { 'snapshot-id': ID, type: 'branch' } })
  assert.equal(metadata.snapshots[0]?.summary.operation, 'overwrite')
  const written = parseJson(serializeTableMetadata(metadata)) as Record<string, unknown>
  assert.deepEqual(written.mystery, [1])
  assert.deepEqual(
    Object.keys(written)
      .filter(key => key === 'schema' || key === 'partition-spec')
      .sort(),
    ['partition-spec', 'schema'],
  )
})

test('a version prints the same when most of it was printed with the one before', () => {
  const metadata = parseTableMetadata(stringifyJson({ ...VERSION_1, 'format-version': 2 }))
  assert.equal(serializeTableMetadata(metadata), stringifyJson(metadata))
  const [first] = metadata.snapshots
  assert(first)
  const next = { ...metadata, snapshots: [first, { ...first, 'snapshot-id': 7n }] }
  assert.equal(serializeTableMetadata(next), stringifyJson(next))
})

test('of the heads alone, snapshots are those that branches and tags name', () => {
  const [first] = VERSION_1.snapshots
  const others = [7, 8n, 9223372036854775807n].map(id => ({ ...first, 'snapshot-id': id }))
  const refs = {
    main: { type: 'branch', 'snapshot-id': ID },
    old: { type: 'tag', 'snapshot-id': 8 },
  }
  const text = stringifyJson({ ...VERSION_1, snapshots: [...VERSION_1.snapshots, ...others], refs })
  const whole = parseTableMetadata(text)
  const named = whole.snapshots.filter(snapshot => [ID, 8n].includes(snapshot['snapshot-id']))
  assert.equal(named.length, 2)
  assert.deepEqual(parseTableHeads(text), { ...whole, snapshots: named, 'snapshot-log': [] })
  const withoutRefs = parseTableHeads(stringifyJson(VERSION_1))
  assert.deepEqual(
    withoutRefs.snapshots.map(snapshot => snapshot['snapshot-id']),
    [ID],
  )
  for (const wrong of ['[]', 'null', '{"format-version":2,"refs":null,"snapshots":{}}', '{}']) {
    assert.throws(() => parseTableHeads(wrong), { code: 'METADATA_INVALID' }, wrong)
  }
})

test('small snapshot ids are bigint as well, -1 is none', () => {
  const small = {
    ...VERSION_1,
    'current-snapshot-id': 5,
    snapshots: [{ ...VERSION_1.snapshots[0], 'snapshot-id': 5 }],
    'snapshot-log': [{ 'snapshot-id': 5, 'timestamp-ms': 1 }],
  }
  const metadata = parseTableMetadata(stringifyJson(small))
  assert.equal(metadata['current-snapshot-id'], 5n)
  assert.equal(metadata['snapshot-log'][0]?.['snapshot-id'], 5n)
  const empty = parseTableMetadata(stringifyJson({ ...VERSION_1, 'current-snapshot-id': -1, snapshots: [] }))
  assert.equal('current-snapshot-id' in empty, false)
  assert.equal(serializeTableMetadata(empty).includes('current-snapshot-id'), false)
})

test('types of version 3 are kept', () => {
  const schema = {
    type: 'struct',
    fields: [
      { id: 1, name: 'v', required: false, type: 'variant' },
      { id: 2, name: 'a', required: false, type: 'timestamp_ns' },
    ],
  }
  const metadata = parseTableMetadata(
    stringifyJson({ ...VERSION_1, 'format-version': 3, schema, 'partition-spec': [], 'next-row-id': 7 }),
  )
  assert.equal(metadata.schemas[0]?.fields[1]?.type, 'timestamp_ns')
  assert.match(serializeTableMetadata(metadata), /"next-row-id":7/)
})

test('what is wrong is named', () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ 'format-version': 4 }, 'format-version'],
    [{ location: 5 }, 'location'],
    [{ schema: undefined }, 'schema'],
    [
      { schema: { type: 'struct', fields: [{ id: 1, name: 'a', required: true, type: 'number' }] } },
      'schema.fields[0].type',
    ],
    [
      { schema: { type: 'struct', fields: [{ id: 1, name: 'a', required: true, type: 'decimal(39, 2)' }] } },
      'schema.fields[0].type',
    ],
    [
      {
        schemas: [
          {
            type: 'struct',
            fields: [
              { id: 1, name: 'a', required: true, type: 'int' },
              { id: 1, name: 'b', required: true, type: 'int' },
            ],
          },
        ],
      },
      'schemas[0].fields',
    ],
    [
      {
        schemas: [
          {
            type: 'struct',
            fields: [
              { id: 1, name: 'a', required: true, type: 'int' },
              { id: 2, name: 'a', required: true, type: 'int' },
            ],
          },
        ],
      },
      'schemas[0].fields[1].name',
    ],
    [{ 'current-schema-id': 3 }, 'current-schema-id'],
    [{ 'default-spec-id': 3 }, 'default-spec-id'],
    [{ snapshots: [] }, 'refs.main.snapshot-id'],
    [{ snapshots: [{ 'snapshot-id': 'x' }] }, 'snapshots[0].snapshot-id'],
    [{ snapshots: [{ 'snapshot-id': 1, 'timestamp-ms': 1, manifests: [] }] }, 'snapshots[0].manifest-list'],
    [{ refs: { main: { 'snapshot-id': ID, type: 'twig' } } }, 'refs.main.type'],
    [{ properties: { a: {} } }, 'properties.a'],
    [{ 'last-column-id': 2n ** 60n }, 'last-column-id'],
  ]
  for (const [members, field] of cases) {
    assert.throws(
      () => parseTableMetadata(stringifyJson({ ...VERSION_1, ...members })),
      error => isIngotError(error, 'METADATA_INVALID') && error.message.startsWith(field),
      field,
    )
  }
  for (const text of ['', 'null', '[]', '{"format-version":']) {
    assert.throws(
      () => parseTableMetadata(text),
      error => isIngotError(error, 'METADATA_INVALID'),
      text,
    )
  }
})

test('a schema nested without end is refused', () => {
  let type: object | string = 'int'
  for (let depth = 0; depth < 500; depth += 1)
    type = { type: 'list', 'element-id': 1000 + depth, element: type, 'element-required': false }
  const schema = { type: 'struct', fields: [{ id: 1, name: 'a', required: true, type }] }
  assert.throws(
    () => parseTableMetadata(stringifyJson({ ...VERSION_1, schema })),
    error => isIngotError(error, 'METADATA_INVALID'),
  )
})
