import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultMisfit } from '../../../src/format/default-values.ts'
import { parseTableMetadata } from '../../../src/format/table-metadata.ts'
import { applyUpdates } from '../../../src/format/table-updates.ts'
import type { NestedField, PrimitiveType, StructType, Type } from '../../../src/format/types.ts'

function schemaWith(
  type: Type,
  defaults: Pick<NestedField, 'initial-default' | 'write-default'>,
): StructType {
  return { type: 'struct', fields: [{ id: 1, name: 'c', required: false, type, ...defaults }] }
}

const misfit = (type: Type, value: unknown, version = 3) =>
  defaultMisfit(schemaWith(type, { 'initial-default': value }), version)

test('the JSON form of a value of each type is a default, and what is not is none', () => {
  const cases: readonly (readonly [PrimitiveType, readonly unknown[], readonly unknown[]])[] = [
    ['boolean', [true, false], ['true', 0]],
    ['int', [-(2 ** 31), 2 ** 31 - 1], [2 ** 31, 1.5, '1', true]],
    ['long', [7, 9223372036854775807n], [9223372036854775808n, '7']],
    ['double', [1, 0.5, 12345678901234567890n], ['0.5', 'NaN']],
    ['decimal(9, 2)', ['14.20', '-1'], ['1.234', 14.2, 'x']],
    ['date', ['2024-02-29'], ['2024', 19782, '2024-02-29T00:00:00']],
    ['time', ['22:31:08.123456'], ['22:31', 1]],
    ['timestamp', ['2024-02-29T22:31:08.123456'], ['2024-02-29T22:31:08+00:00', 0]],
    ['timestamptz', ['2024-02-29T22:31:08+00:00'], ['2024-02-29T22:31:08', '2024-02-29T22:31:08+01:00']],
    ['string', ['', "it's"], [1, {}]],
    ['uuid', ['f79c3e09-677c-4bbd-a479-3f349cb785e7'], ['f79c']],
    ['binary', ['', '00ff'], ['0', 'xx', [0]]],
  ]
  for (const [type, good, bad] of cases) {
    for (const value of good) assert.equal(misfit(type, value), undefined, `${type} ${value}`)
    for (const value of bad)
      assert.match(misfit(type, value) ?? '', /initial-default of column c/, `${type} ${value}`)
  }
})

test('types of version 3 that hold what no JSON value stands for have no default', () => {
  for (const type of ['unknown', 'variant', 'geometry', 'geography(srid:4326, karney)']) {
    assert.match(misfit(type as PrimitiveType, 'x') ?? '', /is no default for its type/)
    assert.equal(misfit(type as PrimitiveType, null), undefined)
  }
  assert.equal(misfit('timestamp_ns' as PrimitiveType, '2024-02-29T22:31:08.123456789'), undefined)
})

test('a struct has an empty object or nothing, its fields have their own; lists and maps have values', () => {
  const inner: NestedField = { id: 2, name: 'x', required: false, type: 'int', 'write-default': 'seven' }
  const struct: Type = { type: 'struct', fields: [{ ...inner, 'write-default': 7 }] }
  assert.equal(misfit(struct, {}), undefined)
  assert.match(misfit(struct, { x: 1 }) ?? '', /initial-default of column c: {"x":1}/)
  assert.match(misfit({ type: 'struct', fields: [inner] }, {}) ?? '', /write-default of column c.x: "seven"/)
  const list: Type = { type: 'list', 'element-id': 2, element: 'int', 'element-required': false }
  assert.equal(misfit(list, [1, null]), undefined)
  assert.match(misfit(list, ['1']) ?? '', /column c/)
  const map: Type = {
    type: 'map',
    'key-id': 2,
    key: 'string',
    'value-id': 3,
    value: 'int',
    'value-required': false,
  }
  assert.equal(misfit(map, { keys: ['a'], values: [null] }), undefined)
  for (const wrong of [{ keys: ['a'], values: [] }, { keys: [null], values: [1] }, {}]) {
    assert.match(misfit(map, wrong) ?? '', /column c/)
  }
})

test('before version 3 there are no defaults', () => {
  assert.match(misfit('int', 1, 2) ?? '', /format version 2 has no defaults/)
  assert.equal(misfit('int', null, 2), undefined)
})

test('a table update refuses a schema with a default that its table cannot have', () => {
  const base = parseTableMetadata(
    JSON.stringify({
      'format-version': 3,
      'table-uuid': '4f7ee9d9-4b53-4c5a-a3b0-6f5a5b0b7f42',
      location: 'file:///t',
      schemas: [{ type: 'struct', 'schema-id': 0, fields: [] }],
      'current-schema-id': 0,
    }),
  )
  const add = (value: unknown, version: 2 | 3 = 3) =>
    applyUpdates(
      { ...base, 'format-version': version },
      [
        {
          action: 'add-schema',
          schema: { ...schemaWith('int', { 'initial-default': value }), 'schema-id': 1 },
        },
      ],
      { nowMs: 1 },
    )
  assert.equal(add(7).schemas.length, 2)
  for (const refused of [() => add('seven'), () => add(7, 2)]) {
    assert.throws(refused, { code: 'REQUEST_INVALID', message: /initial-default of column c/ })
  }
})
