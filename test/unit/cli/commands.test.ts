import assert from 'node:assert/strict'
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Command } from '../../../src/cli/command.ts'
import { describeCommand } from '../../../src/cli/describe.ts'
import { doctorCommand } from '../../../src/cli/doctor.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { initCommand } from '../../../src/cli/init.ts'
import { planCommand } from '../../../src/cli/plan.ts'
import { quarantineCommand } from '../../../src/cli/quarantine.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { rollbackCommand } from '../../../src/cli/rollback.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { tablesCommand } from '../../../src/cli/tables.ts'
import { typesCommand } from '../../../src/cli/types.ts'
import { runCommand } from './captured-terminal.ts'
import { CommandLab } from './command-lab.ts'

// One lake, the one that `ingot init` makes, goes through all commands in order.

let lab: CommandLab
let folder = ''
let project = ''

const call = (command: Command, ...args: readonly string[]) => lab.call(command, ...args)
const good = (command: Command, ...args: readonly string[]) => lab.good(command, ...args)
const refused = (command: Command, ...args: readonly string[]) => lab.refused(command, ...args)
const countOf = (table: string, ...options: readonly string[]) => lab.countOf(table, ...options)

/** From JSON text: the ids have more digits than a JavaScript number keeps. */
const snapshotIds = (json: string): readonly string[] =>
  [...json.matchAll(/"snapshot-id":"(\d+)"/g)].map(match => match[1] ?? '')

before(async () => {
  lab = await CommandLab.open()
  folder = lab.folder
  project = lab.project
})
after(() => lab[Symbol.asyncDispose]())

test('init makes a project, and never in a folder that has something in it', async () => {
  const made = await runCommand(initCommand, [project])
  assert.equal(made.exitCode, 0)
  assert.match(made.out, /^ {2}cd ".*my lake"$/m)
  assert.match(made.out, /^ {2}npm init -y && npm install .*\n {2}npx ingot start --once$/m)
  assert.equal(await readFile(join(project, '.gitignore'), 'utf8'), '.ingot/\n')
  const again = await runCommand(initCommand, [project])
  assert.equal(again.error?.code, 'REQUEST_INVALID')
  assert.match(again.error?.message ?? '', /my lake is not empty/)
})

test('tables and history say that there is nothing yet', async () => {
  assert.equal(await good(tablesCommand), 'there are no tables yet: ingot run makes them\n')
  assert.deepEqual(JSON.parse(await good(historyCommand, '--json')), [])
  assert.equal(await good(quarantineCommand, 'list'), 'nothing is in quarantine, and nothing was rescued\n')
})

test('plan foresees, run does, plan has nothing left', async () => {
  assert.match(await good(planCommand), /^gold\.depot_days +create /m)
  const { exitCode, err } = await call(refreshCommand)
  assert.equal(exitCode, 0)
  assert.match(err, /^✓ gold\.depot_days +create +\d+ rows/m)
  assert.match(err, /committed 4 tables as transaction 1/)
  const actions = JSON.parse(await good(planCommand, '--json')).tables.map(
    (t: { action: string }) => t.action,
  )
  assert.deepEqual(actions, ['skip', 'skip', 'skip', 'skip'])
  assert.equal((await refused(refreshCommand, 'silver.nope')).code, 'REQUEST_INVALID')
  const ofTiers = JSON.parse(await good(planCommand, 'bronze', 'gold', '--json')).tables
  assert.deepEqual(
    ofTiers.map((t: { table: string }) => t.table),
    ['bronze.readings', 'bronze.vehicles', 'gold.depot_days'],
  )
  assert.match((await call(refreshCommand, 'gold')).err, /gold\.depot_days/)
  assert.match((await refused(refreshCommand, 'golden')).text, /the lake has no table golden/)
})

test('tables and describe show what there is', async () => {
  const tables = JSON.parse(await good(tablesCommand, '--json'))
  const readings = tables.find((table: { table: string }) => table.table === 'silver.readings')
  assert.equal(readings.rows, await countOf('silver.readings'))
  const text = await good(describeCommand, 'silver.readings')
  assert.match(text, /^partitioned +measured_at_month$/m)
  assert.match(text, /^ *\d+ +odometer_km +decimal\(12, ?3\) +DECIMAL\(12, ?3\)/m)
  assert.equal((await refused(describeCommand, 'silver.nope')).code, 'TABLE_NOT_FOUND')
})

test('query writes each format', async () => {
  const sql = "select 1 as n, 'a,b' as t, null::varchar as nothing"
  assert.deepEqual((await good(queryCommand, sql)).split('\n'), [
    'n  t    nothing',
    '─  ───  ───────',
    '1  a,b  ·',
    '',
  ])
  assert.deepEqual(JSON.parse(await good(queryCommand, sql, '-f', 'json')), [
    { n: 1, t: 'a,b', nothing: null },
  ])
  assert.equal(await good(queryCommand, sql, '-f', 'csv'), 'n,t,nothing\n1,"a,b",\n')
  const parquet = join(folder, "it's.parquet")
  await good(queryCommand, 'select * from gold.depot_days', '-f', 'parquet', '-o', parquet)
  assert.equal((await readFile(parquet)).subarray(0, 4).toString(), 'PAR1')
})

test('query shows the first rows and says how many there are', async () => {
  const { out, err } = await call(queryCommand, 'select * from range(5)', '--limit', '2')
  assert.equal(out.trimEnd().split('\n').length, 4)
  assert.match(err, /^5 rows in [\d.]+ s, the first 2 shown \(--limit\)$/m)
  assert.match((await refused(queryCommand, 'select 1', '--limit', '0')).text, /--limit is 0/)
})

test('query refuses what is not one SELECT over known tables', async () => {
  for (const sql of [
    'drop table silver.readings',
    "copy (select 1) to 'x'",
    'selec 1',
    '',
    'select 1; select 2',
  ]) {
    assert.equal((await refused(queryCommand, sql)).code, 'QUERY_INVALID', sql)
  }
  const misspelt = await refused(queryCommand, '\n select *\n  fro silver.readings')
  assert.match(misspelt.text, /syntax error at or near "\w+" \(line 3, column \d+\)/)
  const unknown = await refused(queryCommand, 'select * from silver.reading')
  assert.equal(unknown.code, 'TABLE_NOT_FOUND')
  assert.match(unknown.text, /did you mean silver\.readings\?/)
  assert.match((await refused(queryCommand, 'select 1', '-f', 'xml')).text, /there is no format xml/)
  assert.match((await refused(queryCommand, 'select 1', '-f', 'parquet')).text, /give --output/)
  assert.match((await refused(queryCommand, 'select 1', '-o', 'x')).text, /format table is not for a file/)
  assert.match((await refused(queryCommand, 'select 1', '-f', 'csv', '--json')).text, /do not go together/)
  const nowhere = join(project, 'nowhere', 'rows.csv')
  assert.match(
    (await refused(queryCommand, 'select 1', '-f', 'csv', '-o', nowhere)).text,
    /no folder .*nowhere/,
  )
  const twice = await refused(queryCommand, 'select 1 as a, 2 as "A"', '--json')
  assert.equal(twice.code, 'QUERY_INVALID')
  assert.match(twice.text, /two columns of the result are called A/)
  const last = 'with x as (select 1 as a union all select 2) select a from x order by a desc limit 1 -- one'
  assert.deepEqual(JSON.parse(await good(queryCommand, last, '--json')), [{ a: 2 }])
  assert.match(await good(queryCommand, last), /2/)
})

test('history, --at and rollback go back, and say what becomes of what is undone', async () => {
  const before = await countOf('bronze.readings')
  const extra = { vehicle: 'V-01', measured_at: '2026-02-01T00:00:00Z', speed_kmh: 50, odometer_km: 1 }
  const late = join(project, 'inbox', 'readings-2026-02-01.ndjson')
  await writeFile(late, `${JSON.stringify(extra)}\n`)
  await good(refreshCommand)
  assert.equal(await countOf('bronze.readings'), before + 1)
  assert.equal(await countOf('bronze.readings', '--at', 'transaction:1'), before)
  const snapshots = snapshotIds(await good(historyCommand, 'bronze.readings', '--json', '--limit', '5'))
  const [, to = ''] = snapshots
  assert.equal(await countOf('bronze.readings', '--at', to), before)
  assert.match(await good(historyCommand, '--limit', '1'), /^ +2 {2}/m)
  assert.equal(snapshots.length, 2)

  const undecided = await refused(rollbackCommand, 'bronze.readings', '--to', to)
  assert.match(undecided.text, /say what becomes of what is undone[\s\S]*--replay[\s\S]*--skip/)
  assert.equal(
    (await refused(rollbackCommand, 'bronze.readings', '--to', to, '--replay', '--skip')).code,
    'REQUEST_INVALID',
  )
  assert.match((await refused(rollbackCommand, 'bronze.readings')).text, /say where to go back to with --to/)
  assert.equal(
    (await refused(rollbackCommand, 'bronze.readings', '--to', '7', '--skip')).code,
    'SNAPSHOT_NOT_FOUND',
  )

  await rename(late, `${late}.away`)
  const gone = await refused(rollbackCommand, 'bronze.readings', '--to', to, '--replay')
  assert.equal(gone.code, 'FILE_NOT_FOUND')
  assert.match(gone.text, /came from inbox\/readings-[-\d]+\.ndjson: no such file[\s\S]*--skip/)
  assert.equal(await countOf('bronze.readings'), before + 1)
  await rename(`${late}.away`, late)

  await good(rollbackCommand, 'bronze.readings', '--to', to, '--replay')
  assert.equal(await countOf('bronze.readings'), before)
  await good(refreshCommand)
  assert.equal(await countOf('bronze.readings'), before + 1)
  await good(rollbackCommand, 'bronze.readings', '--to', to, '--skip')
  await good(refreshCommand)
  assert.equal(await countOf('bronze.readings'), before)
})

test('quarantine lists what was refused', async () => {
  await appendFile(join(project, 'inbox', 'readings-2026-02-02.ndjson'), '{"vehicle": \n')
  await good(refreshCommand)
  assert.match(await good(quarantineCommand, 'list'), /^bronze\.readings__quarantine +/m)
  const rows = JSON.parse(await good(quarantineCommand, 'list', 'bronze.readings', '--json'))
  assert.ok(rows.some((row: { raw: string }) => row.raw === '{"vehicle": '))
  const row = { vehicle: 'V-01', measured_at: '2026-02-02T00:00:00Z', speed_kmh: 'fast', color: 'red' }
  await appendFile(join(project, 'inbox', 'readings-2026-02-03.ndjson'), `${JSON.stringify(row)}\n`)
  const { err } = await call(refreshCommand)
  assert.match(err, /^✓ bronze\.readings +load +1 row, 1 with rescued fields \(speed_kmh, color\), /m)
  assert.match(
    err,
    /^ {4}note column odometer_km is in no row of inbox\/readings-2026-02-03\.ndjson: not declared there: color$/m,
  )
  const reasons = JSON.parse(await good(quarantineCommand, 'list', '--json'))
  assert.deepEqual(
    reasons
      .filter(({ table }: { table: string }) => table === 'bronze.readings')
      .map(({ reason, rows }: { reason: string; rows: number }) => [reason, Number(rows)]),
    [
      ['rescued field speed_kmh', 2],
      ['rescued field color', 1],
      ['rescued field fuel', 1],
    ],
  )
  const rescued = JSON.parse(await good(quarantineCommand, 'list', 'bronze.readings', '--json')).filter(
    ({ raw }: { raw: string }) => raw === '{"speed_kmh":"fast","color":"red"}',
  )
  assert.deepEqual(
    rescued.map(({ reason }: { reason: string }) => reason),
    ['rescued: speed_kmh, color'],
  )
  assert.match((await refused(quarantineCommand, 'empty')).text, /ingot quarantine has no empty/)
})

test('types are written once and checked', async () => {
  assert.equal((await call(typesCommand, '--check')).exitCode, 1)
  assert.match(await good(typesCommand), /written\n$/)
  assert.match(await good(typesCommand, '--check'), /is up to date\n$/)
})

test('doctor finds the lake well, and names what is not', async () => {
  assert.match(await good(doctorCommand), /^✓ project +lake\.ts declares 4 tables, all sound$/m)
  await appendFile(join(project, 'lake.ts'), '\nexport const = 1\n')
  const { exitCode, out } = await call(doctorCommand)
  assert.equal(exitCode, 1)
  assert.match(out, /^✗ project /m)
  assert.equal((await refused(planCommand)).code, 'DECLARATION_INVALID')
})
