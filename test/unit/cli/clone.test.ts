import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cloneCommand } from '../../../src/cli/clone.ts'
import { dropCommand } from '../../../src/cli/drop.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { maintainCommand } from '../../../src/cli/maintain.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { tablesCommand } from '../../../src/cli/tables.ts'
import { tagCommand } from '../../../src/cli/tag.ts'
import { CommandLab } from './command-lab.ts'

// One lake, whose tables are cloned.

let lab: CommandLab

before(async () => {
  lab = await CommandLab.withLake()
  await lab.good(refreshCommand)
})
after(() => lab[Symbol.asyncDispose]())

const rowsOf = (table: string): Promise<string> =>
  lab.good(queryCommand, `select * from ${table} order by all`, '-f', 'csv')

async function tableNames(namespace: string): Promise<readonly string[]> {
  const tables: readonly { table: string }[] = JSON.parse(await lab.good(tablesCommand, '--json'))
  return tables.map(({ table }) => table).filter(table => table.startsWith(`${namespace}.`))
}

test('a table is cloned under another name, and goes its own way', async () => {
  const before = await rowsOf('silver.readings')
  const count = await lab.countOf('silver.readings')
  assert.deepEqual(
    (await lab.good(cloneCommand, 'Silver.readings', 'trial.readings')).trimEnd().split('\n'),
    [
      `trial.readings is a clone of silver.readings (${count} rows, transaction 2)`,
      'no file was copied: maintenance keeps those that either side needs',
    ],
  )
  assert.equal(await rowsOf('trial.readings'), before)
  assert.match(await lab.good(historyCommand, '--limit', '1'), / clone of Silver\.readings .*trial\.readings/)
  assert.equal(await lab.countOf('trial.readings', '--at', 'transaction:2'), count)
  await appendFile(join(lab.project, 'inbox', 'readings-2026-01-06.ndjson'), '{"vehicle": \n')
  await lab.good(refreshCommand)
  await lab.good(maintainCommand)
  await lab.good(dropCommand, 'silver.readings')
  await lab.good(maintainCommand)
  assert.equal(await rowsOf('trial.readings'), before)
  await lab.good(refreshCommand)
  assert.equal(await rowsOf('silver.readings'), before)
})

test('a namespace is cloned in one transaction', async () => {
  const names = await tableNames('silver')
  const before = JSON.parse(await lab.good(historyCommand, '--json')).length
  const done = JSON.parse(await lab.good(cloneCommand, 'silver', 'later', '--json'))
  const copies = names.map(name => name.replace('silver.', 'later.'))
  assert.deepEqual(
    done.clones.map(({ table, of }: { table: string; of: string }) => [table, of]),
    copies.map((copy, index) => [copy, names[index]]),
  )
  assert.deepEqual([done.skipped, await tableNames('later')], [[], copies])
  assert.equal(JSON.parse(await lab.good(historyCommand, '--json')).length, before + 1)
  for (const [index, copy] of copies.entries())
    assert.equal(await rowsOf(copy), await rowsOf(names[index] ?? ''))
})

test('what was there at a point is cloned, and what was not is said', async () => {
  await lab.good(tagCommand, 'create', 'closed', 'gold')
  const closed = await rowsOf('gold.depot_days')
  const [newest] = JSON.parse(await lab.good(historyCommand, '--json'))
  await lab.good(cloneCommand, 'gold', 'closing', '--at', 'closed')
  assert.equal(await rowsOf('closing.depot_days'), closed)
  await lab.good(
    cloneCommand,
    'gold.depot_days',
    'closing.again',
    '--at',
    `transaction:${newest.transactionId}`,
  )
  assert.equal(await rowsOf('closing.again'), closed)
  const some = await lab.good(cloneCommand, 'closing', 'closing2', '--at', 'closed')
  assert.match(some, /^closing2 has clones of 2 tables of closing /)
  const early = await lab.refused(cloneCommand, 'closing.again', 'closing.early', '--at', 'transaction:1')
  assert.match(
    early.text,
    /^there is nothing to clone of closing\.again \(closing\.again: it was not there then\)/,
  )
  const dropped = await lab.refused(cloneCommand, 'silver.readings', 'closing.early', '--at', 'transaction:1')
  assert.match(dropped.text, /it was another table then, which was dropped since/)
})

test('what cannot be cloned is said, and nothing is', async () => {
  const names = JSON.parse(await lab.good(tablesCommand, '--json')).length
  const refused = async (from: string, to: string): Promise<string> => {
    const { code, text } = await lab.refused(cloneCommand, from, to)
    return `${code} ${text}`
  }
  assert.match(
    await refused('silver.reading', 'trial.x'),
    /^TABLE_NOT_FOUND .*did you mean silver\.readings/s,
  )
  assert.match(await refused('iron', 'trial'), /^TABLE_NOT_FOUND/)
  assert.match(
    await refused('silver.readings', 'trial.readings'),
    /^TABLE_EXISTS .*\nchoose another name, or drop it first: ingot drop trial\.readings$/,
  )
  assert.match(await refused('silver', 'later'), /^TABLE_EXISTS/)
  assert.match(
    await refused('silver.readings', 'readings'),
    /^REQUEST_INVALID readings is no name of a table/,
  )
  assert.match(await refused('silver', 'a..b'), /^REQUEST_INVALID a\.\.b is no name of a namespace/)
  assert.match(await refused('silver.readings', 'system.x'), /^REQUEST_INVALID the namespace system/)
  assert.match(await refused('system.files', 'trial.x'), /^REQUEST_INVALID the namespace system/)
  assert.match(await refused('system', 'trial'), /^REQUEST_INVALID the namespace system/)
  assert.match(
    await refused('silver.readings', 'bronze.x'),
    /^REQUEST_INVALID bronze\.x would be a table that is loaded from files/,
  )
  assert.match(
    await refused('silver.readings', 'trial.x__quarantine'),
    /^REQUEST_INVALID .*taken for a quarantine/,
  )
  assert.equal(JSON.parse(await lab.good(tablesCommand, '--json')).length, names)
})
