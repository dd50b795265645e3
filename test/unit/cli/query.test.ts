import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { describeCommand } from '../../../src/cli/describe.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { quarantineCommand } from '../../../src/cli/quarantine.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { rollbackCommand } from '../../../src/cli/rollback.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { loadConfig } from '../../../src/config.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import { parseSchema } from '../../../src/format/schema-json.ts'
import { openPlatform } from '../../../src/platform.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import { schemaOf } from '../../support/table-lab.ts'
import { CommandLab } from './command-lab.ts'

// What can be asked for, and what is said about what cannot.

let lab: CommandLab

before(async () => {
  lab = await CommandLab.withLake()
  await lab.good(refreshCommand)
})
after(() => lab[Symbol.asyncDispose]())

const SELECT = 'select * from silver.readings'

test('--at a transaction or time that is yet to come is refused, and the newest is named', async () => {
  const transaction = await lab.refused(queryCommand, SELECT, '--at', 'transaction:999')
  assert.equal(transaction.code, 'REQUEST_INVALID')
  assert.match(transaction.text, /^there is no transaction 999 yet\nthe newest is transaction:1 of 2\d\d\d-/)
  const time = await lab.refused(queryCommand, SELECT, '--at', '2199-01-01')
  assert.equal(time.code, 'REQUEST_INVALID')
  assert.match(
    time.text,
    /^2199-01-01T00:00:00\.000Z is yet to come: it is 2\d\d\d-.*\nthe newest is transaction:1 of/,
  )
  assert.match(
    (await lab.refused(rollbackCommand, 'silver.readings', '--to', '2199-01-01', '--skip')).text,
    /yet to come/,
  )
  assert.ok((await lab.countOf('silver.readings', '--at', new Date().toISOString())) > 0)
  assert.ok((await lab.countOf('silver.readings', '--at', 'transaction:1')) > 0)
})

test('--at a word that is no branch or tag lists those there are, and how points are written', async () => {
  const { code, text } = await lab.refused(queryCommand, SELECT, '--at', 'yesterday')
  assert.equal(code, 'SNAPSHOT_NOT_FOUND')
  assert.match(
    text,
    /no branch or tag yesterday\nthere are these refs: main; write a time \(2026-01-31, .*transaction:7.*snapshot id/,
  )
})

test('--at before a table came says so', async () => {
  const { code, text } = await lab.refused(queryCommand, SELECT, '--at', '2020-01-01')
  assert.equal(code, 'TABLE_NOT_FOUND')
  assert.match(text, /it is there now, but was not at that point/)
})

test('an unknown column or function is a mistake in the query, with what may have been meant', async () => {
  const column = await lab.refused(queryCommand, 'select speed_kmhh from silver.readings')
  assert.equal(column.code, 'QUERY_INVALID')
  assert.match(column.text, /speed_kmhh.*\ndid you mean speed_kmh\?/)
  const called = await lab.refused(queryCommand, 'select cont(*) from silver.readings')
  assert.equal(called.code, 'QUERY_INVALID')
  assert.match(called.text, /cont.*\ndid you mean "count/)
  assert.equal((await lab.refused(queryCommand, 'select 1 + []')).code, 'QUERY_INVALID')
})

test('what fails only while it runs is no mistake in the query’s text', async () => {
  const { code } = await lab.refused(queryCommand, 'select vehicle::integer from silver.readings')
  assert.equal(code, 'ENGINE_FAILED')
})

test('letter case does not matter, in the name of a table neither', async () => {
  const count = await lab.countOf('bronze.readings')
  assert.equal(await lab.countOf('Bronze.Readings'), count)
  assert.equal(await lab.countOf('BRONZE.readings', '--at', 'transaction:1'), count)
  const both =
    'select (select count(*) from Bronze.readings) = (select count(*) from bronze.READINGS) as same'
  assert.deepEqual(JSON.parse(await lab.good(queryCommand, both, '--json')), [{ same: true }])
  assert.match(await lab.good(describeCommand, 'Silver.READINGS'), /^silver\.readings$/m)
})

for (const [name, command, ...more] of [
  ['describe', describeCommand],
  ['history', historyCommand],
  ['rollback', rollbackCommand, '--to', 'main', '--skip'],
] as const) {
  test(`${name} says which table may have been meant`, async () => {
    for (const [wrong, meant] of [
      ['silver.reading', 'silver\\.readings'],
      ['readings', 'bronze\\.readings or silver\\.readings'],
      ['vehicle', 'bronze\\.vehicles'],
    ] as const) {
      const { code, text } = await lab.refused(command, wrong, ...more)
      assert.equal(code, 'TABLE_NOT_FOUND')
      assert.match(
        text,
        new RegExp(`^table ${wrong} is not there\ndid you mean ${meant}\\? ingot tables lists all$`),
      )
    }
    assert.match((await lab.refused(command, 'nope', ...more)).text, /not there\ningot tables lists all$/)
    assert.equal((await lab.refused(command, '', ...more)).code, 'TABLE_NOT_FOUND')
    assert.equal((await lab.refused(command, 'a..b', ...more)).code, 'TABLE_NOT_FOUND')
  })
}

test('quarantine list says which table may have been meant, and that nothing of a table was refused', async () => {
  assert.equal((await lab.refused(quarantineCommand, 'list', 'nope')).code, 'TABLE_NOT_FOUND')
  assert.match(
    (await lab.refused(quarantineCommand, 'list', 'silver.reading')).text,
    /did you mean silver\.readings\?/,
  )
  assert.match(await lab.good(quarantineCommand, 'list', 'gold.depot_days'), /^nothing is in quarantine/)
})

test('in JSON, 64-bit and larger integers and decimals are text, whatever their value; csv has them as they are', async () => {
  const sql = `select 1::bigint as b, 170141183460469231731687303715884105727 as h, 1.50::decimal(9, 2) as d, 7::integer as i,
    0.5::double as f, {'BIGINT': 2::bigint, 'list': [3::ubigint]} as s, map {'k': 4.0::decimal(4, 1)} as m, null::bigint as n`
  assert.deepEqual(JSON.parse(await lab.good(queryCommand, sql, '--json')), [
    {
      ...{ b: '1', h: '170141183460469231731687303715884105727', d: '1.50', i: 7, f: 0.5 },
      ...{ s: { BIGINT: '2', list: ['3'] }, m: { k: '4.0' }, n: null },
    },
  ])
  assert.equal(await lab.good(queryCommand, 'select 1::bigint as b, 1.50 as d', '-f', 'csv'), 'b,d\n1,1.50\n')
  const file = join(lab.folder, 'rows.json')
  await lab.good(queryCommand, 'select 9007199254740993 as "a b" order by 1', '-f', 'json', '-o', file)
  assert.match(
    await lab.good(queryCommand, `select * from range(3) t(n) order by n desc`, '--json'),
    /"2".*"1".*"0"/s,
  )
  await writeFile(file, '')
})

test('one row is one row', async () => {
  const { err } = await lab.call(queryCommand, 'select 1')
  assert.match(err, /^1 row in /m)
})

test('a rollback goes to what a transaction left, and the history says what each transaction was', async () => {
  const out = await lab.good(rollbackCommand, 'silver.readings', '--to', 'transaction:1', '--replay')
  const [, snapshot = ''] = /^silver\.readings is at snapshot (\d+) \(transaction 2\)/.exec(out) ?? []
  const lines = (await lab.good(historyCommand)).split('\n')
  assert.match(
    lines[2] ?? '',
    new RegExp(`^ +2  \\S+  rollback to ${snapshot} \\(replay\\)  \\S+  silver\\.readings$`),
  )
  assert.match(
    lines[3] ?? '',
    /^ +1 {2}\S+ {2}run .* bronze\.readings \(load\), .*gold\.depot_days \(create\)/,
  )
  const ofTable = await lab.good(historyCommand, 'silver.readings')
  assert.match(ofTable, new RegExp(`^→ +${snapshot}  \\S+  append +\\d+ +\\d+ +1  run$`, 'm'))
})

test('a query of a column that is not read is refused as such; the others of its table are read', async () => {
  await using platform = await openPlatform(loadConfig(lab.project, { INGOT_LOG_LEVEL: 'silent' }))
  const { context, engine } = platform
  const schema = schemaOf({ id: 'long' })
  const identifier = { namespace: ['bronze'], name: 'foreign' }
  const table = await context.catalog.createTable({ identifier, schema, formatVersion: 3 })
  const files = await engine.session({}, session =>
    writeDataFiles(context, session, table.metadata, { select: 'SELECT 7 AS id' }),
  )
  const { requirements, updates, metadata } = await stageAppend(context, openTable(table), files)
  const added = { id: 2, name: 'v', required: false, type: 'variant' }
  const withVariant = parseSchema({ ...currentSchema(metadata), fields: [...schema.fields, added] })
  const changes = [
    ...updates,
    { action: 'add-schema', schema: withVariant },
    { action: 'set-current-schema', 'schema-id': -1 },
  ] as const
  await context.catalog.commit([{ identifier, requirements, updates: changes }], { idempotencyKey: 'v' })
  const rows = JSON.parse(
    await lab.good(queryCommand, 'select id::integer as id from bronze.foreign', '--json'),
  )
  assert.deepEqual(rows, [{ id: 7 }])
  for (const options of [[], ['--json']]) {
    const { code, text } = await lab.refused(queryCommand, 'select * from bronze.foreign', ...options)
    assert.equal(code, 'UNSUPPORTED')
    assert.match(
      text,
      /^column v has type variant, which cannot be read\nread it with the engine that wrote it/,
    )
  }
})
