// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are the code of projects
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { checkFiles, cleanTable, mistakesOf, READINGS, startEngine, type TestEngine } from './lake-project.ts'

/** One mistake in one project: what is appended to the header, and what must be said of it and where. */
interface Case {
  readonly name: string
  readonly code: string
  /** The text in `code` at whose beginning the mistake is. */
  readonly at: string
  readonly cause: RegExp
  readonly fix: RegExp
}

const CASES: readonly Case[] = [
  {
    name: 'a column that is not there, on the template’s second line',
    code: `export const clean = silver('clean', {\n  query: sql\`\n    select vehicle, 'é' as mark, speed_kmhh\n    from \${readings}\`,\n})\n`,
    at: 'speed_kmhh',
    cause: /column "speed_kmhh" not found/,
    fix: /did you mean speed_kmh\?/,
  },
  {
    name: 'types that clash',
    code: cleanTable('select "at" + speed_kmh as total from ${readings}'),
    at: '+ speed',
    cause: /no function matches .*\+\(TIMESTAMP, DOUBLE\)/,
    fix: /cast one side/,
  },
  {
    name: 'an unknown function',
    code: cleanTable('select uppr(vehicle) as v from ${readings}'),
    at: 'uppr',
    cause: /function with name uppr does not exist/,
    fix: /did you mean "upper"/,
  },
  {
    name: 'the engine’s own number of a row',
    code: cleanTable('select vehicle from ${readings} where readings.rowid > 1'),
    at: 'readings.rowid',
    cause: /rowid is where a row happens to be stored/,
    fix: /_position/,
  },
  {
    name: 'a macro of the moment',
    code: cleanTable(`select vehicle from ${'${readings}'} where "at" > ago(interval '1 day')`),
    at: 'ago(',
    cause: /ago\(\) depends on when/,
    fix: /_ingested_at/,
  },
  {
    name: 'a column with a name of the refresh’s own',
    code: cleanTable('select vehicle, speed_kmh as ingot_order from ${readings}'),
    at: 'sql`select vehicle, speed_kmh as ingot',
    cause: /ingot_order is reserved/,
    fix: /another name/,
  },
  {
    name: 'a column that Iceberg has in every table',
    code: cleanTable('select vehicle, speed_kmh as _partition from ${readings}'),
    at: 'sql`select vehicle, speed_kmh as _partition',
    cause: /_partition is reserved: Iceberg has/,
    fix: /another name/,
  },
  {
    name: 'a syntax error',
    code: cleanTable('select vehicle from from ${readings}'),
    at: 'from ${',
    cause: /syntax error at or near "from"/,
    fix: /mend the SQL/,
  },
  {
    name: 'a column whose name is a word of the dialect',
    code: cleanTable("select date_trunc('day', at) as day from ${readings}"),
    at: ') as day',
    cause: /syntax error at or near "\)"/,
    fix: /write "at", in double quotes/,
  },
  {
    name: 'a statement that is no query',
    code: cleanTable('delete from ${readings}'),
    at: 'delete',
    cause: /one SELECT/,
    fix: /select … from/,
  },
  {
    name: 'two statements',
    code: cleanTable('select vehicle from ${readings}; select 1 as one'),
    at: 'sql`',
    cause: /more than one statement/,
    fix: /one SELECT/,
  },
  {
    name: 'a semicolon at the end',
    code: cleanTable('select vehicle from ${readings} ;'),
    at: ';`',
    cause: /without a semicolon/,
    fix: /remove it/,
  },
  {
    name: 'an empty query',
    code: cleanTable(' -- nothing'),
    at: 'sql`',
    cause: /silver\.clean is empty/,
    fix: /one SELECT/,
  },
  {
    name: 'a table function that reads files',
    code: cleanTable("select * from read_csv('x.csv')"),
    at: 'read_csv',
    cause: /read_csv\(\) reads from outside of the lake/,
    fix: /files\(…\)/,
  },
  {
    name: 'a file as a table',
    code: cleanTable("select * from 'x.csv'"),
    at: "'x.csv'",
    cause: /x\.csv is a file/,
    fix: /files\(…\)/,
  },
  {
    name: 'chance',
    code: cleanTable('select vehicle, random() as r from ${readings}'),
    at: 'random()',
    cause: /random\(\) gives another answer each time/,
    fix: /hash\(id\)/,
  },
  {
    name: 'the moment, as a function',
    code: cleanTable('select vehicle, now() as r from ${readings}'),
    at: 'now()',
    cause: /now\(\) depends on when the query runs/,
    fix: /_ingested_at/,
  },
  {
    name: 'the moment, as a keyword in a sub-query',
    code: cleanTable('select vehicle from ${readings} where "at" < (select current_date)'),
    at: 'current_date',
    cause: /current_date depends on when/,
    fix: /_ingested_at/,
  },
  {
    name: 'the moment, by age of one argument',
    code: cleanTable('select vehicle, age("at") as age from ${readings}'),
    at: 'age(',
    cause: /age\(\) of one argument depends/,
    fix: /_ingested_at/,
  },
  {
    name: 'a sample',
    code: cleanTable('select vehicle from ${readings} tablesample 10%'),
    at: '${readings}',
    cause: /a sample is other rows each time/,
    fix: /hash\(id\)/,
  },
  {
    name: 'a table of the lake as text',
    code: cleanTable('select vehicle from bronze.readings'),
    at: 'bronze.readings',
    cause: /bronze\.readings is written as text/,
    fix: /\$\{readings\}/,
  },
  {
    name: 'a table that nobody knows',
    code: cleanTable('select vehicle from bronze.reading'),
    at: 'bronze.reading',
    cause: /no table bronze\.reading/,
    fix: /did you mean \$\{readings\}/,
  },
  {
    name: 'a table that is not exported',
    code: `const hidden = bronze('hidden', { from: files('x') })\n${cleanTable('select payload from ${hidden}')}`,
    at: '${hidden}',
    cause: /silver\.clean reads bronze\.hidden, which is not exported/,
    fix: /put export before its declaration at lake\.ts:6:16/,
  },
  {
    name: 'a map over a table that is not exported',
    code: `const hidden = bronze('hidden', { from: files('x') })\nexport const m = silver('m', { from: hidden, map: () => [], version: 1, columns: { a: t.int() } })\n`,
    at: "silver('m'",
    cause: /silver\.m reads bronze\.hidden, which is not exported/,
    fix: /put export before/,
  },
  {
    name: 'two tables of one name',
    code: `export const again = bronze('readings', { from: files('x') })\n`,
    at: 'bronze(',
    cause: /two tables are called bronze\.readings: the other is at lake\.ts:2:25/,
    fix: /rename one/,
  },
  {
    name: 'two names that differ by letter case',
    code: `export const again = bronze('Readings', { from: files('x') })\n`,
    at: 'bronze(',
    cause: /bronze\.Readings differs from bronze\.readings at lake\.ts:2:25 by letter case/,
    fix: /rename one/,
  },
  {
    name: 'a name with a dot',
    code: `export const bad = bronze('a.b', { from: files('x') })\n`,
    at: 'bronze(',
    cause: /"a\.b" cannot be the name of a table/,
    fix: /letters, digits/,
  },
  {
    name: 'a name that is no text',
    code: `export const bad = bronze(undefined as never, { from: files('x') })\n`,
    at: 'bronze(',
    cause: /name of the table is not a text/,
    fix: /write: bronze\('readings'/,
  },
  {
    name: 'a reserved name',
    code: `export const bad = bronze('readings__quarantine', { from: files('x') })\n`,
    at: 'bronze(',
    cause: /readings__quarantine is reserved/,
    fix: /another name/,
  },
  {
    name: 'a column without a name',
    code: `export const bad = bronze('bad', { from: files('x'), columns: { '': t.string() } })\n`,
    at: 'bronze(',
    cause: /bronze\.bad has a column called "", which no engine can write/,
    fix: /give it a name/,
  },
  {
    name: 'fields of a struct that differ in letter case alone',
    code: `export const bad = bronze('bad', { from: files('x'), columns: { s: t.struct({ a: t.int(), A: t.int() }) } })\n`,
    at: 'struct(',
    cause: /the fields a and A of t\.struct differ in letter case alone/,
    fix: /a name of its own/,
  },
  {
    name: 'a field of a struct without a name',
    code: `export const bad = bronze('bad', { from: files('x'), columns: { s: t.struct({ '': t.int() }) } })\n`,
    at: 'struct(',
    cause: /t\.struct has a field called ""/,
    fix: /a name of its own/,
  },
  {
    name: 'a reserved column',
    code: `export const bad = bronze('bad', { from: files('x'), columns: { _Source: t.string() } })\n`,
    at: 'bronze(',
    cause: /column _Source is reserved/,
    fix: /rename the column/,
  },
  {
    name: 'declared columns that differ by letter case',
    code: `export const bad = bronze('bad', { from: files('x'), columns: { a: t.string(), A: t.int() } })\n`,
    at: 'bronze(',
    cause: /columns a and A of bronze\.bad differ by letter case/,
    fix: /another name/,
  },
  {
    name: 'output columns of one name',
    code: cleanTable('select vehicle, "at" as vehicle from ${readings}'),
    at: 'sql`',
    cause: /two columns called vehicle/,
    fix: /another name/,
  },
  {
    name: 'a column without a name',
    code: cleanTable('select vehicle, count(*) from ${readings} group by all'),
    at: 'count(*)',
    cause: /column 2 of silver\.clean has no name/,
    fix: /… as name/,
  },
  {
    name: 'a type that Iceberg lacks',
    code: cleanTable("select vehicle, interval '1 day' as wait from ${readings}"),
    at: 'sql`',
    cause: /INTERVAL of column wait has no counterpart/,
    fix: /cast/,
  },
  {
    name: 'a check of an unknown column',
    code: cleanTable('select vehicle from ${readings}', ", expect: { 'is known': sql`vehicel is not null` }"),
    at: 'vehicel',
    cause: /the check "is known": .*"vehicel" not found/,
    fix: /did you mean vehicle\?/,
  },
  {
    name: 'a check that is no condition',
    code: cleanTable('select vehicle from ${readings}', ", expect: { 'is known': sql`length(vehicle)` }"),
    at: 'sql`length',
    cause: /the check "is known" is of type BIGINT/,
    fix: /compare it/,
  },
  {
    name: 'a check over all rows',
    code: cleanTable('select vehicle from ${readings}', ', expect: { many: sql`count(*) > 5` }'),
    at: 'count(*)',
    cause: /the check "many" has an aggregate in it/,
    fix: /column of the query/,
  },
  {
    name: 'a check that closes its parenthesis',
    code: cleanTable('select vehicle from ${readings}', ', expect: { x: sql`true) from t, (select 1` }'),
    at: 'sql`true',
    cause: /the check "x" is not one expression/,
    fix: /expression over columns/,
  },
  {
    name: 'a check with an unknown consequence',
    code: cleanTable(
      'select vehicle from ${readings}',
      ", expect: { x: { check: sql`true`, otherwise: 'delete' } }",
    ),
    at: 'silver(',
    cause: /option otherwise of the check "x" is not one of 'warn', 'drop', 'quarantine', 'fail'/,
    fix: /leave it out/,
  },
  {
    name: 'a key that is not in the output',
    code: cleanTable('select vehicle from ${readings}', ", key: ['vehicel'], orderBy: '_ingested_at'"),
    at: 'silver(',
    cause: /key column vehicel is not a column of silver\.clean/,
    fix: /did you mean vehicle/,
  },
  {
    name: 'a key without an order',
    code: cleanTable('select vehicle from ${readings}', ", key: 'vehicle'"),
    at: 'silver(',
    cause: /has a key and no orderBy/,
    fix: /orderBy: '_ingested_at'/,
  },
  {
    name: 'an order without a key',
    code: cleanTable('select vehicle from ${readings}', ", orderBy: 'at'"),
    at: 'silver(',
    cause: /has orderBy and no key/,
    fix: /add the key/,
  },
  {
    name: 'an order by an unknown column',
    code: cleanTable('select vehicle from ${readings}', ", key: 'vehicle', orderBy: sql`upper(nothing)`"),
    at: 'nothing',
    cause: /orderBy of silver\.clean: .*"nothing" not found/,
    fix: /use columns of the output, or of a table/,
  },
  {
    name: 'a deleteWhen of an unknown column',
    code: cleanTable(
      'select vehicle from ${readings}',
      ", key: 'vehicle', orderBy: 'at', deleteWhen: sql`operation = 'd'`",
    ),
    at: 'operation',
    cause: /deleteWhen of silver\.clean: .*"operation" not found/,
    fix: /use columns of the output, or/,
  },
  {
    name: 'an order of a grouped query by a column that it does not give',
    code: cleanTable(
      'select vehicle, count(*) as n from ${readings} group by all',
      ", key: 'vehicle', orderBy: '_ingested_at'",
    ),
    at: 'silver(',
    cause: /orderBy of silver\.clean: .*"_ingested_at" not found/,
    fix: /use columns of the output: the rows/,
  },
  {
    name: 'an order of a map by a column of its input',
    code: "export const m = silver('m', { from: readings, map: () => [], version: 1, columns: { a: t.int() }, key: 'a', orderBy: sql`1 + speed_kmh` })\n",
    at: 'speed_kmh',
    cause: /orderBy of silver\.m: .*"speed_kmh" not found/,
    fix: /use columns of the output: the rows/,
  },
  {
    name: 'a limit under a key',
    code: cleanTable('select vehicle from ${readings} limit 5', ", key: 'vehicle', orderBy: 'at'"),
    at: 'sql`',
    cause: /ends in order by or limit/,
    fix: /leave it out/,
  },
  {
    name: 'a transform that does not fit the column',
    code: cleanTable('select vehicle from ${readings}', ", partitionBy: 'day(vehicle)'"),
    at: 'silver(',
    cause: /day\(vehicle\)/,
    fix: /./,
  },
  {
    name: 'a transform that there is not',
    code: cleanTable('select vehicle from ${readings}', ", partitionBy: 'buckt(16, vehicle)'"),
    at: 'silver(',
    cause: /"buckt\[16\]" is not a partition transform/,
    fix: /bucket\(16, column\)/,
  },
  {
    name: 'a partition column that is not there',
    code: cleanTable('select vehicle from ${readings}', ", partitionBy: 'day(when)'"),
    at: 'silver(',
    cause: /no column when/,
    fix: /columns are vehicle/,
  },
  {
    name: 'an option that does not exist',
    code: cleanTable('select vehicle from ${readings}', ", partitonBy: 'vehicle'"),
    at: 'silver(',
    cause: /silver table clean has no option partitonBy/,
    fix: /did you mean partitionBy/,
  },
  {
    name: 'a query that is bare text',
    code: `export const clean = silver('clean', { query: 'select 1' })\n`,
    at: 'silver(',
    cause: /option query of silver table clean is not SQL/,
    fix: /with the tag/,
  },
  {
    name: 'a map without columns',
    code: `export const m = silver('m', { from: readings, map: () => [], version: 1 })\n`,
    at: 'silver(',
    cause: /silver table m has a map and no columns/,
    fix: /columns: \{ vehicle/,
  },
  {
    name: 'a map without a version',
    code: `export const m = silver('m', { from: readings, map: () => [], columns: { a: t.int() } })\n`,
    at: 'silver(',
    cause: /version of silver table m is missing/,
    fix: /version: 1/,
  },
  {
    name: 'a bronze table without a source',
    code: `export const b = bronze('b', {} as never)\n`,
    at: 'bronze(',
    cause: /no source/,
    fix: /files\(/,
  },
  {
    name: 'a column whose type is a text',
    code: `export const b = bronze('b', { from: files('x'), columns: { a: 'string' } } as never)\n`,
    at: 'bronze(',
    cause: /column a has no type of t/,
    fix: /a: t\.string\(\)/,
  },
]

describe('checkLake on a mistake', () => {
  let started: TestEngine
  before(async () => {
    started = await startEngine()
  })
  after(() => started[Symbol.asyncDispose]())

  for (const { name, code, at, cause, fix } of CASES) {
    test(`finds ${name}`, async () => {
      const { mistakes, message } = await mistakesOf(checkFiles(READINGS + code, started.engine))
      assert.equal(mistakes.length, 1, message)
      const [mistake] = mistakes
      assert.match(mistake?.cause ?? '', cause)
      assert.match(mistake?.fix ?? '', fix)
      const before = (READINGS + code.slice(0, code.indexOf(at))).split('\n')
      const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1]
      assert.deepEqual(mistake?.site, { file: 'lake.ts', line, column }, message)
      assert.ok(message.includes(`lake.ts:${line}:${column}  ${mistake.cause}\n`), message)
      const frame = `  ${line} | ${(READINGS + code).split('\n')[line - 1]}\n    | ${' '.repeat(column - 1)}^\n`
      assert.ok(message.includes(frame), message)
    })
  }
})
