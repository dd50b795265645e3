import assert from 'node:assert/strict'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dropCommand } from '../../../src/cli/drop.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { planCommand } from '../../../src/cli/plan.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { tablesCommand } from '../../../src/cli/tables.ts'
import { CommandLab } from './command-lab.ts'

// One lake, whose tables are dropped and made anew.

let lab: CommandLab

before(async () => {
  lab = await CommandLab.withLake()
  await appendFile(join(lab.project, 'inbox', 'readings-2026-01-06.ndjson'), '{"vehicle": \n')
  await lab.good(refreshCommand)
})
after(() => lab[Symbol.asyncDispose]())

const rowsOf = (sql: string): Promise<string> => lab.good(queryCommand, sql, '-f', 'csv')

async function transactionCount(): Promise<number> {
  return JSON.parse(await lab.good(historyCommand, '--json')).length
}

async function tableNames(): Promise<readonly string[]> {
  const tables: readonly { table: string }[] = JSON.parse(await lab.good(tablesCommand, '--json'))
  return tables.map(({ table }) => table)
}

test('a bronze table goes with its quarantine and the record of its files, in one transaction, and comes again', async () => {
  const silver = 'select * from silver.readings order by all'
  const gold = 'select * from gold.depot_days order by all'
  const bronze = 'select _source, _position, vehicle, measured_at from bronze.readings order by all'
  const refused = 'select raw from bronze.readings__quarantine order by all'
  const before = await Promise.all([silver, gold, bronze, refused].map(rowsOf))
  const count = await lab.countOf('bronze.readings')
  const transactions = await transactionCount()

  assert.deepEqual((await lab.good(dropCommand, 'Bronze.readings')).trimEnd().split('\n'), [
    `bronze.readings is dropped with bronze.readings__quarantine (${count} rows, transaction 2)`,
    'it comes back, for some days, with: ingot undrop bronze.readings',
    'its files stay: ingot query "select * from bronze.readings" --at transaction:1 still reads it',
    'the next ingot run makes it anew from all its files',
    'made from it: silver.readings, gold.depot_days',
  ])
  assert.equal(await transactionCount(), transactions + 1)
  assert.match(
    await lab.good(historyCommand, '--limit', '1'),
    / drop .*bronze\.readings \(dropped\), bronze\.readings__quarantine \(dropped\)/,
  )
  assert.deepEqual(
    (await tableNames()).filter(name => name.startsWith('bronze.')),
    ['bronze.vehicles'],
  )
  assert.equal(await lab.countOf(`(select * from system.files where table_name = 'bronze.readings')`), 0)
  assert.equal(await lab.countOf(`(select * from system.files where table_name = 'bronze.vehicles')`), 1)
  assert.equal(await lab.countOf('bronze.readings', '--at', 'transaction:1'), count)

  await lab.good(refreshCommand)
  assert.deepEqual(await Promise.all([silver, gold, bronze, refused].map(rowsOf)), before)
})

test('a silver table is made anew from its inputs, its quarantine too', async () => {
  const both = [
    'select * from silver.readings order by all',
    'select * exclude (_run_id, _quarantined_at) from silver.readings__quarantine order by all',
  ]
  const before = await Promise.all(both.map(rowsOf))
  const dropped = JSON.parse(await lab.good(dropCommand, 'silver.readings', '--json'))
  assert.deepEqual(dropped.tables, ['silver.readings', 'silver.readings__quarantine'])
  assert.deepEqual(dropped.madeFromIt, ['gold.depot_days'])
  await lab.good(refreshCommand)
  assert.deepEqual(await Promise.all(both.map(rowsOf)), before)
})

test('what cannot be dropped is said, and nothing is', async () => {
  const names = await tableNames()
  const unknown = await lab.refused(dropCommand, 'silver.reading')
  assert.deepEqual(
    [unknown.code, unknown.text],
    [
      'TABLE_NOT_FOUND',
      'table silver.reading is not there\ndid you mean silver.readings? ingot tables lists all',
    ],
  )
  assert.match((await lab.refused(dropCommand, 'system.files')).text, /record of ingot's own/)
  const quarantine = await lab.refused(dropCommand, 'bronze.readings__quarantine')
  assert.match(
    quarantine.text,
    /is the quarantine of bronze\.readings\nit goes along with: ingot drop bronze\.readings$/,
  )
  assert.deepEqual(await tableNames(), names)
})

test('a table is dropped though lake.ts is not sound, and one that nobody declares stays gone', async () => {
  const path = join(lab.project, 'lake.ts')
  await writeFile(
    path,
    `import { bronze, files, t } from 'ingot'
    export const vehicles = bronze('vehicles', { from: files('inbox/vehicles.csv'), columns: { vehicle: t.string() } })`,
  )
  assert.match(
    await lab.good(planCommand),
    /^note +stored, and not declared in lake\.ts: bronze\.readings, gold\.depot_days, silver\.readings;/m,
  )
  const lonely = await lab.good(dropCommand, 'gold.depot_days')
  assert.match(lonely, /^lake\.ts does not declare it: no run makes it again\nnothing is made from it$/m)
  await writeFile(path, 'export const = 1')
  assert.match(
    await lab.good(dropCommand, 'bronze.readings'),
    /^what reads it is not known: lake\.ts is not sound, see ingot plan$/m,
  )
})
