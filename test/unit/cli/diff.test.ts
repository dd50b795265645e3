import assert from 'node:assert/strict'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { branchCommand } from '../../../src/cli/branch.ts'
import { diffCommand } from '../../../src/cli/diff.ts'
import { dropCommand } from '../../../src/cli/drop.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { CommandLab } from './command-lab.ts'

// One lake of a table by key, whose rows and columns change step by step.

let lab: CommandLab

const lakeOf = (columns: string): string => `import { bronze, files, silver, sql, t } from 'ingot'
export const stock = bronze('stock', {
  from: files('inbox/stock*.ndjson'),
  columns: { item: t.string(), pieces: t.long(), price: t.decimal(20, 2), seen: t.long() },
})
export const items = silver('items', {
  query: sql\`select ${columns} from \${stock}\`,
  key: 'item',
  orderBy: 'seen',
  deleteWhen: sql\`pieces < 0\`,
})`

async function declare(columns: string): Promise<void> {
  await writeFile(join(lab.project, 'lake.ts'), lakeOf(columns))
}

async function take(rows: readonly (readonly [item: string, pieces: number | string])[]): Promise<void> {
  seen += 1
  const lines = rows.map(
    ([item, pieces]) => `{"item":"${item}","pieces":${pieces},"price":"1.50","seen":${seen}}\n`,
  )
  await appendFile(join(lab.project, 'inbox', 'stock.ndjson'), lines.join(''))
  await lab.good(refreshCommand)
}
let seen = 0

before(async () => {
  lab = await CommandLab.withLake()
  await declare('item, pieces, price, seen')
  await take([
    ['bolt', 10],
    ['nut', 20],
    ['cog', 30],
  ])
})
after(() => lab[Symbol.asyncDispose]())

test('what the last run changed: rows by key, as they were and as they are', async () => {
  const first = await lab.good(diffCommand, 'silver.items')
  assert.match(
    first,
    /^silver\.items: empty → snapshot \d+ of \S+Z\ncolumns {2}as they were\nrows {5}3 rows added, 0 rows removed, 0 rows changed \(by item\)$/m,
  )

  await take([
    ['nut', 21],
    ['cog', -1],
    ['gear', '9007199254740993'],
  ])
  const lines = (await lab.good(diffCommand, 'Silver.items')).split('\n')
  assert.equal(lines[2], 'rows     1 row added, 1 row removed, 1 row changed (by item)')
  assert.deepEqual(
    lines.slice(6).map(line => line.split(/ {2,}/).slice(0, 3)),
    [
      ['-', 'cog', '30'],
      ['+', 'gear', '9,007,199,254,740,993'],
      ['-', 'nut', '20'],
      ['+', 'nut', '21'],
      [''],
    ],
  )
})

test('between points of the past, for machines, with exact numbers; what is the other way round is told so', async () => {
  const diff = JSON.parse(
    await lab.good(diffCommand, 'silver.items', '--from', 'transaction:2', '--to', 'transaction:1', '--json'),
  )
  assert.equal(diff.table, 'silver.items')
  assert.match(diff.from.snapshotId, /^\d+$/)
  assert.deepEqual(diff.rows, { key: ['item'], added: 1, removed: 1, changed: 1 })
  assert.deepEqual(
    diff.sample.map((row: { change: string; item: string; pieces: string }) => [
      row.change,
      row.item,
      row.pieces,
    ]),
    [
      ['+', 'cog', '30'],
      ['-', 'gear', '9007199254740993'],
      ['-', 'nut', '21'],
      ['+', 'nut', '20'],
    ],
  )
  const same = await lab.good(diffCommand, 'silver.items', '--from', 'main')
  assert.match(same, /\ncolumns {2}as they were\nrows {5}as they were\n$/)
})

test('a table without a key has no changed rows, unless columns are named that make one', async () => {
  const without = JSON.parse(await lab.good(diffCommand, 'bronze.stock', '--json'))
  assert.deepEqual(without.rows, { key: null, added: 3, removed: 0, changed: null })
  const since = ['bronze.stock', '--from', 'transaction:1', '--to', 'transaction:2', '--key', 'item']
  const withKey = await lab.good(diffCommand, ...since, '--limit', '1')
  assert.match(withKey, /^rows {5}3 rows added, 0 rows removed, 0 rows changed \(by item\)$/m)
  assert.match(withKey, /^the first 1 row shown \(--limit\)$/m)
})

test('between branches', async () => {
  seen += 1
  await appendFile(
    join(lab.project, 'inbox', 'stock.ndjson'),
    `{"item":"bolt","pieces":11,"price":"2.50","seen":${seen}}\n`,
  )
  await lab.good(refreshCommand, '--branch', 'audit')
  const audited = await lab.good(diffCommand, 'silver.items', '--from', 'main', '--to', 'audit')
  assert.match(audited, /1 row changed \(by item\)/)
  assert.match(audited, /^- {2}bolt +10 +1\.50 /m)
  assert.match(audited, /^\+ {2}bolt +11 +2\.50 /m)
  await lab.good(branchCommand, 'publish', 'audit')
})

test('columns that came are told, and rows are compared in the columns of the later state', async () => {
  await declare('item, pieces, price, seen, pieces * 2 as pairs')
  await lab.good(refreshCommand)
  const diff = await lab.good(diffCommand, 'silver.items')
  assert.match(diff, /^columns {2}\+ pairs BIGINT$/m)
  assert.match(diff, /^rows {5}0 rows added, 0 rows removed, 3 rows changed \(by item\)$/m)
  const back = JSON.parse(
    await lab.good(diffCommand, 'silver.items', '--from', 'main', '--to', 'transaction:2', '--json'),
  )
  assert.deepEqual(back.columns, {
    added: [],
    removed: [{ name: 'pairs', type: 'BIGINT' }],
    renamed: [],
    retyped: [],
  })
  assert.deepEqual(back.rows, { key: ['item'], added: 0, removed: 0, changed: 1 })
})

test('what cannot be compared is said', async () => {
  assert.match((await lab.refused(diffCommand, 'silver.item')).text, /did you mean silver\.items\?/)
  assert.match(
    (await lab.refused(diffCommand, 'silver.items', '--key', 'id')).text,
    /"id", which is no column/,
  )
  assert.match((await lab.refused(diffCommand, 'silver.items', '--from', 'lost')).text, /branch or tag lost/)
  assert.match(
    (await lab.refused(diffCommand, 'silver.items', '--to', 'transaction:99')).text,
    /no transaction 99 yet/,
  )
  await lab.good(dropCommand, 'silver.items')
  await lab.good(refreshCommand)
  const anew = await lab.refused(diffCommand, 'silver.items', '--from', 'transaction:1')
  assert.deepEqual([anew.code, /was made anew between/.test(anew.text)], ['REQUEST_INVALID', true])
})
