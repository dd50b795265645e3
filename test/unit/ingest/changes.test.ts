import assert from 'node:assert/strict'
import { unlink } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import { FILES_TABLE } from '../../../src/ingest/taken-files.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { formatIdentifier, identifierKey } from '../../../src/table-identifier.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

const values = async (name: string): Promise<string> =>
  (await lab.rows(name, 'v, _position')).map(([v, position]) => `${v}@${position}`).join(' ')

test('nothing is taken twice, and a run without news commits nothing', async () => {
  const table = bronzeTable({ name: 'bronze.once', columns: { v: 'long' }, glob: 'once/*' })
  await lab.write('once/a.ndjson', '{"v":1}\n')
  assert.equal((await lab.load(table)).rows, 1)
  await lab.write('once/b.ndjson', '{"v":2}\n')
  assert.deepEqual(
    { ...(await lab.load(table)) },
    { files: 1, rows: 1, quarantined: 0, rescued: 0, rescuedFields: [], notes: [], bytes: 8 },
  )
  const { report, committed } = await lab.stage(table, new Transaction(lab.context))
  assert.deepEqual([report.files, report.rows, committed], [0, 0, undefined])
  assert.equal(await values('bronze.once'), '1@1 2@1')
})

test('a file written again with the same content is not taken again, nor read a third time', async () => {
  const table = bronzeTable({ name: 'bronze.touched', columns: { v: 'long' }, glob: 'touched/*' })
  await lab.write('touched/a.ndjson', '{"v":1}\n')
  await lab.load(table)
  await lab.write('touched/a.ndjson', '{"v":1}\n')
  assert.equal((await lab.load(table)).files, 0)
  assert.equal((await lab.loader.plan(table, new Transaction(lab.context))).planned.length, 0)
  assert.equal(await values('bronze.touched'), '1@1')
})

test('a file that grew gives its new lines, and positions go on', async () => {
  const table = bronzeTable({ name: 'bronze.grown', columns: { v: 'long' }, glob: 'grown/*' })
  await lab.write('grown/a.ndjson', '{"v":1}\n\n{"v":2}\n')
  await lab.load(table)
  await lab.write('grown/a.ndjson', '{"v":1}\n\n{"v":2}\n{"v":3}\n{"v":4}\n')
  const report = await lab.load(table)
  assert.deepEqual([report.rows, report.bytes], [2, 16])
  assert.equal(await values('bronze.grown'), '1@1 2@3 3@4 4@5')
})

test('a last line without line end is a row; more lines may follow it', async () => {
  const table = bronzeTable({ name: 'bronze.open', columns: { v: 'long' }, glob: 'open/*' })
  await lab.write('open/a.ndjson', '{"v":1}\r\n{"v":2}')
  await lab.load(table)
  await lab.write('open/a.ndjson', '{"v":1}\r\n{"v":2}\r\n{"v":3}')
  await lab.load(table)
  assert.equal(await values('bronze.open'), '1@1 2@2 3@3')
})

test('the first part of a line is in quarantine until the rest is there', async () => {
  const table = bronzeTable({ name: 'bronze.half', columns: { v: 'long' }, glob: 'half/*' })
  await lab.write('half/a.ndjson', '{bad\n{"v":1}\n{"v":')
  await lab.load(table)
  assert.deepEqual((await lab.quarantined(table, 'raw')).flat(), ['{bad', '{"v":'])
  await lab.write('half/a.ndjson', '{bad\n{"v":1}\n{"v":2}\n')
  await lab.load(table)
  assert.equal(await values('bronze.half'), '1@2 2@3')
  assert.deepEqual((await lab.quarantined(table, 'raw')).flat(), ['{bad'])
})

test('a CSV file grows under its header', async () => {
  const table = bronzeTable({ name: 'bronze.csv', columns: { v: 'long' }, glob: 'csv/*' })
  await lab.write('csv/a.csv', 'w,v\nx,1\n')
  await lab.load(table)
  await lab.write('csv/a.csv', 'w,v\nx,1\ny,2\n')
  await lab.load(table)
  assert.equal(await values('bronze.csv'), '1@2 2@3')
})

for (const [what, format, before, planned, then] of [
  ['grew and is another now', 'ndjson', '{"v":1}\n', '{"v":1}\n{"v":2}\n', '{"v":8}\n{"v":9}\n'],
  [
    'had an open line and is another now',
    'ndjson',
    '{"v":1}\n{"v"',
    '{"v":1}\n{"v":2}\n',
    '{"v":8}\n{"v":9}\n',
  ],
  ['ended without line end and is another now', 'csv', 'v\n1', 'v\n1\n2\n', 'v\n8\n9\n'],
  ['is JSON and grew', 'json', undefined, '[{"v":1}', '[{"v":1},{"v":2}]'],
] as const) {
  test(`a file that ${what} when it is read is taken by a later run`, async () => {
    const folder = what.replaceAll(' ', '-')
    const file = `${folder}/a.${format}`
    const table = bronzeTable({ name: `bronze.${folder}`, columns: { v: 'long' }, glob: `${folder}/*` })
    if (before !== undefined) {
      await lab.write(file, before)
      await lab.load(table)
    }
    await lab.write(file, planned)
    const transaction = new Transaction(lab.context)
    const plan = await lab.loader.plan(table, transaction)
    await lab.write(file, then)
    await assert.rejects(lab.loader.stage(table, plan, transaction), (error: unknown) => {
      assert.ok(isIngotError(error, 'SOURCE_CHANGED'))
      assert.equal(error.message, `${file} was written to while it was read`)
      return error.retryable
    })
  })
}

test('what is appended to lines while they are read is taken by a later run', async () => {
  const table = bronzeTable({ name: 'bronze.appended', columns: { v: 'long' }, glob: 'appended/*' })
  await lab.write('appended/a.ndjson', '{"v":1}\n')
  const transaction = new Transaction(lab.context)
  const plan = await lab.loader.plan(table, transaction)
  await lab.write('appended/a.ndjson', '{"v":1}\n{"v":2}\n')
  const report = await lab.loader.stage(table, plan, transaction)
  await lab.loader.finish(transaction, new Map([[identifierKey(table.identifier), report]]))
  await transaction.commit({ idempotencyKey: crypto.randomUUID() })
  assert.equal(await values('bronze.appended'), '1@1')
  await lab.load(table)
  assert.equal(await values('bronze.appended'), '1@1 2@2')
})

test('a CSV file may grow from within any record: its rows are those of the whole', async () => {
  const table = bronzeTable({
    name: 'bronze.cut',
    columns: { v: 'string', w: 'string' },
    glob: 'cut/*',
    onChange: 'replace',
  })
  const text = 'v,w\n1,x\n2,"a\r\n3,""b""\n\n4,c"\r\n5,"d"\n"6\n7",e\n8,f\n'
  const cuts = Array.from({ length: text.length }, (_, index) => index)
  const name = (cut: number): string => `cut/${String(cut).padStart(2, '0')}.csv`
  for (const cut of cuts) await lab.write(name(cut), text.slice(0, cut))
  // What has no header yet is no file of this table.
  for (const cut of [1, 2]) await lab.write(name(cut), '')
  await lab.load(table)
  for (const cut of cuts) await lab.write(name(cut), text)
  await lab.load(table)
  const rows = await lab.rows('bronze.cut', '_source, _position, v, w')
  for (const cut of cuts) {
    const found = rows.filter(([source]) => source === name(cut)).map(([, ...row]) => row)
    assert.deepEqual(
      found,
      [
        [2n, '1', 'x'],
        [3n, '2', 'a\r\n3,"b"\n\n4,c'],
        [7n, '5', 'd'],
        [8n, '6\n7', 'e'],
        [10n, '8', 'f'],
      ],
      `cut after ${JSON.stringify(text.slice(0, cut))}`,
    )
  }
  assert.deepEqual(await lab.quarantined(table, '_source, raw'), [])
  const counted = await lab.rows(FILES_TABLE, 'source AS _source, generation AS _position, row_count')
  const ofCuts = counted.filter(
    ([source, generation]) => String(source).startsWith('cut/') && generation === 2n,
  )
  assert.deepEqual(
    ofCuts.map(([source, , rowCount]) => [source, rowCount]),
    cuts.map(cut => [name(cut), 5n]),
  )
})

for (const [what, before, after] of [
  ['other content of the same size', '{"v":1}\n', '{"v":9}\n'],
  ['a shorter file', '{"v":1}\n{"v":2}\n', '{"v":1}\n'],
  ['a longer file that begins otherwise', '{"v":1}\n', '{"v":9}\n{"v":2}\n'],
  ['a CSV row that goes on', 'v\n1', 'v\n12\n'],
] as const) {
  test(`append refuses ${what}`, async () => {
    const folder = what.replaceAll(' ', '-')
    const file = `${folder}/a.${before.startsWith('{') ? 'ndjson' : 'csv'}`
    const table = bronzeTable({ name: `bronze.${folder}`, columns: { v: 'long' }, glob: `${folder}/*` })
    await lab.write(file, before)
    await lab.load(table)
    await lab.write(file, after)
    await assert.rejects(lab.load(table), (error: unknown) => {
      assert.ok(isIngotError(error, 'SOURCE_CHANGED'))
      assert.match(
        error.message,
        new RegExp(`^${file} was replaced .*\\(${before.length} bytes then, ${after.length} now\\)`),
      )
      assert.match(error.hint ?? '', /onChange: 'replace'/)
      return true
    })
  })
}

test('replace exchanges the rows of the file, and what of it is in quarantine', async () => {
  const table = bronzeTable({
    name: 'bronze.lookup',
    columns: { v: 'long' },
    glob: 'lookup/*',
    onChange: 'replace',
  })
  await lab.write('lookup/a.ndjson', '{"v":1}\n{bad\n{"v":2}\n')
  await lab.write('lookup/b.ndjson', '{"v":3}\n{worse\n')
  await lab.load(table)
  await lab.write('lookup/a.ndjson', '{"v":9}\n')
  await lab.load(table)
  assert.equal(await values('bronze.lookup'), '9@1 3@1')
  assert.deepEqual((await lab.quarantined(table, 'raw')).flat(), ['{worse'])
})

test('a file that is gone stays taken, also when it comes back', async () => {
  const table = bronzeTable({ name: 'bronze.gone', columns: { v: 'long' }, glob: 'gone/*' })
  await lab.write('gone/a.ndjson', '{"v":1}\n')
  await lab.load(table)
  await unlink(lab.path('gone/a.ndjson'))
  await lab.load(table)
  await lab.write('gone/a.ndjson', '{"v":1}\n')
  await lab.load(table)
  assert.equal(await values('bronze.gone'), '1@1')
})

test('a table that was dropped is filled again', async () => {
  const table = bronzeTable({ name: 'bronze.dropped', columns: { v: 'long' }, glob: 'dropped/*' })
  await lab.write('dropped/a.ndjson', '{"v":1}\n')
  await lab.load(table)
  await lab.context.catalog.dropTable(table.identifier)
  await lab.load(table)
  assert.equal(await values('bronze.dropped'), '1@1')
})

test('of two loads that take the same file, one commits', async () => {
  for (const first of [true, false]) {
    const name = `bronze.race${first ? 1 : 2}`
    const table = bronzeTable({ name, columns: { v: 'long' }, glob: `${name}/*` })
    if (first) {
      await lab.write(`${name}/a.ndjson`, '{"v":1}\n')
      await lab.load(table)
    }
    await lab.write(`${name}/b.ndjson`, '{"v":2}\n')
    const late = new Transaction(lab.context)
    await late.table(table.identifier)
    await late.table(FILES_TABLE)
    await lab.load(table)
    await assert.rejects(lab.stage(table, late), (error: unknown) => isIngotError(error, 'COMMIT_CONFLICT'))
    assert.equal(await values(name), first ? '1@1 2@1' : '2@1')
  }
})

test('what was taken is a table', async () => {
  const rows = await lab.rows(
    { ...FILES_TABLE },
    'source AS _source, generation AS _position, table_name, row_count',
  )
  const grown = rows.filter(([source]) => source === 'grown/a.ndjson')
  assert.equal(formatIdentifier(FILES_TABLE), 'system.files')
  assert.deepEqual(grown, [
    ['grown/a.ndjson', 1n, 'bronze.grown', 2n],
    ['grown/a.ndjson', 2n, 'bronze.grown', 4n],
  ])
})
