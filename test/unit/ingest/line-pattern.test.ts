import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PrimitiveType } from '../../../src/format/types.ts'
import { JsonChecker } from '../../../src/ingest/json-checker.ts'
import { linePattern } from '../../../src/ingest/line-pattern.ts'
import { LinePatterns } from '../../../src/ingest/line-patterns.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

const TYPES: readonly PrimitiveType[] = [
  'string',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'decimal(9, 2)',
  'decimal(38, 9)',
  'decimal(5, 5)',
  'decimal(12, 0)',
]

const COLUMNS = TYPES.map((type, index) => ({ name: index === 0 ? 'größe.*' : `c${index}`, type }))
const newChecker = (): JsonChecker =>
  new JsonChecker({ columns: COLUMNS, undeclared: 'rescue', nestingMax: 64 })

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map(all => all.join(''))

const number = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    digits(1, 20),
    fc.option(digits(0, 20)),
    fc.constantFrom('', 'e3', 'E-2'),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      sign + whole + (fraction === null ? '' : `.${fraction}`) + exponent,
  )

const near = (min: number, max: number, width: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map(value => String(value).padStart(width, '0'))

const day = fc
  .tuple(fc.constantFrom('2024', '2023', '1900', '0000', '9999', '202'), near(0, 13, 2), near(0, 32, 2))
  .map(parts => parts.join('-'))
const clock = fc
  .tuple(near(0, 24, 2), near(0, 60, 2), near(0, 60, 2), fc.option(digits(0, 9)))
  .map(([h, m, s, f]) => `${h}:${m}:${s}${f === null ? '' : `.${f}`}`)
const offset = fc.constantFrom('', 'Z', '+00', '+02:00', '-15:59', '+16:00', '+2', 'z', '+0200')
const moment = fc.tuple(day, fc.constantFrom('T', ' ', 't', ''), clock, offset).map(parts => parts.join(''))

const token = fc.oneof(
  fc.constantFrom(
    'true',
    'false',
    'null',
    'True',
    'nul',
    '{}',
    '[]',
    '[1]',
    '""',
    '-0',
    '0',
    '-0.0',
    '-0.5',
    '""',
  ),
  number,
  number.map(text => `"${text}"`),
  day.map(text => `"${text}"`),
  clock.map(text => `"${text}"`),
  moment.map(text => `"${text}"`),
  fc.uuid().map(text => `"${text}"`),
  fc.string({ unit: 'binary', maxLength: 8 }).map(text => `"${text}"`),
  fc.string({ unit: 'binary', maxLength: 8 }).map(text => JSON.stringify(text)),
  fc.constantFrom(
    '"\\u0041"',
    '"\\ud800"',
    '"a\u0000"',
    '"2024-02-29"',
    '"\u001f"',
    '"\u001e"',
    '"é"',
    '"\u007f"',
    '"a""b"',
  ),
)

/** Blanks and other characters where some writers put them, and where nobody may. */
const blank = fc.constantFrom('', '', '', '', '', ' ', '  ', '\t', '\r', 'x')

const valid = (type: PrimitiveType): fc.Arbitrary<string> => {
  const samples: Readonly<Record<string, readonly string[]>> = {
    string: ['"a"', '"é, {}"', '""'],
    boolean: ['true', 'false'],
    int: ['1', '-123456789', '0'],
    long: ['1', '-12345678901234567', '0'],
    date: ['"2024-02-28"', '"1999-12-31"'],
    time: ['"23:59:59.123456"'],
    timestamp: ['"2026-01-31T10:00:00.123456Z"', '"2026-01-31 10:00:00"', '"2026-04-30"'],
    timestamptz: ['"2026-01-31T10:00:00+02:00"', '"2026-01-31"'],
    uuid: ['"6F9619FF-8B86-D011-B42D-00CF4FC964FF"'],
    float: ['1.5', '-12', '0.25'],
    double: ['0.30000000000000004', '-123456789012345.5', '0'],
    'decimal(12, 0)': ['123456789012', '-7', '"0"'],
    'decimal(5, 5)': ['0.12345', '"-0.1"', '-0.5'],
  }
  return fc.constantFrom(...(samples[type] ?? ['1.5', '-12', '0', '"7"']))
}

/** Lines that have most of it right: one value or one place may be anything. */
const line = fc
  .tuple(
    fc.tuple(...TYPES.map(valid)),
    fc.array(fc.tuple(fc.nat(TYPES.length - 1), token), { maxLength: 1 }),
    fc.array(fc.tuple(fc.nat(TYPES.length * 4), blank), { maxLength: 2 }),
    fc.constantFrom('\n', '\r\n', '\r\r\n', ' \n', ',\n', '}\n'),
  )
  .map(([values, changed, blanks, lineEnd]) => {
    const texts: string[] = [...values]
    for (const [index, text] of changed) texts[index] = text
    const tokens = texts.flatMap((text, index) => [
      index === 0 ? '{' : ',',
      JSON.stringify(COLUMNS[index]?.name),
      ':',
      text,
    ])
    for (const [place, text] of blanks) tokens.splice(place, 0, text)
    return `${tokens.join('')}}${lineEnd}`
  })

test('the checker takes unchanged what the pattern of a line matches, and counts the same values', () => {
  const checker = newChecker()
  const fields = checker.fields.declared.map(field => ({ field, isNullable: true }))
  const pattern = linePattern(fields)
  assert.ok(pattern)
  let matchedCount = 0
  fc.assert(
    fc.property(line, text => {
      const bytes = Buffer.from(text)
      pattern.lastIndex = 0
      const match = pattern.exec(bytes.toString('latin1'))
      if (match === null || !isUtf8(bytes)) return
      matchedCount += 1
      assert.equal(pattern.lastIndex, bytes.length)
      assert.equal(bytes.indexOf('\n'), bytes.length - 1)
      for (const field of checker.fields.declared) field.valueCount = 0
      const end = bytes.at(-2) === 0x0d ? bytes.length - 2 : bytes.length - 1
      assert.equal(checker.check(bytes, 0, end), true, checker.refusal)
      assert.deepEqual([checker.edits, checker.rescued], [[], []])
      assert.deepEqual(
        checker.fields.declared.map(field => field.valueCount),
        match.slice(1).map(group => (group === undefined ? 1 : 0)),
      )
    }),
    { numRuns: 20_000 },
  )
  assert.ok(matchedCount > 1000, `only ${matchedCount} lines matched: the test says nothing`)
})

test('what is no value of a column has no match', () => {
  const bad: Readonly<Record<string, readonly string[]>> = {
    string: ['"a\\n"', '"a\tb"', '"\u001f"', '1', '"a'],
    int: ['2147483648', '01', '1.0', '-0', '"1"', '1e3', '+1'],
    long: ['123456789012345678', '-'],
    double: ['1e400', '.5', '1.', 'NaN', '1234567890123456'],
    date: ['"2023-02-29"', '"2024-02-29"', '"2024-04-31"', '"2024-13-01"', '"2024-00-10"', '"2024-1-1"'],
    time: ['"24:00:00"', '"10:00"', '"10:00:60"', '"10:00:00.1234567"'],
    timestamp: ['"2024-01-01T10:00:00+02:00"', '"2024-01-01T"', '"2024-01-01T10:00:00ZZ"'],
    timestamptz: ['"2024-01-01T10:00:00+16:00"', '"2024-01-01Z"'],
    'decimal(9, 2)': ['12345678', '1.005', '1e2', '"1.005"', '-0', '"12345678"'],
    'decimal(38, 9)': ['1234567890.123456', '1234567890123456'],
    boolean: ['1', '"true"', 'TRUE'],
  }
  for (const [type, values] of Object.entries(bad)) {
    const columns = [{ name: 'v', type: type as PrimitiveType }]
    const { fields } = new JsonChecker({ columns, undeclared: 'rescue', nestingMax: 64 })
    const pattern = linePattern(fields.declared.map(field => ({ field, isNullable: false })))
    for (const value of values) {
      assert.ok(pattern)
      pattern.lastIndex = 0
      assert.equal(pattern.test(`{"v":${value}}\n`), false, `${type}: ${value}`)
    }
  }
})

test('orders of fields and nulls are learnt, and lines beyond the limit are left', () => {
  const columns = [
    { name: 'a', type: 'long' },
    { name: 'b', type: 'string' },
  ] as const
  const { fields } = new JsonChecker({ columns, undeclared: 'rescue', nestingMax: 64 })
  const patterns = new LinePatterns(fields, 40)
  const take = (text: string): [count: number, end: number] => {
    const bytes = Buffer.from(text)
    patterns.begin(bytes, 0, bytes.length)
    return [patterns.take(0), patterns.end]
  }
  const learn = (text: string): void => patterns.learn(Buffer.from(text), 0, Buffer.byteLength(text))
  const lines = '{"a":1,"b":"x"}\n{"a":2,"b":null}\n{"b":"é","a":3}\n{"a": 4}\r\n'
  assert.deepEqual(take(lines), [0, 0])
  learn('{"a":7,"b":"y"}')
  assert.deepEqual(take(lines), [1, 16])
  learn('{"a":7,"b":null}')
  learn('{"b":"y","a":7}')
  learn('{"a":7}')
  learn('{"z":7}')
  assert.deepEqual(take(lines), [4, Buffer.byteLength(lines)])
  assert.deepEqual(take(`{"a":1,"b":"${'x'.repeat(40)}"}\n`), [0, 0])
  assert.deepEqual(
    fields.declared.map(field => field.valueCount),
    [5, 3],
  )
})

test('lines that are copied and lines that are checked give the same rows, whatever comes between', async () => {
  const lab = await IngestLab.open()
  try {
    const columns = Object.fromEntries(COLUMNS.map(({ name, type }) => [name, type]))
    const table = bronzeTable({ columns })
    const samples = fc.sample(
      fc.tuple(
        ...TYPES.map(type =>
          fc.oneof({ weight: 9, arbitrary: valid(type) }, { weight: 1, arbitrary: fc.constant('null') }),
        ),
      ),
      400,
    )
    const lines = samples.map(
      values =>
        `{${values.map((value, index) => `${JSON.stringify(COLUMNS[index]?.name)}:${value}`).join(',')}}`,
    )
    // A name that is not declared keeps a line from every pattern.
    const checked = lines.map(text => text.replace(/}$/, ',"z":1}'))
    const broken = (text: string, index: number): string => (index % 97 === 96 ? `\n{bad}\r\n${text}` : text)
    await lab.write('inbox/copied.ndjson', `${lines.map(broken).join('\r\n')}\n`)
    await lab.write('inbox/other.ndjson', `${lines.map(broken).join('\n')}\n`)
    await lab.write('inbox/checked.ndjson', `${checked.map(broken).join('\n')}\n`)
    const report = await lab.load(table)
    assert.deepEqual([report.rows, report.rescued, report.quarantined], [1200, 400, 12])
    const values = COLUMNS.map(({ name }) => `"${name}"::VARCHAR`).join(', ')
    const rows = await lab.rows('bronze.events', `_source, _position, ${values}`)
    const of = (name: string): unknown[] =>
      rows.filter(row => row[0] === `inbox/${name}.ndjson`).map(row => row.slice(1))
    assert.equal(of('checked').length, 400)
    assert.deepEqual(of('copied'), of('checked'))
    assert.deepEqual(of('other'), of('checked'))
  } finally {
    await lab.close()
  }
})
