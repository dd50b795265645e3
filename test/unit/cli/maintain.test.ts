import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { historyCommand } from '../../../src/cli/history.ts'
import { maintainCommand } from '../../../src/cli/maintain.ts'
import { refreshOften, setProperties } from '../../support/refreshed-lake.ts'
import { CommandLab } from './command-lab.ts'

// One lake that was refreshed often, maintained in order: first in thought, then table by table.

let lab: CommandLab
before(async () => {
  lab = await CommandLab.withLake()
  await refreshOften(lab.project, 18)
})
after(() => lab[Symbol.asyncDispose]())

async function parquetFiles(): Promise<number> {
  const names = await readdir(join(lab.project, '.ingot', 'lake'), { recursive: true })
  return names.filter(name => name.endsWith('.parquet')).length
}

test('what was written a moment ago waits, and is said to', async () => {
  await setProperties(lab.project, { 'ingot.compaction.quiet-ms': '3600000' })
  const out = await lab.good(maintainCommand, 'bronze', '--dry-run')
  assert.match(
    out,
    /^bronze\.readings\n(?: {2}.*\n)* {2}postponed +18 files were written too recently \(ingot\.compaction\.quiet-ms\)$/m,
  )
  assert.match(out, /a dry run: nothing was changed\n$/)
})

test('a dry run tells what a round then does: small files are joined, versions that nobody needs go with their files', async () => {
  await setProperties(lab.project, {
    'ingot.compaction.quiet-ms': '0',
    'ingot.history.dense-ms': '0',
    'history.expire.max-snapshot-age-ms': '0',
  })
  const files = await parquetFiles()
  const count = await lab.countOf('bronze.readings')
  const dry = await lab.good(maintainCommand, 'bronze.readings', '--dry-run')
  assert.match(dry, /^ {2}rewrites +18 files \(.* KiB\): 18 files of about the same small size$/m)
  assert.match(dry, /^ {2}expires +\d+ snapshots$/m)
  assert.match(dry, /^ {2}keeps +\d+ snapshots? \(.*1: a branch or tag names it/m)
  assert.match(dry, /^ {2}removes +\d+ files.* that nothing needs any more$/m)
  assert.equal(await parquetFiles(), files, 'a dry run changes nothing')
  assert.doesNotMatch(await lab.good(historyCommand, '--limit', '1'), /maintenance/)

  const done = await lab.good(maintainCommand, 'bronze.readings')
  assert.match(done, /^ {2}scans +18 → 1 data file/m)
  assert.match(done, /^ {2}rewrites +18 files/m)
  assert.equal(await lab.countOf('bronze.readings'), count)
  assert.match(await lab.good(historyCommand, '--limit', '3'), / maintenance: compaction /)
  const again = await lab.good(maintainCommand, 'bronze.readings')
  assert.doesNotMatch(again, /rewrites/)
})

test('with --json the account is one object', async () => {
  const report = JSON.parse(await lab.good(maintainCommand, '--json'))
  assert.equal(report.isDryRun, false)
  const bronze = report.tables.find((table: { table: string }) => table.table === 'bronze.readings')
  assert.equal(bronze.after.dataFiles, 1)
  assert.deepEqual(report.departed, [])
})

test('a table that is not there is named, before anything is done', async () => {
  const refused = await lab.refused(maintainCommand, 'silver.reading')
  assert.equal(refused.code, 'TABLE_NOT_FOUND')
  assert.match(refused.text, /did you mean silver\.readings\?/)
})

test('a table that cannot be read fails the command and not the others', async () => {
  const gold = join(lab.project, '.ingot', 'lake', 'gold')
  const names = await readdir(gold, { recursive: true })
  const lists = names.filter(name => /\/snap-.*\.avro$/.test(name))
  assert.ok(lists.length > 0, names.join(' '))
  for (const name of lists) await rm(join(gold, name))
  const { exitCode, out } = await lab.call(maintainCommand)
  assert.equal(exitCode, 1)
  assert.match(out, /^gold\.depot_days\n {2}failed +FILE_NOT_FOUND /m)
  assert.match(out, /^\d+ tables, of which \d+ fine as before; /m)
})
