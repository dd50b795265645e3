import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Catalog } from '../../../src/catalog/catalog.ts'
import { dropCommand } from '../../../src/cli/drop.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { maintainCommand } from '../../../src/cli/maintain.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { tablesCommand } from '../../../src/cli/tables.ts'
import { tagCommand } from '../../../src/cli/tag.ts'
import { undropCommand } from '../../../src/cli/undrop.ts'
import { loadConfig } from '../../../src/config.ts'
import { openPlatform } from '../../../src/platform.ts'
import { parseIdentifier } from '../../../src/table-identifier.ts'
import { CommandLab } from './command-lab.ts'

// One lake, whose tables are dropped and brought back.

let lab: CommandLab

before(async () => {
  lab = await CommandLab.withLake()
  await appendFile(inbox(), '{"vehicle": \n')
  await lab.good(refreshCommand)
})
after(() => lab[Symbol.asyncDispose]())

const inbox = (): string => join(lab.project, 'inbox', 'readings-2026-01-06.ndjson')

const rowsOf = (table: string): Promise<string> =>
  lab.good(queryCommand, `select * from ${table} order by all`, '-f', 'csv')

const filesOf = (table: string): Promise<string> =>
  rowsOf(`(select * exclude (table_name) from system.files where table_name = '${table}')`)

async function tableNames(): Promise<readonly string[]> {
  const tables: readonly { table: string }[] = JSON.parse(await lab.good(tablesCommand, '--json'))
  return tables.map(({ table }) => table)
}

/** As another program works on the catalog. */
async function onCatalog<T>(work: (catalog: Catalog) => Promise<T>): Promise<T> {
  await using platform = await openPlatform(loadConfig(lab.project, {}), { logLevel: 'silent' })
  return await work(platform.context.catalog)
}

/** Nothing but what branches and tags name outlives the next maintenance. */
async function forgetEarly(table: string): Promise<void> {
  const updates = { 'ingot.history.dense-ms': '0', 'history.expire.max-snapshot-age-ms': '0' }
  await onCatalog(catalog =>
    catalog.commit(
      [
        {
          identifier: parseIdentifier(table),
          requirements: [],
          updates: [{ action: 'set-properties', updates }],
        },
      ],
      { idempotencyKey: crypto.randomUUID() },
    ),
  )
}

test('a bronze table comes back with its quarantine and the record of its files: no run loads one again, or misses one', async () => {
  const [bronze, refused] = ['bronze.readings', 'bronze.readings__quarantine']
  const before = await Promise.all([rowsOf(bronze), rowsOf(refused), filesOf(bronze)])
  const count = await lab.countOf(bronze)
  await lab.good(dropCommand, bronze)
  await forgetEarly('system.files')
  await lab.good(maintainCommand)
  assert.equal(await filesOf(bronze), await filesOf('none'))
  await appendFile(inbox(), '{"vehicle":"bus-1","measured_at":"2026-01-06T23:00:00Z","battery_percent":1}\n')
  const transactions = JSON.parse(await lab.good(historyCommand, '--json')).length
  const text = (await lab.good(undropCommand, bronze)).trimEnd().split('\n')
  assert.match(
    text[0] ?? '',
    new RegExp(
      `^bronze\\.readings is back with bronze\\.readings__quarantine \\(${count} rows, transaction \\d+\\)$`,
    ),
  )
  assert.equal(text[1], 'ingot run goes on from where it was, where lake.ts declares bronze.readings')
  assert.equal(JSON.parse(await lab.good(historyCommand, '--json')).length, transactions + 1)
  assert.match(await lab.good(historyCommand, '--limit', '1'), / undrop of bronze\.readings /)
  assert.deepEqual(await Promise.all([rowsOf(bronze), rowsOf(refused), filesOf(bronze)]), before)
  assert.doesNotMatch(await lab.good(tagCommand, 'list'), /before-drop/)
  await lab.good(refreshCommand)
  assert.equal(await lab.countOf(bronze), count + 1)
  const again = await lab.refused(undropCommand, bronze)
  assert.deepEqual(
    [again.code, again.text],
    [
      'TABLE_EXISTS',
      'a table bronze.readings is there already\nchoose another name, or bring it back under another: --as rescued.<name>',
    ],
  )
})

test('what a run has made anew meanwhile keeps its name: the old table comes back under another, once', async () => {
  const before = await rowsOf('silver.readings')
  await lab.good(dropCommand, 'silver.readings')
  await lab.good(refreshCommand)
  const listed = JSON.parse(await lab.good(undropCommand, '--json'))
  assert.deepEqual(
    listed.map(({ table }: { table: string }) => table),
    ['silver.readings'],
  )
  assert.match(await lab.good(undropCommand), /^silver\.readings +\d+ +20\d\d-.* +\d+ +20\d\d-/m)
  assert.match((await lab.refused(undropCommand, 'silver.readings')).text, /is there already/)
  const back = JSON.parse(
    await lab.good(undropCommand, 'silver.readings', '--as', 'rescued.readings', '--json'),
  )
  assert.deepEqual(
    [back.of, back.tables],
    ['silver.readings', ['rescued.readings', 'rescued.readings__quarantine']],
  )
  assert.equal(await rowsOf('rescued.readings'), before)
  const twice = await lab.refused(undropCommand, 'silver.readings', '--as', 'rescued.again')
  assert.deepEqual(
    [twice.code, twice.text.split('\n')[0]],
    ['TABLE_EXISTS', 'what was silver.readings is there as rescued.readings'],
  )
  assert.deepEqual(JSON.parse(await lab.good(undropCommand, '--json')), [])
  await lab.good(maintainCommand)
  assert.equal(await rowsOf('rescued.readings'), before)
})

test('under another name in bronze the record of its files goes along, also when another program had dropped it', async () => {
  const files = await filesOf('bronze.vehicles')
  await lab.good(dropCommand, 'bronze.vehicles')
  await lab.good(undropCommand, 'bronze.vehicles', '--as', 'bronze.cars')
  assert.equal(await filesOf('bronze.cars'), files)
  await onCatalog(catalog => catalog.dropTable(parseIdentifier('bronze.cars')))
  await lab.good(undropCommand, 'bronze.cars', '--as', 'bronze.vehicles')
  assert.equal(await filesOf('bronze.vehicles'), files)
  const rows = await rowsOf('bronze.vehicles')
  await lab.good(refreshCommand)
  assert.equal(await rowsOf('bronze.vehicles'), rows)
  await lab.good(dropCommand, 'bronze.vehicles')
  const outside = await lab.good(undropCommand, 'bronze.vehicles', '--as', 'rescued.vehicles')
  assert.match(outside, /^bronze\.vehicles is back as rescued\.vehicles .*\nno run loads files into it/)
  await lab.good(refreshCommand)
  assert.equal(
    await rowsOf('(select vehicle from bronze.vehicles)'),
    await rowsOf('(select vehicle from rescued.vehicles)'),
  )
})

test('what cannot come back is said, and nothing does', async () => {
  const unknown = await lab.refused(undropCommand, 'silver.nothing')
  assert.deepEqual(
    [unknown.code, unknown.text],
    ['TABLE_NOT_FOUND', 'no table silver.nothing was dropped\ningot undrop lists those that can come back'],
  )
  await onCatalog(catalog =>
    catalog.renameTable(parseIdentifier('rescued.vehicles'), parseIdentifier('rescued.cars')),
  )
  assert.equal(
    (await lab.refused(undropCommand, 'rescued.vehicles')).code,
    'TABLE_NOT_FOUND',
    'a rename is no drop',
  )
  await lab.good(dropCommand, 'rescued.cars')
  const renamed = await lab.good(undropCommand)
  assert.match(renamed, /rescued\.cars/)
  assert.doesNotMatch(renamed, /rescued\.vehicles/)
  await lab.good(undropCommand, 'rescued.cars')
  await onCatalog(catalog => catalog.unregisterTable(parseIdentifier('rescued.readings')))
  assert.equal(
    (await lab.refused(undropCommand, 'rescued.readings')).code,
    'TABLE_NOT_FOUND',
    'it is elsewhere',
  )
  assert.doesNotMatch(await lab.good(undropCommand), /rescued\.readings/)
  await lab.good(dropCommand, 'bronze.readings')
  assert.match(
    (await lab.refused(undropCommand, 'bronze.readings__quarantine')).text,
    /comes back along with: ingot undrop bronze\.readings$/,
  )
  await lab.good(
    tagCommand,
    'drop',
    JSON.parse(await lab.good(historyCommand, '--json', '--limit', '1'))[0].note.filesBefore,
    'system.files',
  )
  const names = await tableNames()
  const unrecorded = await lab.refused(undropCommand, 'bronze.readings')
  assert.match(
    `${unrecorded.code} ${unrecorded.text}`,
    /^HISTORY_FORGOTTEN which files bronze\.readings had taken is no longer kept.*--as rescued\.readings$/s,
  )
  await onCatalog(catalog => catalog.dropTable(parseIdentifier('rescued.cars'), { purgeRequested: true }))
  assert.match(await lab.good(undropCommand), /rescued\.cars .* the next maintenance$/m)
  await lab.good(maintainCommand)
  const purged = await lab.refused(undropCommand, 'rescued.cars')
  assert.match(
    `${purged.code} ${purged.text}`,
    /^HISTORY_FORGOTTEN rescued\.cars was dropped at 20.*, and is no longer kept/,
  )
  for (const name of ['system.files', 'bronze.readings__quarantine', 'plain']) {
    assert.equal((await lab.refused(undropCommand, 'silver.readings', '--as', name)).code, 'REQUEST_INVALID')
  }
  assert.deepEqual(
    await tableNames(),
    names.filter(name => name !== 'rescued.cars'),
  )
})
