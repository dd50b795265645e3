import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { branchCommand } from '../../../src/cli/branch.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { planCommand } from '../../../src/cli/plan.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { quoteForShell } from '../../../src/cli/quote-for-shell.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { tagCommand } from '../../../src/cli/tag.ts'
import { CommandLab } from './command-lab.ts'

// One lake, whose branches and tags come and go, in order.

let lab: CommandLab
let inbox = ''

before(async () => {
  lab = await CommandLab.withLake()
  inbox = join(lab.project, 'inbox', 'readings-2026-01-06.ndjson')
  await lab.good(refreshCommand)
})
after(() => lab[Symbol.asyncDispose]())

const SILVER = 'select * from silver.readings order by all'
const GOLD = 'select * from gold.depot_days order by all'

const rowsOf = (sql: string, ...options: readonly string[]): Promise<string> =>
  lab.good(queryCommand, sql, '-f', 'csv', ...options)
const rowsOfBoth = (...options: readonly string[]): Promise<readonly string[]> =>
  Promise.all([SILVER, GOLD].map(sql => rowsOf(sql, ...options)))

const newReading = (minute: number): Promise<void> =>
  appendFile(
    inbox,
    `{"vehicle":"truck-1","measured_at":"2026-01-06T09:${minute}:00Z","speed_kmh":50.0,"load_kg":1}\n`,
  )

async function transactionCount(): Promise<number> {
  return JSON.parse(await lab.good(historyCommand, '--json')).length
}

test('a run on a branch leaves main alone until the branch is published, after which main has nothing left to do', async () => {
  const main = await rowsOfBoth()
  await newReading(10)
  const ran = await lab.call(refreshCommand, '--branch', 'audit')
  assert.equal(ran.exitCode, 0)
  assert.match(ran.err, /main is as it was: ingot branch publish audit/)
  const idle = await lab.call(refreshCommand, '--branch', 'x y', 'bronze.vehicles')
  assert.equal(idle.exitCode, 0)
  assert.doesNotMatch(idle.err, /publish/, 'nothing is on a branch to which nothing was committed')
  const untouched = await rowsOfBoth()
  assert.deepEqual(untouched, main)
  const audited = await rowsOfBoth('--branch', 'audit')
  assert.notDeepEqual(audited, main)
  assert.match(await lab.good(planCommand, '--branch', 'audit'), /^silver\.readings +skip /m)
  assert.doesNotMatch(await lab.good(planCommand), /^silver\.readings +skip /m)

  const listed = await lab.good(branchCommand, 'list')
  assert.match(listed, /^audit +silver\.readings .* 1 ahead/m)
  assert.match(listed, /^audit +system\.files .* 1 ahead/m)

  const transactions = await transactionCount()
  const published = await lab.good(branchCommand, 'publish', 'audit')
  assert.match(published, /^branch audit is published: 4 tables \(transaction \d+\)\n {2}bronze\.readings\n/)
  assert.equal(await transactionCount(), transactions + 1)
  assert.match(await lab.good(historyCommand, '--limit', '1'), / branch audit published /)
  const onMain = await rowsOfBoth()
  assert.deepEqual(onMain, audited)
  assert.equal(await lab.good(branchCommand, 'list'), 'there is no branch but main\n')
  await lab.good(refreshCommand)
  assert.equal(await transactionCount(), transactions + 1, 'nothing was left to do')
})

test('main is no branch to write aside, to publish or to drop', async () => {
  const main = await rowsOfBoth()
  const transactions = await transactionCount()
  const ran = await lab.refused(refreshCommand, '--branch', 'main')
  assert.match(ran.text, /^main is what a run writes to .*\nleave --branch out/)
  const published = await lab.refused(branchCommand, 'publish', 'main')
  assert.match(published.text, /^main is what branches are published to\n/)
  const dropped = await lab.refused(branchCommand, 'drop', 'main', '--all')
  assert.match(dropped.text, /^main cannot be dropped: [^\n]*\nname another branch: ingot branch list$/)
  const none = await lab.refused(branchCommand, 'drop', 'nix', '--all')
  assert.equal(none.text, 'there is no branch nix\ningot branch list shows what there is')
  assert.deepEqual([await transactionCount(), await rowsOfBoth()], [transactions, main])
})

test('the command that publishes a branch can be pasted, whatever its name', async () => {
  await newReading(20)
  const ran = await lab.call(refreshCommand, '--branch', 'x y')
  assert.match(ran.err, /^main is as it was: ingot branch publish "x y"$/m)
  await lab.good(branchCommand, 'publish', 'x y')
  assert.equal(quoteForShell('audit-2026/01'), 'audit-2026/01')
  assert.equal(quoteForShell("it's $(HOME)"), `'it'\\''s $(HOME)'`)
})

test('a branch that main has left behind is not published, in no table', async () => {
  await newReading(11)
  await lab.good(refreshCommand, '--branch', 'late')
  await lab.good(refreshCommand)
  const main = await rowsOfBoth()
  const refused = await lab.refused(branchCommand, 'publish', 'late')
  assert.equal(refused.code, 'REQUEST_INVALID')
  assert.match(refused.text, /main moved on after the branch left it in bronze\.readings, .*silver\.readings/)
  const untouched = await rowsOfBoth()
  assert.deepEqual(untouched, main)
  assert.match(await lab.good(branchCommand, 'list'), /^late +silver\.readings .* diverged/m)
  await lab.good(branchCommand, 'drop', 'late', '--all')
  assert.equal(await lab.good(branchCommand, 'list'), 'there is no branch but main\n')
})

test('branches are made of the tables that are named, and of no others', async () => {
  const made = JSON.parse(
    await lab.good(branchCommand, 'create', 'trial', 'silver', 'Gold.depot_days', '--json'),
  )
  assert.ok(made.tables.includes('silver.readings'))
  assert.ok(made.tables.includes('gold.depot_days'))
  assert.ok(!made.tables.includes('bronze.readings'))
  const again = await lab.refused(branchCommand, 'create', 'trial', 'silver.readings')
  assert.match(again.text, /has a branch trial/)
  assert.match((await lab.refused(branchCommand, 'create', 'trial')).text, /say which tables\n.*--all/)
  assert.match((await lab.refused(branchCommand, 'create')).text, /branch create takes <branch>/)
  assert.match((await lab.refused(branchCommand, 'merge', 'x')).text, /has no merge\nuse one of list, create/)
  const unknown = await lab.refused(branchCommand, 'create', 'x', 'silver.reading')
  assert.match(unknown.text, /did you mean silver/)
  const kept = await lab.good(branchCommand, 'publish', 'trial', 'gold.depot_days', '--keep')
  assert.match(kept, /1 table \(nothing changed\)/)
  const nothing = await lab.refused(branchCommand, 'publish', 'trail')
  assert.match(nothing.text, /^there is no branch trail\ndid you mean trial\? ingot branch list/)
  const misspelt = await lab.refused(queryCommand, GOLD, '--branch', 'trail')
  assert.equal(misspelt.code, 'SNAPSHOT_NOT_FOUND')
  assert.match(misspelt.text, /there are these branches: main, trial;/)
  await lab.good(branchCommand, 'drop', 'trial', '--all')
})

test('a tag names one state of many tables, and reads as that state whatever comes later', async () => {
  const then = await rowsOfBoth()
  const made = await lab.good(tagCommand, 'create', 'closed', '--all', '--keep-for', '30d')
  assert.match(made, /^tag closed is created: \d tables/)
  await newReading(12)
  await lab.good(refreshCommand)
  const now = await rowsOfBoth()
  assert.notDeepEqual(now, then)
  const tagged = await rowsOfBoth('--at', 'closed')
  assert.deepEqual(tagged, then)

  const [first] = JSON.parse(await lab.good(tagCommand, 'list', 'gold.depot_days', '--json'))
  assert.equal(first.name, 'closed')
  const days = (first.keptUntilMs - first.atMs) / 86_400_000
  assert.ok(days > 30, 'counted from when it was named, not from when its snapshot was made')
  const vague = await lab.refused(tagCommand, 'create', 'x', '--all', '--keep-for', '30')
  assert.match(vague.text, /is not a duration/)

  const early = await lab.good(tagCommand, 'create', 'first', '--all', '--at', 'transaction:1')
  assert.match(early, /^tag first is created/)
  const [byTag, byTransaction] = [
    await rowsOfBoth('--at', 'first'),
    await rowsOfBoth('--at', 'transaction:1'),
  ]
  assert.deepEqual(byTag, byTransaction)
  const noBranch = await lab.refused(branchCommand, 'drop', 'first', '--all')
  assert.match(noBranch.text, /^first is a tag, and no branch\n/)
  await lab.good(tagCommand, 'drop', 'first', '--all')
  assert.match((await lab.refused(queryCommand, GOLD, '--at', 'first')).text, /no branch or tag first/)
})
