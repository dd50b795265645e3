import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isIngotError } from '../../../src/errors.ts'
import type { PrimitiveValue } from '../../../src/format/manifest-types.ts'
import { murmur3 } from '../../../src/format/murmur3.ts'
import {
  applyTransform,
  hashValue,
  parseTransform,
  transformResultType,
} from '../../../src/format/transforms.ts'
import type { PrimitiveType, Transform } from '../../../src/format/types.ts'
import { parseValue } from '../../../src/format/values.ts'

function value(type: PrimitiveType, text: string): PrimitiveValue {
  const parsed = parseValue(type, text)
  assert(parsed !== undefined)
  return parsed
}

test('hashes are those of the spec, appendix B', () => {
  const vectors: readonly [PrimitiveType, string, number][] = [
    ['int', '34', 2017239379],
    ['long', '34', 2017239379],
    ['decimal(9, 2)', '14.20', -500754589],
    ['date', '2017-11-16', -653330422],
    ['time', '22:31:08', -662762989],
    ['timestamp', '2017-11-16 22:31:08', -2047944441],
    ['timestamp', '2017-11-16 22:31:08.000001', -1207196810],
    ['timestamptz', '2017-11-16 14:31:08-08', -2047944441],
    ['timestamptz', '2017-11-16 14:31:08.000001-08', -1207196810],
    ['string', 'iceberg', 1210000089],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    ['fixed[4]', '00010203', -188683207],
    ['binary', '00010203', -188683207],
  ]
  for (const [type, text, hash] of vectors)
    assert.equal(hashValue(type, value(type, text)), hash, `${type} ${text}`)
})

test('murmur3 handles every tail length', () => {
  const hashes = ['', 'a', 'ab', 'abc', 'abcd'].map(text => murmur3(Buffer.from(text)) >>> 0)
  assert.deepEqual(hashes, [0, 0x3c2569b2, 0x9bbfd75f, 0xb3dd93fa, 0x43ed676a])
})

test('times before 1970 are floored', () => {
  const cases: readonly [Transform, PrimitiveType, string, number][] = [
    ['year', 'date', '1969-12-31', -1],
    ['month', 'date', '1969-12-31', -1],
    ['day', 'date', '1969-12-31', -1],
    ['hour', 'timestamp', '1969-12-31 23:59:59.999999', -1],
    ['day', 'timestamptz', '1969-12-31 23:59:59.999999+00', -1],
    ['year', 'timestamp', '1970-01-01 00:00:00', 0],
    ['month', 'timestamp', '2017-12-01 10:12:55.038194', 575],
    ['day', 'timestamp', '2017-12-01 10:12:55.038194', 17501],
    ['hour', 'timestamp', '2017-12-01 10:12:55.038194', 420034],
    ['year', 'date', '2000-02-29', 30],
    ['month', 'date', '0044-03-15 (BC)', (-43 - 1970) * 12 + 2],
  ]
  for (const [transform, type, text, expected] of cases) {
    assert.equal(applyTransform(transform, type, value(type, text)), expected, `${transform} ${text}`)
  }
})

test('years and months agree with Date', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), days => {
      const date = new Date(days * 86_400_000)
      const year = date.getUTCFullYear() - 1970
      assert.equal(applyTransform('year', 'date', days), year)
      assert.equal(applyTransform('month', 'date', days), year * 12 + date.getUTCMonth())
    }),
  )
})

test('truncate floors numbers and keeps whole characters', () => {
  assert.equal(applyTransform('truncate[10]', 'int', -1), -10)
  assert.equal(applyTransform('truncate[10]', 'long', 19n), 10n)
  assert.equal(applyTransform('truncate[50]', 'decimal(9, 2)', 1065n), 1050n)
  assert.equal(applyTransform('truncate[2]', 'string', '😀ab'), '😀a')
  assert.deepEqual(applyTransform('truncate[1]', 'binary', Uint8Array.of(9, 8)), Uint8Array.of(9))
})

test('null stays null, void is null always', () => {
  assert.equal(applyTransform('bucket[4]', 'int', null), null)
  assert.equal(applyTransform('void', 'int', 4), null)
  assert.equal(applyTransform('identity', 'int', 4), 4)
})

test('transforms are checked against their texts and source types', () => {
  assert.equal(parseTransform('bucket[16]'), 'bucket[16]')
  for (const text of ['bucket', 'bucket[0]', 'truncate[-1]', 'days', 'bucket[99999999999]', '']) {
    assert.throws(
      () => parseTransform(text),
      error => isIngotError(error, 'DATA_INVALID'),
      text,
    )
  }
  assert.equal(transformResultType('day', 'timestamptz'), 'date')
  assert.equal(transformResultType('bucket[4]', 'uuid'), 'int')
  assert.equal(transformResultType('truncate[4]', 'decimal(9, 2)'), 'decimal(9, 2)')
  for (const [transform, type] of [
    ['hour', 'date'],
    ['bucket[4]', 'double'],
    ['truncate[4]', 'date'],
    ['day', 'string'],
  ] as const) {
    assert.throws(
      () => transformResultType(transform, type),
      error => isIngotError(error, 'DATA_INVALID'),
      type,
    )
  }
})
