import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PrimitiveValue } from '../../../src/format/manifest-types.ts'
import { valueFromJson, valueToJson } from '../../../src/format/single-value-json.ts'
import type { PrimitiveType } from '../../../src/format/types.ts'
import { parseJson, stringifyJson } from '../../../src/json.ts'

const SAMPLES: readonly (readonly [PrimitiveType, PrimitiveValue | null, string])[] = [
  ['boolean', true, 'true'],
  ['int', -34, '-34'],
  ['long', 9223372036854775807n, '9223372036854775807'],
  ['float', 1, '1.0'],
  ['double', -0, '-0.0'],
  ['double', 1e300, '1e+300'],
  ['double', Number.NaN, '"NaN"'],
  ['double', -Infinity, '"-Infinity"'],
  ['decimal(9, 2)', 1420n, '"14.20"'],
  ['decimal(9, 2)', -5n, '"-0.05"'],
  ['decimal(9, 0)', 7n, '"7"'],
  ['string', 'a "b"', '"a \\"b\\""'],
  ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', '"f79c3e09-677c-4bbd-a479-3f349cb785e7"'],
  ['date', 17486, '"2017-11-16"'],
  ['date', -719893, '"-0001-01-01"'],
  ['date', 2932897, '"+10000-01-01"'],
  ['time', 81068123456n, '"22:31:08.123456"'],
  ['timestamp', 1510871468123456n, '"2017-11-16T22:31:08.123456"'],
  ['timestamptz', -1n, '"1969-12-31T23:59:59.999999+00:00"'],
  ['fixed[4]', Uint8Array.of(0, 1, 2, 255), '"000102FF"'],
  ['binary', new Uint8Array(), '""'],
  ['int', null, 'null'],
]

test('values are printed as the specification says', () => {
  for (const [type, value, text] of SAMPLES) assert.equal(stringifyJson(valueToJson(type, value)), text, type)
})

const micros = fc.bigInt({ min: -62135596800000000n, max: 253402300799999999n })
const VALUES: Readonly<Record<string, fc.Arbitrary<PrimitiveValue>>> = {
  boolean: fc.boolean(),
  int: fc.integer(),
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float: fc.float({ noNaN: true, noDefaultInfinity: true }),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  'decimal(20, 5)': fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  date: fc.integer({ min: -719528, max: 2932896 }),
  time: fc.bigInt({ min: 0n, max: 86_399_999_999n }),
  timestamp: micros,
  timestamptz: micros,
  string: fc.string(),
  uuid: fc.uuid(),
  binary: fc.uint8Array(),
}

for (const [type, values] of Object.entries(VALUES)) {
  test(`a ${type} that is printed is read as it was`, () => {
    fc.assert(
      fc.property(values, value => {
        const json = parseJson(stringifyJson(valueToJson(type as PrimitiveType, value)))
        const read = valueFromJson(type as PrimitiveType, json)
        if (value instanceof Uint8Array) assert.deepEqual(Buffer.from(read as Uint8Array), Buffer.from(value))
        else assert.equal(read, value)
      }),
    )
  })
}

test('what engines write as well is read', () => {
  const forms: readonly (readonly [PrimitiveType, unknown, PrimitiveValue])[] = [
    ['date', 1, 1],
    ['timestamp', 5, 5n],
    ['timestamptz', 2n ** 60n, 2n ** 60n],
    ['timestamptz', '1970-01-01T01:00:00+01:00', 0n],
    ['timestamptz', '1970-01-01T00:00:00', 0n],
    ['timestamptz', '1970-01-01T00:00:00.5Z', 500_000n],
    ['timestamp', '1970-01-02', 86_400_000_000n],
    ['decimal(9, 2)', 1.5, 150n],
    ['decimal(9, 2)', '3', 300n],
    ['double', 1, 1],
    ['float', 3.14, Math.fround(3.14)],
    ['double', '60.5', 60.5],
    ['float', '-1e3', -1000],
    ['int', '5', 5],
    ['long', '-5', -5n],
    ['long', 5, 5n],
    ['int', 2n ** 40n, 2 ** 40],
    ['uuid', 'F79C3E09-677C-4BBD-A479-3F349CB785E7', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
  ]
  for (const [type, json, value] of forms) assert.equal(valueFromJson(type, json), value, `${type} ${json}`)
})

test('what is no value of the type is told', () => {
  const none: readonly (readonly [PrimitiveType, unknown])[] = [
    ...(Object.keys(VALUES) as PrimitiveType[]).flatMap(type => [
      [type, null] as const,
      [type, {}] as const,
      [type, []] as const,
    ]),
    ['int', '5.0'],
    ['int', 'five'],
    ['int', 1.5],
    ['int', 2n ** 64n],
    ['long', 2n ** 63n],
    ['long', String(2n ** 63n)],
    ['boolean', 'true'],
    ['double', 'NaN'],
    ['string', 5],
    ['date', '2024-02-30'],
    ['date', '2024-1-1'],
    ['date', '2024-01-01T00:00:00'],
    ['date', 2 ** 40],
    ['time', '24:00:00'],
    ['timestamp', '2024-01-01T25:00:00'],
    ['timestamp', '2024-01-01T00:00:00+00:00'],
    ['timestamp', '2024-01-01T00:00:00.1234567'],
    ['timestamptz', '2024-01-01T00:00:00+1'],
    ['decimal(9, 2)', '1.234'],
    ['decimal(9, 2)', 'x'],
    ['uuid', 'x'],
    ['fixed[2]', 'ABC'],
    ['fixed[2]', 'ABCDEF'],
    ['binary', 'A'],
  ]
  for (const [type, json] of none) assert.equal(valueFromJson(type, json), undefined, `${type} ${json}`)
})
