import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Type } from '../../../src/format/types.ts'
import type { EngineValue } from '../../../src/table/engine.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

const struct = (fields: Readonly<Record<string, Type>>): Type => ({
  type: 'struct',
  fields: Object.entries(fields).map(([name, type]) => ({ id: 0, name, required: false, type })),
})
const list = (element: Type): Type => ({ type: 'list', 'element-id': 0, element, 'element-required': false })
const map = (key: Type, value: Type): Type => ({
  type: 'map',
  'key-id': 0,
  key,
  'value-id': 0,
  value,
  'value-required': false,
})

const REFUSED = Symbol('refused')

const UUID = '123e4567-e89b-12d3-a456-42661417400f'

/** A line; what column `v` holds after it, as the engine prints it; what is rescued. */
type Case = readonly [
  name: string,
  type: Type,
  line: string,
  value: EngineValue | typeof REFUSED,
  rescued?: string,
]

/** One value of column v. */
const v = (name: string, type: Type, json: string, value: EngineValue): Case => [
  name,
  type,
  `{"v":${json}}`,
  value,
]
/** A value that column v does not hold. */
const misfit = (name: string, type: Type, json: string): Case => [
  name,
  type,
  `{"v":${json}}`,
  null,
  `{"v":${json}}`,
]
const refused = (name: string, line: string): Case => [name, 'string', line, REFUSED]

const CASES: readonly Case[] = [
  v('text', 'string', '"é \\u00e9 \\ud83d\\ude00"', 'é é 😀'),
  v('text with every escape', 'string', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'),
  v('empty text is not null', 'string', '""', ''),
  v('text that is null', 'string', '"null"', 'null'),
  v('null', 'string', 'null', null),
  misfit('an object in a text', 'string', '{"a": 1}'),
  misfit('a number in a text', 'string', '1.50'),
  misfit('true in a text', 'string', 'true'),
  v('integer', 'int', '-12', '-12'),
  v('greatest int', 'int', '2147483647', '2147483647'),
  v('least int', 'int', '-2147483648', '-2147483648'),
  misfit('int too large', 'int', '2147483648'),
  v('greatest long', 'long', '9223372036854775807', '9223372036854775807'),
  v('least long', 'long', '-9223372036854775808', '-9223372036854775808'),
  misfit('long too large', 'long', '9223372036854775808'),
  v('whole with a fraction', 'long', '25.0', '25'),
  misfit('fraction in a long', 'long', '23.7'),
  misfit('exponent in a long', 'long', '1e3'),
  misfit('true in a long', 'long', 'true'),
  misfit('text in a long', 'long', '"22"'),
  misfit('list in a long', 'long', '[1]'),
  v('double', 'double', '0.1', '0.1'),
  v('double with many digits', 'double', '0.30000000000000004', '0.30000000000000004'),
  v('a whole double of 30 digits', 'double', '123456789012345678901234567890', '1.2345678901234568e+29'),
  misfit('1e400 in a double', 'double', '1e400'),
  misfit('"NaN" in a double', 'double', '"NaN"'),
  misfit('text in a double', 'double', '"abc"'),
  misfit('too large for a float', 'float', '3.5e38'),
  v('boolean', 'boolean', 'false', 'false'),
  misfit('number in a boolean', 'boolean', '1'),
  v('decimal', 'decimal(18, 2)', '99999999999999.99', '99999999999999.99'),
  v('decimal of 16 digits', 'decimal(18, 2)', '9999999999999999.99', '9999999999999999.99'),
  v(
    'decimal of 29 digits',
    'decimal(38, 9)',
    '12345678901234567890.123456789',
    '12345678901234567890.123456789',
  ),
  v(
    'decimal as text',
    'decimal(38, 9)',
    '"12345678901234567890.123456789"',
    '12345678901234567890.123456789',
  ),
  v('decimal with an exponent', 'decimal(9, 2)', '1.5e3', '1500.00'),
  v('decimal whose digits before the exponent are too many', 'decimal(4, 4)', '8e-1', '.8000'),
  v('the same as text', 'decimal(4, 4)', '"0.0006e3"', '.6000'),
  v('decimal with a great exponent', 'decimal(20, 4)', '-0.007e17', '-700000000000000.0000'),
  v('decimal that is nought to a great power', 'decimal(20, 4)', '0e99999', '0.0000'),
  v('decimals with exponents in a list', list('decimal(4, 4)'), '[8e-1,"9e-1",0.5]', '[.8000, .9000, .5000]'),
  v('small decimal', 'decimal(18, 9)', '0.0000001', '0.000000100'),
  v('decimal with zeros at its end', 'decimal(9, 2)', '1.5000', '1.50'),
  misfit('decimal that would be rounded', 'decimal(9, 2)', '1.005'),
  misfit('decimal too large', 'decimal(5, 2)', '1000'),
  misfit('decimal NaN', 'decimal(5, 2)', '"NaN"'),
  v('date', 'date', '"2024-02-29"', '2024-02-29'),
  misfit('a day that is none', 'date', '"2023-02-29"'),
  v('time', 'time', '"23:59:59.5"', '23:59:59.5'),
  misfit('hour 24', 'time', '"24:00:00"'),
  v('timestamp', 'timestamp', '"2026-01-31T10:00:00.123456Z"', '2026-01-31 10:00:00.123456'),
  v('timestamp with a blank', 'timestamp', '"2026-01-31 10:00:00"', '2026-01-31 10:00:00'),
  v('timestamp of a day', 'timestamp', '"2026-01-31"', '2026-01-31 00:00:00'),
  v(
    'nanoseconds that are zero',
    'timestamp',
    '"2026-01-31T10:00:00.123456000"',
    '2026-01-31 10:00:00.123456',
  ),
  misfit('nanoseconds', 'timestamp', '"2026-01-31T10:00:00.123456789"'),
  misfit('an offset in a timestamp without zone', 'timestamp', '"2026-01-31T10:00:00+02:00"'),
  misfit('a timestamp that is none', 'timestamp', '"yesterday"'),
  misfit('epoch in a timestamp', 'timestamp', '1700000000'),
  v('timestamptz', 'timestamptz', '"2026-01-31T10:00:00+02:00"', '2026-01-31 08:00:00+00'),
  v('timestamptz without offset is UTC', 'timestamptz', '"2026-01-31T10:00:00"', '2026-01-31 10:00:00+00'),
  v('uuid', 'uuid', '"6F9619FF-8B86-D011-B42D-00CF4FC964FF"', '6f9619ff-8b86-d011-b42d-00cf4fc964ff'),
  misfit('a uuid that is none', 'uuid', '"6F9619FF-8B86-D011-B42D-00CF4FC964F"'),
  v('binary', 'binary', '"AP8="', '\\x00\\xFF'),
  misfit('binary that is no base64', 'binary', '"AP8"'),
  v('list', list('long'), '[1, null, 3]', '[1, NULL, 3]'),
  ['a misfit in a list', list('long'), '{"v":[1, "x", 3]}', '[1, NULL, 3]', '{"v":[1, "x", 3]}'],
  v('list of lists', list(list('date')), '[["2024-01-01"],[]]', '[[2024-01-01], []]'),
  v('struct', struct({ a: 'long', b: 'date' }), '{"b":"2024-01-01","a":1}', "{'a': 1, 'b': 2024-01-01}"),
  [
    'a struct with another field',
    struct({ a: 'long' }),
    '{"v":{"a":1,"z":0.10}}',
    "{'a': 1}",
    '{"v":{"a":1,"z":0.10}}',
  ],
  [
    'a struct with a name twice',
    struct({ a: 'long' }),
    '{"v":{"a":1,"a":2}}',
    "{'a': 1}",
    '{"v":{"a":1,"a":2}}',
  ],
  v('binary in a struct', struct({ b: list('binary') }), '{"b":["AP8=",null]}', "{'b': [\\x00\\xFF, NULL]}"),
  v('map', map('string', 'decimal(9, 2)'), '{"a":1.5,"b":null}', '{a=1.50, b=NULL}'),
  v('map with numbers for keys', map('long', 'string'), '{"7":"x"}', '{7=x}'),
  misfit('map with keys of another type', map('long', 'string'), '{"x":"x"}'),
  misfit('map with a key twice', map('string', 'long'), '{"x":1,"x":2}'),
  misfit('map with an integer twice', map('int', 'long'), '{"1":1,"1.0":2}'),
  misfit('map with a number twice', map('double', 'long'), '{"1e2":1,"100":2}'),
  misfit('map with a decimal twice', map('decimal(9, 2)', 'long'), '{"1.5":1,"1.50":2}'),
  v('map with decimals for keys', map('decimal(9, 2)', 'long'), '{"1.5":1,"2":2}', '{1.50=1, 2.00=2}'),
  misfit('map with an exponent in a key', map('decimal(9, 2)', 'long'), '{"25e-1":2}'),
  misfit('map with an id twice', map('uuid', 'long'), `{"${UUID}":1,"${UUID.toUpperCase()}":2}`),
  misfit('map with a day twice', map('timestamp', 'long'), '{"2024-01-01":1,"2024-01-01T00:00:00Z":2}'),
  misfit(
    'map with a moment twice',
    map('timestamptz', 'long'),
    '{"2024-01-01T01:00:00.5+01:00":1,"2024-01-01 00:00:00.50":2}',
  ),
  misfit('map with a time twice', map('time', 'long'), '{"12:00:00.5":1,"12:00:00.50":2}'),
  v(
    'map with days for keys',
    map('date', 'long'),
    '{"2024-01-01":1,"2024-01-02":2}',
    '{2024-01-01=1, 2024-01-02=2}',
  ),
  ['fields not declared', 'long', '{"v":1,"z":1.50,"y":{"a":[1]}}', '1', '{"z":1.50,"y":{"a":[1]}}'],
  [
    'a number that no double holds',
    'long',
    '{"z":12345678901234567890.123456789}',
    null,
    '{"z":12345678901234567890.123456789}',
  ],
  ['a name twice', 'long', '{"v":1,"v":2}', '1', '{"v":2}'],
  ['a name twice, first null', 'long', '{"v":null,"v":2}', null, '{"v":2}'],
  ['the name in other letters', 'long', '{"V":1}', null, '{"V":1}'],
  ['the name escaped', 'long', '{"\\u0076":1}', '1'],
  [
    'system columns in the line',
    'long',
    '{"v":1,"_source":"x","_position":9}',
    '1',
    '{"_source":"x","_position":9}',
  ],
  ['blanks everywhere', 'long', ' \t{ "v" :\t1 , "w" : [ ] } ', '1', '{"w" : [ ]}'],
  ['no field at all', 'long', '{}', null],
  [
    'nested 64 deep',
    'long',
    `{"z":${'['.repeat(63)}${']'.repeat(63)}}`,
    null,
    `{"z":${'['.repeat(63)}${']'.repeat(63)}}`,
  ],
  refused('nested 65 deep', `{"z":${'['.repeat(64)}${']'.repeat(64)}}`),
  refused('nested 20,000 deep', `{"z":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_001)}`),
  refused('malformed', '{"v":1'),
  refused('trailing comma', '{"v":1,}'),
  refused('two objects', '{"v":"a"}{"v":"b"}'),
  refused('trailing junk', '{"v":"a"} x'),
  refused('single quotes', "{'v':'a'}"),
  refused('an array', '[{"v":"a"}]'),
  refused('a text', '"s"'),
  refused('null', 'null'),
  refused('NaN', '{"v":NaN}'),
  refused('Infinity', '{"v":-Infinity}'),
  refused('leading zero', '{"v":01}'),
  refused('no digits after the point', '{"v":1.}'),
  refused('plus sign', '{"v":+1}'),
  refused('lone surrogate', '{"v":"\\ud800"}'),
  refused('lone low surrogate', '{"v":"\\udc00\\ud800"}'),
  refused('bad escape', '{"v":"\\x41"}'),
  refused('tab in a text', '{"v":"a\tb"}'),
  refused('byte 00', '{"v":"a\u0000"}'),
  refused('byte 1f and junk', '{"v":"a"}\u001fjunk'),
  refused('byte 1e alone', '\u001e'),
  refused('a carriage return inside', '{"v":\r"a"}'),
  refused('a byte order mark inside the file', '\ufeff{"v":"a"}'),
]

describe('NDJSON, line by line', () => {
  let lab: IngestLab
  before(async () => {
    lab = await IngestLab.open()
  })
  after(() => lab.close())

  test('every line is a row or in quarantine, exactly', async () => {
    const types = [...new Map(CASES.map(([, type]) => [JSON.stringify(type), type])).values()]
    for (const [index, type] of types.entries()) {
      const cases = CASES.filter(candidate => JSON.stringify(candidate[1]) === JSON.stringify(type))
      const name = `bronze.t${index}`
      const table = bronzeTable({ name, columns: { v: type }, glob: `t${index}/*` })
      await lab.write(`t${index}/lines.ndjson`, cases.map(([, , line]) => `${line}\n`).join(''))
      const report = await lab.load(table)
      const rows = new Map(
        (await lab.rows(name, '_position, v::VARCHAR, _rescued')).map(row => [Number(row[0]), row]),
      )
      const refusedRows = await lab.quarantined(table, '_position, hex(encode(raw)), reason')
      const quarantined = new Map(refusedRows.map(row => [Number(row[0]), row]))
      for (const [line, [title, , text, value, rescued]] of cases.entries()) {
        const row = rows.get(line + 1)
        if (value === REFUSED) {
          assert.equal(row, undefined, title)
          assert.equal(quarantined.get(line + 1)?.[1], Buffer.from(text).toString('hex').toUpperCase(), title)
          assert.notEqual(quarantined.get(line + 1)?.[2] ?? '', '', title)
        } else {
          assert.deepEqual([row?.[1], row?.[2]], [value, rescued ?? null], title)
          assert.equal(quarantined.has(line + 1), false, title)
        }
      }
      assert.equal(report.rows + report.quarantined, cases.length)
      assert.equal(report.rescued, cases.filter(([, , , , rescued]) => rescued !== undefined).length)
    }
  })

  test('bytes that are no UTF-8 are kept as bytes, and only their line is refused', async () => {
    const table = bronzeTable({ name: 'bronze.utf8', columns: { v: 'string' }, glob: 'utf8/*' })
    const bad = Buffer.from('7b2276223a22ff227d', 'hex')
    await lab.write(
      'utf8/x.ndjson',
      Buffer.concat([Buffer.from('{"v":"é"}\n'), bad, Buffer.from('\n{"v":"b"}\n')]),
    )
    await lab.load(table)
    assert.deepEqual(await lab.rows('bronze.utf8', '_position, v'), [
      [1n, 'é'],
      [3n, 'b'],
    ])
    assert.deepEqual(await lab.quarantined(table, '_position, raw, hex(raw_bytes), reason'), [
      [2n, null, bad.toString('hex').toUpperCase(), 'not valid UTF-8'],
    ])
  })

  test('byte order mark, CRLF, blank lines and a last line without line end keep positions right', async () => {
    const table = bronzeTable({ name: 'bronze.ends', columns: { v: 'long' }, glob: 'ends/*' })
    await lab.write('ends/x.ndjson', '\ufeff{"v":1}\r\n\r\n\n  \t\n{"v":2}\r\n{"v":3}')
    await lab.load(table)
    assert.deepEqual(await lab.rows('bronze.ends', 'v, _position, _source, _source_partition'), [
      [1n, 1n, 'ends/x.ndjson', 0],
      [2n, 5n, 'ends/x.ndjson', 0],
      [3n, 6n, 'ends/x.ndjson', 0],
    ])
  })

  test('without columns each line is kept as it is', async () => {
    const table = bronzeTable({ name: 'bronze.payload', glob: 'payload/*' })
    const lines = ['{"a": 1.50,  "b":"\\u00e9", "a":2}', '[12345678901234567890.123456789]', '"s"', '{bad']
    await lab.write('payload/x.ndjson', lines.join('\n'))
    await lab.load(table)
    assert.deepEqual((await lab.rows('bronze.payload', 'payload')).flat(), lines.slice(0, 3))
    assert.deepEqual((await lab.quarantined(table, 'raw')).flat(), ['{bad'])
  })
})

test('a line longer than the limit is kept up to it; one of 20 MB is a row where allowed', async () => {
  const text = 'x'.repeat(20 * 1024 * 1024)
  for (const [lineBytesMax, isRow] of [
    [1000, false],
    [32 * 1024 * 1024, true],
  ] as const) {
    const lab = await IngestLab.open({ lineBytesMax })
    try {
      const table = bronzeTable({ columns: { v: 'string' } })
      await lab.write('inbox/x.ndjson', `{"v":"a"}\n{"v":"${text}"}\n{"v":"b"}\n`)
      const report = await lab.load(table)
      assert.equal(report.rows, isRow ? 3 : 2)
      assert.deepEqual(await lab.rows('bronze.events', 'length(v), _position'), [
        [1n, 1n],
        ...(isRow ? [[BigInt(text.length), 2n]] : []),
        [1n, 3n],
      ])
      const refusedRows = await lab.quarantined(table, 'length(raw), reason')
      const reason = `${text.length + 8} bytes long: the limit is ${lineBytesMax}, and that much of it is kept`
      assert.deepEqual(refusedRows, isRow ? [] : [[BigInt(lineBytesMax), reason]])
    } finally {
      await lab.close()
    }
  }
})
