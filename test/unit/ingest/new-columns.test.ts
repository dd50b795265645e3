import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isIngotError } from '../../../src/errors.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import { planScan } from '../../../src/table/scan.ts'
import { parseIdentifier } from '../../../src/table-identifier.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

test('add: the table gets a column of the type of the values, from their first row on', async () => {
  const table = bronzeTable({
    name: 'bronze.add',
    columns: { v: 'long' },
    glob: 'add/*',
    onNewColumn: 'add',
  })
  await lab.write('add/a.ndjson', '{"v":1,"n":1}\n{"v":2,"n":2.5,"s":{"a":[1]},"e":null}\n')
  await lab.load(table)
  await lab.write('add/b.ndjson', '{"v":3,"n":"x","s":{"a":[2],"b":true}}\n')
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.add', 'v, n, s::VARCHAR, _rescued'), [
    [1n, 1, null, null],
    [2n, 2.5, "{'a': [1]}", '{"e":null}'],
    [3n, null, "{'a': [2]}", '{"n":"x","s":{"a":[2],"b":true}}'],
  ])
})

test('add: a field that no column can be called after stays in _rescued, and stops nothing', async () => {
  const table = bronzeTable({
    name: 'bronze.names',
    columns: { v: 'long' },
    glob: 'names/*',
    onNewColumn: 'add',
  })
  const lines = [
    '{"v":1,"_source":"x","_Rescued":2,"_file":"f"}',
    '{"v":2,"V":3,"":4,"x\\u0000y":5,"n":6,"N":7}',
    '{"v":3,"N":8,"s":{"a":1,"A":2,"":3},"a.b \\"c\\"":9}',
    '{"v":4,"s":{"A":10},"__proto__":11}',
  ]
  await lab.write('names/a.ndjson', lines.map(line => `${line}\n`).join(''))
  await lab.write('names/b.csv', 'v,_source,N\n5,y,12\n')
  const copy = `COPY (SELECT 6::BIGINT AS v, 'z' AS _source, 13 AS "N", INTERVAL 1 DAY AS i) TO '${lab.path('names/c.parquet')}'`
  await lab.engine.session({ label: 'test' }, session => session.query(copy))
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.names', 'v, n, s::VARCHAR, "a.b ""c""", "__proto__", _rescued'), [
    [1n, null, null, null, null, '{"_source":"x","_Rescued":2,"_file":"f"}'],
    [2n, 6n, null, null, null, '{"V":3,"":4,"x\\u0000y":5,"N":7}'],
    [3n, null, "{'a': 1}", 9n, null, '{"N":8,"s":{"a":1,"A":2,"":3}}'],
    [4n, null, "{'a': NULL}", null, 11n, '{"s":{"A":10}}'],
    [5n, null, null, null, null, '{"_source":"y","N":"12"}'],
    [6n, null, null, null, null, '{"_source":"z","N":13,"i":"1 day"}'],
  ])
})

test('add: the greatest long is a long, whatever a number of JavaScript makes of it', async () => {
  const table = bronzeTable({
    name: 'bronze.great',
    columns: { v: 'long' },
    glob: 'great/*',
    onNewColumn: 'add',
  })
  await lab.write('great/a.ndjson', '{"v":1,"n":9223372036854775807}\n{"v":2,"n":9007199254740993}\n')
  await lab.load(table)
  assert.deepEqual(await lab.rows('bronze.great', 'n'), [[9223372036854775807n], [9007199254740993n]])
})

test('ignore drops them, fail names the field, the file and the line', async () => {
  await lab.write('new/a.ndjson', '{"v":1}\n{"v":2,"z":1}\n')
  const ignoring = bronzeTable({
    name: 'bronze.ignore',
    columns: { v: 'long' },
    glob: 'new/*',
    onNewColumn: 'ignore',
  })
  await lab.load(ignoring)
  assert.deepEqual(await lab.rows('bronze.ignore', 'v, _rescued'), [
    [1n, null],
    [2n, null],
  ])
  const failing = bronzeTable({
    name: 'bronze.fail',
    columns: { v: 'long' },
    glob: 'new/*',
    onNewColumn: 'fail',
  })
  await assert.rejects(lab.load(failing), (error: unknown) => {
    assert.ok(isIngotError(error, 'DATA_INVALID'))
    assert.equal(error.message, 'field z of line 2 of new/a.ndjson is not declared')
    return true
  })
  assert.deepEqual(
    (await lab.context.catalog.listTables(['bronze'])).filter(({ name }) => name === 'fail'),
    [],
  )
})

test('a declaration may add and widen columns; another type is refused', async () => {
  const options = { name: 'bronze.evolved', glob: 'evolved/*' }
  await lab.write('evolved/a.ndjson', '{"v":1}\n')
  await lab.load(bronzeTable({ ...options, columns: { v: 'int' } }))
  await lab.write('evolved/b.ndjson', '{"v":3000000000,"w":"x"}\n')
  const wider = bronzeTable({ ...options, columns: { v: 'long', w: 'string' } })
  await lab.load(wider)
  assert.deepEqual(await lab.rows('bronze.evolved', 'v, w'), [
    [1n, null],
    [3000000000n, 'x'],
  ])
  const { metadata } = await lab.context.catalog.loadTable(wider.identifier)
  assert.equal(currentSchema(metadata).fields.find(({ name }) => name === 'v')?.type, 'long')
  const other = bronzeTable({ ...options, columns: { v: 'string' } })
  await assert.rejects(lab.load(other), (error: unknown) => {
    assert.ok(isIngotError(error, 'PLAN_REFUSED'))
    assert.match(error.hint ?? '', /must be rebuilt/)
    return true
  })
})

test('another partitioning holds for new files, and the rows of older ones stay', async () => {
  const options = { name: 'bronze.parts', columns: { v: 'long', r: 'string' }, glob: 'parts/*' } as const
  await lab.write('parts/a.ndjson', '{"v":1,"r":"x"}\n{"v":2,"r":"y"}\n')
  await lab.load(bronzeTable(options))
  await lab.write('parts/b.ndjson', '{"v":3,"r":"x"}\n{"v":4,"r":"y"}\n')
  await lab.load(bronzeTable({ ...options, partitionBy: ['r'] }))
  await lab.write('parts/c.ndjson', '{"v":5,"r":"x"}\n')
  await lab.load(bronzeTable({ ...options, partitionBy: ['r'] }))
  const table = await lab.context.catalog.loadTable(parseIdentifier('bronze.parts'))
  const { tasks } = await planScan(lab.context, table.metadata)
  assert.deepEqual(
    tasks
      .map(({ entry }) => entry.file.partition)
      .map(String)
      .sort(),
    ['', 'x', 'x', 'y'],
  )
  assert.equal(table.metadata['partition-specs'].length, 2)
  assert.deepEqual((await lab.rows('bronze.parts', 'v')).flat(), [1n, 2n, 3n, 4n, 5n])
})
