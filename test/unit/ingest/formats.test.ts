import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { isIngotError } from '../../../src/errors.ts'
import type { Type } from '../../../src/format/types.ts'
import { FILES_TABLE } from '../../../src/ingest/taken-files.ts'
import { quoteLiteral } from '../../../src/sql-text.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

const copy = async (sql: string, name: string, options: string): Promise<void> => {
  await lab.write(name, '')
  await lab.engine.session({}, session =>
    session.query(`COPY (${sql}) TO ${quoteLiteral(lab.path(name))} (${options})`),
  )
}

test('CSV: quotes, lines within them, ragged records, nulls and misfits', async () => {
  const table = bronzeTable({
    name: 'bronze.csv',
    columns: { n: 'long', s: 'string', d: 'date' },
    glob: 'csv/*',
  })
  const lines = [
    's,n,d,extra',
    'plain,1,2024-01-01,',
    '"quoted ""x"", y",2,,more',
    '"two',
    '',
    'lines",3,,',
    ',4,,',
    '"",5,,',
    'x,23.7,2024-02-30,',
    'x,007,"",',
    'short,1',
    'long,1,,,',
    '"end"x,1,,',
    'a"b,6,,',
  ]
  await lab.write('csv/x.csv', `\ufeff${lines.join('\r\n')}\r\n`)
  const report = await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.csv', '_position, n, s, d::VARCHAR, _rescued'), [
    [2n, 1n, 'plain', '2024-01-01', null],
    [3n, 2n, 'quoted "x", y', null, '{"extra":"more"}'],
    [4n, 3n, 'two\r\n\r\nlines', null, null],
    [7n, 4n, null, null, null],
    [8n, 5n, '', null, null],
    [9n, null, 'x', null, '{"n":"23.7","d":"2024-02-30"}'],
    [10n, null, 'x', null, '{"n":"007","d":""}'],
    [14n, 6n, 'a"b', null, null],
  ])
  assert.deepEqual(await lab.quarantined(table, '_position, raw, reason'), [
    [11n, 'short,1', '2 fields: the header has 4'],
    [12n, 'long,1,,,', '5 fields: the header has 4'],
    [13n, '"end"x,1,,', 'text after the end of a quoted field'],
  ])
  assert.deepEqual([report.rows, report.quarantined, report.rescued], [8, 3, 3])
})

test('CSV: a quoted field goes on over lines behind one that has a quote in it', async () => {
  const table = bronzeTable({
    name: 'bronze.inches',
    columns: { a: 'string', b: 'string' },
    glob: 'inches/*',
  })
  await lab.write('inches/a.csv', 'a,b\n5" disk,"one\ntwo"\n3,x\n')
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.inches', 'a, b'), [
    ['5" disk', 'one\ntwo'],
    ['3', 'x'],
  ])
})

test('CSV: a quote that is never closed takes its own line only', async () => {
  const table = bronzeTable({
    name: 'bronze.unclosed',
    columns: { n: 'long', s: 'string' },
    glob: 'unclosed/*',
  })
  await lab.write('unclosed/x.csv', 'n,s\n1,"a\n2,b\n3,"c"\n\n4,d')
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.unclosed', '_position, n, s'), [
    [3n, 2n, 'b'],
    [4n, 3n, 'c'],
    [6n, 4n, 'd'],
  ])
  assert.deepEqual(await lab.quarantined(table, '_position, raw'), [[2n, '1,"a']])
})

test('CSV: without header, with another delimiter and text for null; exact money', async () => {
  const table = bronzeTable({
    name: 'bronze.semicolon',
    columns: { s: 'string', m: 'decimal(38, 9)', b: 'boolean' },
    glob: 'semicolon/*',
    csv: { delimiter: ';', header: false, nullText: 'NULL' },
  })
  await lab.write('semicolon/x.csv', 'NULL;12345678901234567890.123456789;TRUE\n"NULL";NULL;false\n;;')
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.semicolon', '_position, s, m::VARCHAR, b'), [
    [1n, null, '12345678901234567890.123456789', true],
    [2n, 'NULL', null, false],
    [3n, '', null, null],
  ])
})

test('CSV: a header without a declared column is refused, naming both', async () => {
  const table = bronzeTable({
    name: 'bronze.header',
    columns: { n: 'long', s: 'string' },
    glob: 'header/*',
  })
  await lab.write('header/x.csv', 'N,s\n1,a\n')
  await assert.rejects(lab.load(table), (error: unknown) => {
    assert.ok(isIngotError(error, 'DATA_INVALID'))
    assert.match(`${error.message} ${error.hint}`, /lacks n: it has N, s declared are n, s/)
    return true
  })
  await lab.write('header/x.csv', '')
  assert.equal((await lab.load(table)).rows, 0)
})

test('CSV without columns: each record is an object of texts', async () => {
  const table = bronzeTable({ name: 'bronze.texts', glob: 'texts/*' })
  await lab.write('texts/x.csv', 'a,"b ""q"""\n01,\n')
  await lab.load(table)
  assert.deepEqual((await lab.rows('bronze.texts', 'payload')).flat(), ['{"a":"01"}'])
})

test('JSON: an array over many lines; what is between two commas is one element', async () => {
  const table = bronzeTable({ name: 'bronze.array', columns: { v: 'long' }, glob: 'array/*' })
  await lab.write(
    'array/x.json',
    '\ufeff [\n {"v":\n1},\n {"v":2, "s":"[,]\\"}"},\n {"v":3}{"v":4},\n , 5\n]\n junk',
  )
  const report = await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.array', '_position, v, _rescued'), [
    [1n, 1n, null],
    [2n, 2n, '{"s":"[,]\\"}"}'],
  ])
  assert.deepEqual(await lab.quarantined(table, '_position, raw'), [
    [3n, '{"v":3}{"v":4}'],
    [4n, ''],
    [5n, '5'],
    [6n, 'junk'],
  ])
  assert.equal(report.quarantined, 4)
})

test('JSON: objects one after the other; a document that ends too early', async () => {
  const table = bronzeTable({ name: 'bronze.sequence', columns: { v: 'long' }, glob: 'sequence/*' })
  await lab.write('sequence/a.json', '{"v":1}{"v":2}\n{\n"v":3\n} nonsense {"v":4}')
  await lab.write('sequence/b.json', '[{"v":5},{"v":')
  await lab.load(table)
  assert.deepEqual((await lab.rows('bronze.sequence', 'v')).flat(), [1n, 2n, 3n, 4n, 5n])
  assert.deepEqual(await lab.quarantined(table, 'raw, reason'), [
    ['nonsense', 'malformed JSON at byte 1'],
    ['{"v":', 'the document ends inside a value'],
  ])
})

test('gzip and zstd, told by their first bytes', async () => {
  const table = bronzeTable({ name: 'bronze.packed', columns: { v: 'long' }, glob: 'packed/*' })
  await lab.write('packed/a.ndjson.gz', Buffer.concat([gzipSync('{"v":1}\n'), gzipSync('{"v":2}\n{bad')]))
  await lab.write('packed/b.ndjson', gzipSync('{"v":3}\n'))
  await copy('SELECT i AS v FROM range(4, 6) t(i)', 'packed/c.ndjson.zst', 'FORMAT json, COMPRESSION zstd')
  await copy(`SELECT 6 AS v, 'x"y,' AS w`, 'packed/d.csv.zst', 'FORMAT csv, COMPRESSION zstd')
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.packed', 'v, _position, _rescued'), [
    [1n, 1n, null],
    [2n, 2n, null],
    [3n, 1n, null],
    [4n, 1n, null],
    [5n, 2n, null],
    [6n, 2n, '{"w":"x\\"y,"}'],
  ])
  assert.deepEqual((await lab.quarantined(table, 'raw')).flat(), ['{bad'])
})

test('zstd that is cut off anywhere, or goes on with something else, is refused as a whole', async () => {
  const table = bronzeTable({ name: 'bronze.cut', columns: { v: 'long' }, glob: 'cut/*' })
  await copy('SELECT i AS v FROM range(50000) t(i)', 'whole.ndjson.zst', 'FORMAT json, COMPRESSION zstd')
  const whole = await readFile(lab.path('whole.ndjson.zst'))
  const skippable = Buffer.from('532a4d1803000000616263', 'hex')
  const lengths = [4, 5, 9, 100, whole.length >> 1, whole.length - 4, whole.length - 1]
  for (const length of lengths) await lab.write(`cut/${length}.ndjson.zst`, whole.subarray(0, length))
  await lab.write('cut/junk.ndjson.zst', Buffer.concat([whole, Buffer.from('{"v":1}\n')]))
  await lab.write('cut/twice.ndjson.zst', Buffer.concat([whole, skippable, whole]))
  assert.equal((await lab.load(table)).rows, 100_000)
  const refused = await lab.quarantined(table, '_source, _position, reason')
  assert.deepEqual(
    refused.map(([source]) => source),
    [...lengths, 'junk'].map(name => `cut/${name}.ndjson.zst`).sort(),
  )
  assert.ok(refused.every(([, position, reason]) => position === null && /^damaged zstd: /.test(`${reason}`)))
})

test('a damaged file is refused as a whole, and taken when it is whole again', async () => {
  const table = bronzeTable({ name: 'bronze.damaged', columns: { v: 'long' }, glob: 'damaged/*' })
  await lab.write('damaged/good.ndjson', '{"v":1}\n')
  const packed = gzipSync('{"v":2}\n'.repeat(5000))
  await lab.write('damaged/x.ndjson.gz', packed.subarray(0, packed.length - 9))
  await copy('SELECT i AS v FROM range(100000) t(i)', 'damaged/y.parquet', 'FORMAT parquet')
  const parquet = await readFile(lab.path('damaged/y.parquet'))
  await lab.write('damaged/y.parquet', parquet.subarray(0, 1000))
  const broken = Buffer.from(parquet)
  broken.fill(0xff, 100, 5000)
  await lab.write('damaged/z.parquet', broken)
  const report = await lab.load(table)
  assert.deepEqual([report.rows, report.quarantined], [1, 3])
  assert.deepEqual(
    (await lab.quarantined(table, '_source, _position, raw, reason')).map(row => [
      ...row.slice(0, 3),
      typeof row[3],
    ]),
    ['x.ndjson.gz', 'y.parquet', 'z.parquet'].map(name => [`damaged/${name}`, null, null, 'string']),
  )
  assert.equal((await lab.load(table)).files, 0)
  await lab.write('damaged/x.ndjson.gz', packed)
  assert.equal((await lab.load(table)).rows, 5000)
  assert.equal((await lab.quarantined(table, '_source, _position')).length, 2)
})

test('Parquet: by name; a value that the column does not hold exactly is rescued', async () => {
  const columns = { n: 'int', u: 'decimal(20, 0)', t: 'timestamp', s: 'string', x: 'double' } as const
  const table = bronzeTable({ name: 'bronze.parquet', columns, glob: 'parquet/*' })
  const values = [
    `(1::BIGINT, 18446744073709551615::UBIGINT, '2024-01-01 00:00:00.123456'::TIMESTAMP_NS, 'a', 1::DECIMAL(38, 9), {a: 1})`,
    `(3000000000, 1, '2024-01-01 00:00:00.123456789'::TIMESTAMP_NS, NULL, 12345678901234567890.123456789, NULL)`,
  ]
  await copy(
    `SELECT * FROM (VALUES ${values.join(', ')}) v(n, u, t, s, x, extra)`,
    'parquet/x.parquet',
    'FORMAT parquet',
  )
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.parquet', '_position, n, u::VARCHAR, t::VARCHAR, s, x, _rescued'), [
    [1n, 1, '18446744073709551615', '2024-01-01 00:00:00.123456', 'a', 1, '{"extra":{"a":1}}'],
    [
      2n,
      null,
      '1',
      null,
      null,
      null,
      '{"n":3000000000,"t":"2024-01-01 00:00:00.123456789","x":"12345678901234567890.123456789"}',
    ],
  ])
})

test('damaged Parquet beside refused lines: nothing of either is lost', async () => {
  const table = bronzeTable({ name: 'bronze.mixed', columns: { v: 'long' }, glob: 'mixed/*' })
  const names = Array.from({ length: 12 }, (_, index) => `mixed/${String(index).padStart(2, '0')}`)
  const lines = Array.from({ length: 20_000 }, (_, index) =>
    index % 2 === 0 ? `{"v":${index}}\n` : `x${index}\n`,
  )
  for (const name of names) {
    await lab.write(`${name}.a.parquet`, 'PAR1 and no more')
    await lab.write(`${name}.b.ndjson`, lines.join(''))
  }
  const report = await lab.load(table)
  assert.deepEqual([report.rows, report.quarantined], [120_000, 120_012])
  const [counts] = await lab.quarantined(
    table,
    'bool_or(_source IS NULL) AS _source, count(*) AS _position, count(raw)',
  )
  assert.deepEqual(counts, [false, 120_012n, 120_000n])
  const taken = await lab.rows(FILES_TABLE, 'source AS _source, generation AS _position, quarantined_count')
  const ofMixed = taken.filter(([source]) => String(source).startsWith('mixed/'))
  for (const [source, , count] of ofMixed)
    assert.equal(count, String(source).endsWith('.parquet') ? 1n : 10_000n, String(source))
  assert.equal(ofMixed.length, 24)
})

test('Parquet: what is rescued is JSON for every reader, whatever is nested in it', async () => {
  const table = bronzeTable({ name: 'bronze.nested', columns: { v: 'long' }, glob: 'nested/*' })
  const fields = [
    "['nan'::DOUBLE, 1.5::DOUBLE] AS l",
    `{'DOUBLE': '-infinity'::FLOAT, 's': ',NaN,'} AS "s ""DOUBLE"""`,
    '[0.5]::DOUBLE[] AS f',
    '{d: 12345678901234567890.123456789::DECIMAL(38, 9)} AS d',
  ]
  await copy(`SELECT 1::BIGINT AS v, ${fields.join(', ')}`, 'nested/x.parquet', 'FORMAT parquet')
  await lab.load(table)
  const [[rescued] = []] = await lab.rows('bronze.nested', '_rescued')
  assert.equal(
    rescued,
    '{"l":["nan","1.5"],"s \\"DOUBLE\\"":{"DOUBLE":"-inf","s":",NaN,"},"f":[0.5],"d":{"d":12345678901234567890.123456789}}',
  )
  JSON.parse(String(rescued))
})

test('Parquet: text is read as strictly as in other files, and nothing of it is rounded', async () => {
  const cases: readonly (readonly [type: Type, text: string, value: string | null])[] = [
    ['decimal(12, 2)', '12.505', null],
    ['decimal(12, 2)', '-12.5000', '-12.50'],
    ['decimal(12, 2)', '99999999999.00', null],
    ['decimal(12, 0)', '7.0', '7'],
    ['long', '23.7', null],
    ['long', '25.0', '25'],
    ['long', '007', null],
    ['long', '1e3', null],
    ['int', '2147483648', null],
    ['double', '1e400', null],
    ['double', 'NaN', null],
    ['double', '-1.5e3', '-1500.0'],
    ['float', '1e39', null],
    ['boolean', 'TRUE', 'true'],
    ['boolean', 't', null],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '2023-02-29', null],
    ['date', '2024-02-29 10:00:00', null],
    ['time', '10:00:00.1234567', null],
    ['timestamp', '2026-01-31T10:00:00+02:00', null],
    ['timestamp', '2026-01-31T10:00:00.123456000Z', '2026-01-31 10:00:00.123456'],
    ['timestamp', 'epoch', null],
    ['timestamptz', '2026-01-31T10:00:00+02:00', '2026-01-31 08:00:00+00'],
    ['timestamptz', '2026-01-31 10:00:00 Europe/Berlin', null],
    ['uuid', '6F9619FF8B86D011B42D00CF4FC964FF', null],
    ['binary', 'abc', null],
    [{ type: 'list', 'element-id': 0, element: 'long', 'element-required': false }, '[1, 2.7]', null],
    ['string', 'a\nb', 'a\nb'],
  ]
  const columns = Object.fromEntries(cases.map(([type], index) => [`c${index}`, type]))
  const table = bronzeTable({ name: 'bronze.parquet_text', columns, glob: 'parquet-text/*' })
  const select = cases.map(([, text], index) => `${quoteLiteral(text)} AS c${index}`).join(', ')
  await copy(`SELECT ${select}`, 'parquet-text/x.parquet', 'FORMAT parquet')
  await lab.load(table)
  const list = cases.map((_, index) => `c${index}::VARCHAR`).join(', ')
  const [row = []] = await lab.rows('bronze.parquet_text', `${list}, _rescued`)
  assert.deepEqual(
    row.slice(0, -1),
    cases.map(([, , value]) => value),
  )
  const misfits = cases.flatMap(([, text, value], index) => (value === null ? [[`c${index}`, text]] : []))
  assert.deepEqual(JSON.parse(String(row.at(-1))), Object.fromEntries(misfits))
})

test('Parquet without columns: each row is JSON', async () => {
  const table = bronzeTable({ name: 'bronze.rows', glob: 'rows/*' })
  const select = `SELECT 1 AS a, NULL AS b, [date '2024-01-01'] AS "c d", 'nan'::DOUBLE AS n, 0.5::FLOAT AS f`
  await copy(select, 'rows/x.parquet', 'FORMAT parquet')
  await lab.load(table)
  assert.deepEqual((await lab.rows('bronze.rows', 'payload')).flat(), [
    '{"a":1,"c d":["2024-01-01"],"n":"nan","f":0.5}',
  ])
})

test('a name that does not tell the format is refused', async () => {
  const table = bronzeTable({ name: 'bronze.unnamed', glob: 'unnamed/*' })
  await lab.write('unnamed/data.txt', '{}')
  await assert.rejects(lab.load(table), (error: unknown) => isIngotError(error, 'DECLARATION_INVALID'))
  assert.equal(
    (await lab.load({ ...table, sources: table.sources.map(s => ({ ...s, format: 'ndjson' as const })) }))
      .rows,
    1,
  )
})

test('hostile names of files', async () => {
  const table = bronzeTable({ name: 'bronze.names', columns: { v: 'long' }, glob: 'names/*.ndjson' })
  const names = ["names/it's [1] {a}; DROP.ndjson", 'names/é "x" %20.ndjson']
  for (const name of names) await lab.write(name, '{"v":1}\n{')
  await lab.load(table)
  assert.deepEqual((await lab.rows('bronze.names', '_source')).flat(), names)
  const literal = bronzeTable({ name: 'bronze.literal', columns: { v: 'long' }, glob: names[0] ?? '' })
  assert.equal((await lab.load(literal)).rows, 1)
})
