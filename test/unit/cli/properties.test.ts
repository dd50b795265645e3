import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { cloneCommand } from '../../../src/cli/clone.ts'
import { historyCommand } from '../../../src/cli/history.ts'
import { propertiesCommand } from '../../../src/cli/properties.ts'
import { runCommand as runLake } from '../../../src/cli/run.ts'
import { TABLE_SETTINGS } from '../../../src/maintenance/table-settings.ts'
import { CommandLab } from './command-lab.ts'

const TABLE = 'bronze.readings'

let lab: CommandLab
before(async () => {
  lab = await CommandLab.withLake()
  await lab.good(runLake)
})
after(() => lab[Symbol.asyncDispose]())

async function properties(): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await lab.good(propertiesCommand, TABLE, '--json'))
}

test('properties are set and removed together, in one transaction that the history shows', async () => {
  const before = await properties()
  assert.equal(
    await lab.good(
      propertiesCommand,
      TABLE,
      'gc.enabled=true',
      'note=a=b',
      'ingot.sort-by=_position, _source',
    ),
    `${TABLE} (transaction 2)\n  gc.enabled = true\n  note = a=b\n  ingot.sort-by = _position, _source\n`,
  )
  const set = { ...before, 'gc.enabled': 'true', note: 'a=b', 'ingot.sort-by': '_position, _source' }
  assert.deepEqual(await properties(), set)
  assert.match(await lab.good(propertiesCommand, TABLE), /^note +a=b$/m)
  const changed = await lab.good(propertiesCommand, TABLE, 'gc.enabled=false', '--unset', 'note', '--json')
  assert.deepEqual(JSON.parse(changed), {
    table: TABLE,
    set: { 'gc.enabled': 'false' },
    unset: ['note'],
    transactionId: 3,
  })
  const { note: _removed, ...left } = set
  assert.deepEqual(await properties(), { ...left, 'gc.enabled': 'false' })
  assert.match(await lab.good(historyCommand, '--limit', '1'), /properties: gc\.enabled, note/)
})

test('what is so already is no commit', async () => {
  await lab.good(propertiesCommand, TABLE, 'write.target-file-size-bytes=1000000')
  const again = ['write.target-file-size-bytes=1000000', '--unset', 'never.set']
  assert.equal(await lab.good(propertiesCommand, TABLE, ...again), `${TABLE} (nothing changed)\n`)
})

const WRONG: readonly (readonly [args: readonly string[], text: RegExp])[] = [
  [['gc.enabled'], /gc\.enabled sets no property\nwrite key=value/],
  [['=1'], /=1 sets no property/],
  [['a=1', 'a=2'], /property a is named twice/],
  [['a=1', '--unset', 'a'], /property a is named twice/],
  [['ingot.clone-family=x'], /ingot\.clone-family is kept by ingot/],
  [['--unset', 'ingot.progress'], /ingot\.progress is kept by ingot/],
  [['ingot.sortby=day'], /did you mean ingot\.sort-by\?/],
  [['format-version=3'], /format-version is kept by ingot or by the format itself/],
  [['gc.enabled=no'], /gc\.enabled is "no", which is neither true nor false/],
  [['ingot.compaction.quiet-ms=1m'], /"1m", which is not a whole number, 0 or more/],
  [['ingot.orphans.older-than-ms=60000'], /"60000", which is not a whole number, 3600000 or more/],
  [['history.expire.min-snapshots-to-keep=0'], /"0", which is not a whole number, 1 or more/],
  [['ingot.sort-by=_source,dya'], /names dya, which is no column of the table: they are /],
]

for (const [args, text] of WRONG) {
  test(`ingot properties ${args.join(' ')} is refused with what is wrong, and nothing is set`, async () => {
    const before = await properties()
    const refused = await lab.refused(propertiesCommand, TABLE, ...args)
    assert.equal(refused.code, 'REQUEST_INVALID')
    assert.match(refused.text, text)
    assert.deepEqual(await properties(), before)
  })
}

test('other engines are not let loose on files that tables share', async () => {
  await lab.good(cloneCommand, 'silver.readings', 'trial.readings')
  for (const table of ['silver.readings', 'trial.readings']) {
    assert.match(
      (await lab.refused(propertiesCommand, table, 'gc.enabled=true')).text,
      /shares files with others/,
    )
    assert.match((await lab.refused(propertiesCommand, table, '--unset', 'gc.enabled')).text, /shares files/)
  }
})

test('a table that is not there is named', async () => {
  assert.equal((await lab.refused(propertiesCommand, 'bronze.none', 'a=1')).code, 'TABLE_NOT_FOUND')
})

test('the guide lists each setting', async () => {
  const guide = await readFile(new URL('../../../../docs/guides/maintenance.md', import.meta.url), 'utf8')
  const listed = [...guide.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, key]) => key)
  assert.deepEqual(listed.toSorted(), Object.keys(TABLE_SETTINGS).toSorted())
})
