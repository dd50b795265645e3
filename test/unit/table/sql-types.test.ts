import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IngotError } from '../../../src/errors.ts'
import type { Type } from '../../../src/format/types.ts'
import { fromSqlType, toSqlType } from '../../../src/table/sql-types.ts'

const struct = (fields: Readonly<Record<string, Type>>): Type => ({
  type: 'struct',
  fields: Object.entries(fields).map(([name, type]) => ({ id: 0, name, required: false, type })),
})
const list = (element: Type): Type => ({ type: 'list', 'element-id': 0, element, 'element-required': false })

test('engine types map to Iceberg types that hold all their values', () => {
  const expected: readonly (readonly [string, Type])[] = [
    ['BOOLEAN', 'boolean'],
    ['UTINYINT', 'int'],
    ['USMALLINT', 'int'],
    ['UINTEGER', 'long'],
    ['UBIGINT', 'decimal(20, 0)'],
    ['HUGEINT', 'decimal(38, 0)'],
    ['DECIMAL(18,3)', 'decimal(18, 3)'],
    ['TIMESTAMP_S', 'timestamp'],
    ['TIMESTAMP_NS', 'timestamp'],
    ['TIMESTAMP WITH TIME ZONE', 'timestamptz'],
    ['JSON', 'string'],
    ["ENUM('a', 'it''s, (x)')", 'string'],
    ['UUID', 'uuid'],
    ['BLOB', 'binary'],
    ['INTEGER[3]', list('int')],
    ['INTEGER[][]', list(list('int'))],
    [
      'STRUCT("a b" INTEGER, "c""d, e" VARCHAR[], f STRUCT(g DATE))',
      struct({ 'a b': 'int', 'c"d, e': list('string'), f: struct({ g: 'date' }) }),
    ],
    [
      'MAP(VARCHAR, STRUCT(a DECIMAL(2,1))[])',
      {
        type: 'map',
        'key-id': 0,
        key: 'string',
        'value-id': 0,
        value: list(struct({ a: 'decimal(2, 1)' })),
        'value-required': false,
      },
    ],
  ]
  for (const [text, type] of expected) assert.deepEqual(fromSqlType(text), type, text)
})

test('types of Iceberg survive the way to the engine and back', () => {
  const types: readonly Type[] = [
    'boolean',
    'int',
    'long',
    'float',
    'double',
    'date',
    'time',
    'timestamp',
    'timestamptz',
    'string',
    'uuid',
    'binary',
    'decimal(38, 10)',
    list('int'),
    struct({ 'filename"': list('timestamptz') }),
  ]
  for (const type of types) assert.deepEqual(fromSqlType(toSqlType(type)), type)
})

test('types without a counterpart are refused with the column and a cast', () => {
  for (const text of [
    'INTERVAL',
    'BIT',
    'TIME WITH TIME ZONE',
    'UNION(a INTEGER)',
    'STRUCT(a INTERVAL)',
    '"NULL"',
    'INTEGER]',
    '',
  ]) {
    assert.throws(
      () => fromSqlType(text, 'wait "x"'),
      (error: unknown) =>
        error instanceof IngotError &&
        error.code === 'UNSUPPORTED' &&
        error.message.includes('wait "x"') &&
        error.hint?.includes('cast("wait ""x""" as varchar)') === true,
      text,
    )
  }
})
