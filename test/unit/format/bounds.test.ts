import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isIngotError } from '../../../src/errors.ts'
import {
  boundsFromText,
  decodeValue,
  encodeValue,
  lowerBound,
  upperBound,
} from '../../../src/format/bounds.ts'
import type { PrimitiveType } from '../../../src/format/types.ts'
import { compareValues, parseValue } from '../../../src/format/values.ts'

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex')

test('values are encoded as in the spec, appendix D', () => {
  assert.equal(hex(encodeValue('boolean', true)), '01')
  assert.equal(hex(encodeValue('int', 34)), '22000000')
  assert.equal(hex(encodeValue('long', -2n)), 'feffffffffffffff')
  assert.equal(hex(encodeValue('float', 1)), '0000803f')
  assert.equal(hex(encodeValue('double', -0)), '0000000000000080')
  assert.equal(hex(encodeValue('date', -1)), 'ffffffff')
  assert.equal(hex(encodeValue('decimal(9, 2)', 128n)), '0080')
  assert.equal(hex(encodeValue('decimal(9, 2)', -128n)), '80')
  assert.equal(hex(encodeValue('decimal(9, 2)', 0n)), '00')
  assert.equal(
    hex(encodeValue('uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7')),
    'f79c3e09677c4bbda4793f349cb785e7',
  )
})

test('encoded values come back', () => {
  const values: readonly (readonly [
    PrimitiveType,
    fc.Arbitrary<number | bigint | string | boolean | Uint8Array>,
  ])[] = [
    ['int', fc.integer()],
    ['long', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    ['double', fc.double()],
    ['float', fc.float()],
    ['string', fc.string({ unit: 'binary' })],
    ['uuid', fc.uuid()],
    ['binary', fc.uint8Array()],
    ['decimal(38, 9)', fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n })],
    ['boolean', fc.boolean()],
  ]
  for (const [type, arbitrary] of values) {
    fc.assert(
      fc.property(arbitrary, value => {
        assert.deepEqual(decodeValue(type, encodeValue(type, value)), value)
      }),
    )
  }
})

test('bounds of columns that were widened since are read', () => {
  assert.equal(decodeValue('long', encodeValue('int', -7)), -7n)
  assert.equal(decodeValue('double', encodeValue('float', 1.5)), 1.5)
})

test('bytes that are no value are refused', () => {
  for (const [type, length] of [
    ['int', 8],
    ['long', 3],
    ['uuid', 36],
    ['boolean', 0],
    ['decimal(9, 2)', 0],
  ] as const) {
    assert.throws(
      () => decodeValue(type, new Uint8Array(length)),
      error => isIngotError(error, 'METADATA_INVALID'),
      type,
    )
  }
})

test('cut texts and bytes still enclose the value', () => {
  const order = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 10, maxLength: 40 }), text => {
      const exact = encodeValue('string', text)
      const lower = lowerBound('string', text)
      const upper = upperBound('string', text)
      assert(lower !== undefined && order(lower, exact) <= 0)
      assert(upper === undefined || order(upper, exact) >= 0)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const lower = lowerBound('binary', bytes)
      const upper = upperBound('binary', bytes)
      assert(lower !== undefined && order(lower, bytes) <= 0 && lower.length <= 16)
      assert(upper === undefined || order(upper, bytes) >= 0)
    }),
  )
})

test('rounding up skips surrogates and carries', () => {
  const a15 = 'a'.repeat(15)
  assert.equal(Buffer.from(upperBound('string', `${a15}\ud7ffx`) ?? []).toString(), `${a15}\ue000`)
  assert.equal(Buffer.from(upperBound('string', `${a15}\u{10ffff}x`) ?? []).toString(), `${'a'.repeat(14)}b`)
  assert.equal(upperBound('string', '\u{10ffff}'.repeat(17)), undefined)
  assert.equal(
    hex(upperBound('binary', Buffer.from(`${'00'.repeat(15)}ffff`, 'hex'))),
    `${'00'.repeat(14)}01`,
  )
  assert.equal(upperBound('binary', new Uint8Array(17).fill(255)), undefined)
  assert.equal(Buffer.from(lowerBound('string', `${a15}😀x`) ?? []).toString(), `${a15}😀`)
})

test('statistics that DuckDB prints become bounds', () => {
  const cases: readonly [PrimitiveType, string, string, string | undefined, string | undefined][] = [
    ['double', '-0.0', '-0.0', '0000000000000080', '0000000000000000'],
    ['double', '0.0', '0.0', '0000000000000080', '0000000000000000'],
    ['double', '-inf', 'inf', '000000000000f0ff', '000000000000f07f'],
    ['float', 'nan', '1.5', undefined, '0000c03f'],
    ['boolean', '0', '1', '00', '01'],
    ['binary', '00FF', 'FF', '00ff', 'ff'],
    ['date', '-infinity', 'infinity', undefined, undefined],
    ['timestamp', '1969-12-31 23:59:59.999999', 'infinity', 'ffffffffffffffff', undefined],
    [
      'timestamptz',
      '1970-01-01 00:00:00.000001+00',
      '1970-01-01 05:30:00+05:30',
      '0100000000000000',
      '0000000000000000',
    ],
    ['decimal(9, 2)', '-1.5', '0.01', 'ff6a', '01'],
    ['time', '00:00:00', '00:00:01.5', '0000000000000000', '60e3160000000000'],
  ]
  for (const [type, min, max, lower, upper] of cases) {
    const bounds = boundsFromText(type, min, max)
    assert.deepEqual([hex(bounds.lower), hex(bounds.upper)], [lower, upper], `${type} ${min} ${max}`)
  }
  assert.deepEqual(boundsFromText('string', undefined, undefined), {})
})

test('dates before Christ count back from year 0', () => {
  const day = (text: string): unknown => parseValue('date', text)
  assert.equal(day('0001-01-01 (BC)'), Number(day('0001-01-01')) - 366)
  assert.equal(day('1970-01-01'), 0)
  assert.equal(day('5881580-07-10'), 2147483646)
  const noon = BigInt(Number(day('0044-03-15 (BC)'))) * 86_400_000_000n + 43_200_000_000n
  assert.equal(parseValue('timestamp', '0044-03-15 (BC) 12:00:00'), noon)
  assert.equal(parseValue('timestamptz', '0044-03-15 12:00:00+00 (BC)'), noon)
})

test('texts that are no values are refused', () => {
  const cases: readonly [PrimitiveType, string][] = [
    ['int', '1.5'],
    ['long', ''],
    ['date', '2024-1-1'],
    ['timestamp', 'today'],
    ['uuid', 'x'],
    ['binary', 'abc'],
    ['decimal(9, 2)', '1.234'],
    ['decimal(9, 2)', '.'],
    ['boolean', 'yes'],
    ['double', '1,5'],
    ['time', '1:00'],
  ]
  for (const [type, text] of cases) {
    assert.throws(
      () => parseValue(type, text),
      error => isIngotError(error, 'DATA_INVALID'),
      `${type} ${text}`,
    )
  }
})

test('texts are in the order of their bytes, NaN above all', () => {
  assert(compareValues('string', '\uffff', '😀') < 0)
  assert(compareValues('double', Number.NaN, Infinity) > 0)
  assert.equal(compareValues('double', Number.NaN, Number.NaN), 0)
  assert.equal(compareValues('double', 0, -0), 0)
  assert(compareValues('long', 3, 4n) < 0)
  assert(
    compareValues('uuid', 'ffffffff-0000-0000-0000-000000000000', '0fffffff-0000-0000-0000-000000000000') > 0,
  )
})
