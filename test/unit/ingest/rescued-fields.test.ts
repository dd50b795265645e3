import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

test('the report names the fields of which values were rescued, and how many rows have them', async () => {
  const table = bronzeTable({ name: 'bronze.named', columns: { id: 'long' }, glob: 'named/*' })
  await lab.write('named/a.ndjson', '{"id":1,"city":"x"}\n{"id":"no","city":"y"}\n{"id":3,"city":"z"\n')
  await lab.write('named/b.csv', 'id,city\n4,x\nfive,y\n')
  await lab.engine.session({}, session =>
    session.query(
      `COPY (SELECT * FROM (VALUES (1, 'x', NULL), (NULL, 'y', 'z')) AS t(id, city, "odd ""name"))
       TO '${lab.path('named/c.parquet')}' (FORMAT parquet)`,
    ),
  )
  const { rows, rescued, rescuedFields, quarantined } = await lab.load(table)
  assert.deepEqual([rows, rescued, quarantined], [6, 6, 1])
  assert.deepEqual(rescuedFields, [
    { name: 'city', rows: 6 },
    { name: 'id', rows: 2 },
    { name: 'odd "name', rows: 1 },
  ])
})

test('a report does not grow with the fields of a hostile source', async () => {
  const fields = Array.from({ length: 500 }, (_, index) => `"f${index}":1`)
  const table = bronzeTable({ name: 'bronze.many', columns: { id: 'long' }, glob: 'many/*' })
  await lab.write('many/a.ndjson', `{"id":1,${fields.join(',')}}\n{"id":2,"f499":1}\n`)
  const { rescued, rescuedFields } = await lab.load(table)
  assert.deepEqual([rescued, rescuedFields.length], [2, 20])
  assert.deepEqual(rescuedFields[0], { name: 'f499', rows: 2 })
})

test('a declared column that no row of a new file has is noted, with what may have been meant', async () => {
  const table = bronzeTable({
    name: 'bronze.absent',
    columns: { id: 'long', speed: 'double', town: 'string' },
    glob: 'absent/*',
  })
  await lab.write('absent/a.ndjson', '{"id":1,"sped":1,"town":null}\n{"id":2,"x":1,"y":1,"z":1,"w":1}\n')
  await lab.write('absent/b.json', '[{"id":3,"speed":1}]')
  await lab.write('absent/c.ndjson', '{"id":4,"speed":1}\n')
  assert.deepEqual((await lab.load(table)).notes, [
    'column speed is in no row of absent/a.ndjson: did you mean sped, which is not declared?',
    'column town is in no row of absent/b.json and 1 other file',
  ])
  await lab.write('absent/d.ndjson', '{"id":5,"speed":1,"x":1,"y":1,"z":1,"w":1}\n')
  assert.deepEqual((await lab.load(table)).notes, [
    'column town is in no row of absent/d.ndjson: not declared there: x, y, z and 1 more',
  ])
})

test('many lines alike are looked through as one: what is in them counts as seen', async () => {
  const table = bronzeTable({
    name: 'bronze.alike',
    columns: { id: 'long', town: 'string' },
    glob: 'alike/*',
  })
  const lines = Array.from({ length: 5000 }, (_, index) => `{"id":${index},"city":"x"}\n`)
  await lab.write('alike/a.ndjson', lines.join(''))
  await lab.write('alike/b.ndjson', lines.join('').replaceAll('city', 'town'))
  const { notes, rescued } = await lab.load(table)
  assert.deepEqual(notes, ['column town is in no row of alike/a.ndjson: not declared there: city'])
  assert.equal(rescued, 5000)
})

test('nothing is noted of lines that a known file got, nor of a file without rows', async () => {
  const table = bronzeTable({
    name: 'bronze.quiet',
    columns: { id: 'long', town: 'string' },
    glob: 'quiet/*',
  })
  await lab.write('quiet/a.ndjson', '{"id":1,"town":"x"}\n')
  await lab.write('quiet/b.ndjson', 'bad\n')
  assert.deepEqual((await lab.load(table)).notes, [])
  await lab.write('quiet/a.ndjson', '{"id":1,"town":"x"}\n{"id":2}\n')
  const { rows, notes } = await lab.load(table)
  assert.deepEqual([rows, notes], [1, []])
})
