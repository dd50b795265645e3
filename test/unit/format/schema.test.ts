import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import { buildPartitionSpec, partitionType } from '../../../src/format/partition-spec.ts'
import { assignFreshIds, fieldsById, findField, sameType } from '../../../src/format/schema.ts'
import { evolveSchema, type SchemaChange } from '../../../src/format/schema-evolution.ts'
import type { Schema } from '../../../src/format/types.ts'

const SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 3,
  'identifier-field-ids': [1],
  fields: [
    { id: 1, name: 'id', required: true, type: 'int' },
    { id: 2, name: 'at', required: true, type: 'timestamptz' },
    {
      id: 3,
      name: 'items',
      required: false,
      type: {
        type: 'list',
        'element-id': 4,
        'element-required': true,
        element: {
          type: 'struct',
          fields: [
            { id: 5, name: 'price', required: false, type: 'decimal(9, 2)' },
            { id: 6, name: 'a.b', required: false, type: 'float' },
          ],
        },
      },
    },
    {
      id: 7,
      name: 'tags',
      required: false,
      type: {
        type: 'map',
        'key-id': 8,
        key: { type: 'struct', fields: [{ id: 10, name: 'k', required: true, type: 'int' }] },
        'value-id': 9,
        value: 'int',
        'value-required': false,
      },
    },
    {
      id: 11,
      name: 'home',
      required: false,
      type: { type: 'struct', fields: [{ id: 12, name: 'city', required: false, type: 'string' }] },
    },
  ],
}

const evolve = (...changes: SchemaChange[]): Schema => evolveSchema(SCHEMA, changes, 12).schema

test('fields are found by id and by path', () => {
  const fields = fieldsById(SCHEMA)
  assert.equal(fields.size, 12)
  assert.deepEqual(fields.get(6)?.path, ['items', 'element', 'a.b'])
  assert.deepEqual(
    [fields.get(6)?.repeated, fields.get(12)?.repeated, fields.get(3)?.repeated],
    [true, false, false],
  )
  assert.equal(findField(SCHEMA, ['tags', 'key', 'k'])?.id, 10)
  assert.equal(findField(SCHEMA, ['items', 'price']), undefined)
})

test('fresh ids go breadth first through each struct', () => {
  const { type, newIds, lastColumnId } = assignFreshIds(SCHEMA, 100)
  assert.deepEqual(
    type.fields.map(field => field.id),
    [101, 102, 103, 104, 105],
  )
  assert.equal(newIds.get(4), 106)
  assert.equal(newIds.get(5), 107)
  assert.equal(newIds.get(8), 109)
  assert.equal(lastColumnId, 112)
  assert(sameType(type, SCHEMA))
})

test('changes keep ids, at any depth', () => {
  const changed = evolve(
    { type: 'rename', path: ['home', 'city'], name: 'town' },
    { type: 'rename', path: ['items', 'element', 'a.b'], name: 'ab' },
    { type: 'widen', path: ['id'], to: 'long' },
    { type: 'widen', path: ['items', 'element', 'price'], to: 'decimal(20, 2)' },
    { type: 'widen', path: ['tags', 'value'], to: 'long' },
    { type: 'make-optional', path: ['at'] },
    { type: 'doc', path: ['at'], doc: 'when' },
    { type: 'move', path: ['home'], after: null },
    { type: 'move', path: ['id'], after: 'at' },
  )
  assert.deepEqual(
    changed.fields.map(field => field.id),
    [11, 2, 1, 3, 7],
  )
  const fields = fieldsById(changed)
  assert.deepEqual(fields.get(12)?.path, ['home', 'town'])
  assert.deepEqual(fields.get(6)?.path, ['items', 'element', 'ab'])
  assert.equal(fields.get(1)?.field.type, 'long')
  assert.equal(fields.get(5)?.field.type, 'decimal(20, 2)')
  assert.equal(fields.get(9)?.field.type, 'long')
  assert.deepEqual([fields.get(2)?.field.required, fields.get(2)?.field.doc], [false, 'when'])
  assert.equal(fieldsById(SCHEMA).get(12)?.path[1], 'city', 'the old schema is untouched')
})

test('added fields get the next ids, inner ones after', () => {
  const { schema, lastColumnId } = evolveSchema(
    SCHEMA,
    [
      {
        type: 'add',
        path: ['items', 'element', 'more'],
        fieldType: { type: 'list', 'element-id': 0, element: 'int', 'element-required': false },
      },
      { type: 'add', path: ['last'], fieldType: 'string', doc: 'd' },
    ],
    20,
  )
  assert.equal(findField(schema, ['items', 'element', 'more'])?.id, 21)
  assert.equal(findField(schema, ['items', 'element', 'more', 'element'])?.id, 22)
  assert.deepEqual(schema.fields.at(-1), { id: 23, name: 'last', required: false, type: 'string', doc: 'd' })
  assert.equal(lastColumnId, 23)
})

test('a dropped name can come back as another column', () => {
  const { schema } = evolveSchema(
    SCHEMA,
    [
      { type: 'drop', path: ['at'] },
      { type: 'add', path: ['at'], fieldType: 'string' },
    ],
    12,
  )
  assert.equal(findField(schema, ['at'])?.id, 13)
})

test('changes that would break files or rows are refused', () => {
  const unsupported: SchemaChange[] = [
    { type: 'widen', path: ['at'], to: 'string' },
    { type: 'widen', path: ['id'], to: 'double' },
    { type: 'widen', path: ['items', 'element', 'price'], to: 'decimal(20, 3)' },
    { type: 'widen', path: ['items', 'element', 'price'], to: 'decimal(8, 2)' },
    { type: 'widen', path: ['home'], to: 'string' },
    { type: 'drop', path: ['id'] },
    { type: 'make-optional', path: ['id'] },
    { type: 'drop', path: ['home', 'city'] },
    { type: 'drop', path: ['items', 'element'] },
    { type: 'rename', path: ['tags', 'value'], name: 'v' },
    { type: 'add', path: ['tags', 'key', 'new'], fieldType: 'int' },
    { type: 'widen', path: ['tags', 'key', 'k'], to: 'long' },
    { type: 'add', path: ['items', 'other'], fieldType: 'int' },
  ]
  for (const change of unsupported) {
    assert.throws(
      () => evolve(change),
      error => isIngotError(error, 'UNSUPPORTED'),
      JSON.stringify(change),
    )
  }
  const invalid: SchemaChange[] = [
    { type: 'add', path: ['id'], fieldType: 'int' },
    { type: 'add', path: [], fieldType: 'int' },
    { type: 'add', path: ['none', 'x'], fieldType: 'int' },
    { type: 'rename', path: ['id'], name: 'at' },
    { type: 'rename', path: ['none'], name: 'x' },
    { type: 'drop', path: ['none'] },
    { type: 'move', path: ['id'], after: 'none' },
  ]
  for (const change of invalid) {
    assert.throws(
      () => evolve(change),
      error => isIngotError(error, 'DATA_INVALID'),
      JSON.stringify(change),
    )
  }
})

test('types are the same when they hold the same values', () => {
  assert(sameType('int', 'int'))
  assert(!sameType('int', 'long'))
  assert(!sameType(SCHEMA, evolve({ type: 'make-optional', path: ['at'] })))
  assert(sameType(SCHEMA, evolve({ type: 'doc', path: ['at'], doc: 'x' })))
})

test('partition specs are built from texts', () => {
  const { spec, lastPartitionId } = buildPartitionSpec(SCHEMA, [
    'day(at)',
    'bucket(16, id)',
    ' truncate( 4 , home.city )',
    'id',
  ])
  assert.deepEqual(
    spec.fields.map(field => [field['field-id'], field['source-id'], field.name, field.transform]),
    [
      [1000, 2, 'at_day', 'day'],
      [1001, 1, 'id_bucket_16', 'bucket[16]'],
      [1002, 12, 'home.city_trunc_4', 'truncate[4]'],
      [1003, 1, 'id', 'identity'],
    ],
  )
  assert.equal(lastPartitionId, 1003)
  assert.deepEqual(
    partitionType(spec, [SCHEMA]).map(column => column.type),
    ['date', 'int', 'string', 'int'],
  )
  const evolved = buildPartitionSpec(SCHEMA, ['id', 'month(at)', 'day(at)'], lastPartitionId, [spec])
  assert.equal(evolved.spec['spec-id'], 1)
  assert.deepEqual(
    evolved.spec.fields.map(field => field['field-id']),
    [1003, 1004, 1000],
  )
})

test('names with dots and parentheses are quoted', () => {
  const schema: Schema = {
    type: 'struct',
    'schema-id': 0,
    fields: [{ id: 1, name: 'a.b(c)"', required: false, type: 'string' }],
  }
  assert.equal(buildPartitionSpec(schema, ['truncate(3, "a.b(c)""")']).spec.fields[0]?.['source-id'], 1)
  assert.equal(buildPartitionSpec(schema, ['"a.b(c)"""']).spec.fields[0]?.['source-id'], 1)
})

test('partition texts that do not fit are refused', () => {
  for (const texts of [
    ['day(none)'],
    ['hour(id)'],
    ['nope(id)'],
    ['bucket(0, id)'],
    ['bucket(id)'],
    ['items'],
    ['items.element.price'],
    ['id', 'id'],
    [''],
  ]) {
    assert.throws(
      () => buildPartitionSpec(SCHEMA, texts),
      error => isIngotError(error, 'DATA_INVALID'),
      texts.join(),
    )
  }
})
