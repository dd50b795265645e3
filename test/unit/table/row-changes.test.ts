import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { readManifest } from '../../../src/format/manifest.ts'
import type { FileIO } from '../../../src/storage/file-io.ts'
import { changesSql, planChanges } from '../../../src/table/changes.ts'
import type { EngineSession } from '../../../src/table/engine.ts'
import { planScan } from '../../../src/table/scan.ts'
import { openTable, stageRollback } from '../../../src/table/stage.ts'
import { stageOverwrite, stageReplaceKeys } from '../../../src/table/stage-overwrite.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

async function replaceKeys(table: LoadedTable, keys: string, select: string): Promise<LoadedTable> {
  await lab.session.query(`CREATE OR REPLACE TEMP TABLE keys AS ${keys}`)
  const staged = await stageReplaceKeys(lab.context, lab.session, openTable(table), {
    keyColumns: ['k', 'd'],
    keysTable: 'keys',
    select,
  })
  return staged.updates.length === 0 ? table : lab.commit(staged)
}

async function deleteWhere(table: LoadedTable, filterSql: string): Promise<LoadedTable> {
  return lab.commit(await stageOverwrite(lab.context, lab.session, openTable(table), { filterSql }))
}

async function fileKinds(table: LoadedTable): Promise<{ data: number; withDeletes: number }> {
  const { tasks } = await planScan(lab.context, table.metadata)
  return { data: tasks.length, withDeletes: tasks.filter(task => task.deletes.length > 0).length }
}

const summaryOf = (table: LoadedTable) => table.metadata.snapshots.at(-1)?.summary

test('few rows of a file get position deletes, many rewrite it, all remove it', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT range AS id FROM range(100)')
  const few = await deleteWhere(table, 'id < 5')
  assert.deepEqual(await fileKinds(few), { data: 1, withDeletes: 1 })
  assert.equal((await lab.rows(few.metadata)).length, 95)
  assert.equal(summaryOf(few)?.['total-position-deletes'], '5')
  const many = await deleteWhere(few, 'id < 50')
  assert.deepEqual(await fileKinds(many), { data: 1, withDeletes: 0 })
  assert.equal((await lab.rows(many.metadata)).length, 50)
  assert.equal(summaryOf(many)?.['total-position-deletes'], '0')
  assert.equal(summaryOf(many)?.['total-records'], '50')
  const none = await deleteWhere(many, 'true')
  assert.deepEqual(await fileKinds(none), { data: 0, withDeletes: 0 })
  assert.equal(summaryOf(none)?.['total-data-files'], '0')
  assert.equal(summaryOf(none)?.operation, 'delete')
})

test('a delete file that names rows of several files stays while one of them is left', async () => {
  const hundred = (from: number) => `SELECT ${from} + range AS id FROM range(100)`
  let table = await lab.append(await lab.create({ id: 'long' }), hundred(0))
  table = await lab.append(table, hundred(1000))
  table = await deleteWhere(table, 'id IN (1, 1001)')
  assert.deepEqual(await fileKinds(table), { data: 2, withDeletes: 2 })
  table = await deleteWhere(table, 'id < 90')
  assert.deepEqual(await fileKinds(table), { data: 2, withDeletes: 1 })
  assert.equal((await lab.rows(table.metadata)).length, 10 + 99)
})

test('data and delete files are durable before a manifest names them', async () => {
  const synced = new Set<string>()
  const io: FileIO = {
    ...lab.context.io,
    async sync(locations) {
      await lab.context.io.sync(locations)
      for (const location of locations) synced.add(location)
    },
    async create(location, bytes) {
      if (location.endsWith('-m0.avro')) {
        const named = readManifest(bytes).entries.filter(entry => entry.status === 'added')
        for (const { file } of named) assert.ok(synced.has(file.filePath), file.filePath)
      }
      await lab.context.io.create(location, bytes)
    },
  }
  const context = { ...lab.context, io }
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT range AS id FROM range(100)')
  const changes = { filterSql: 'id < 5', select: 'SELECT 500 AS id' }
  const staged = await stageOverwrite(context, lab.session, openTable(table), changes)
  assert.equal(synced.size, 2)
  assert.equal((await lab.rows((await lab.commit(staged)).metadata)).length, 96)
})

test('nothing to delete and nothing to add makes no snapshot', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const staged = await stageOverwrite(lab.context, lab.session, openTable(table), { filterSql: 'id > 5' })
  assert.deepEqual(staged.updates, [])
})

test('a replaced table keeps its history', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT 1 AS id')
  const before = table.metadata['current-snapshot-id']
  const replaced = await lab.commit(
    await stageOverwrite(lab.context, lab.session, openTable(table), { all: true, select: 'SELECT 2 AS id' }),
  )
  assert.deepEqual(await lab.rows(replaced.metadata), ['["2"]'])
  assert.ok(before)
  assert.deepEqual(await lab.rows(replaced.metadata, { snapshotId: before }), ['["1"]'])
  const back = await lab.commit(stageRollback(openTable(replaced), before))
  assert.deepEqual(await lab.rows(back.metadata), ['["1"]'])
  const onward = await lab.append(back, 'SELECT 3 AS id')
  assert.deepEqual(await lab.rows(onward.metadata), ['["1"]', '["3"]'])
})

test('an overwrite may read the table that it writes', async () => {
  const table = await lab.append(await lab.create({ id: 'long' }), 'SELECT range AS id FROM range(4)')
  const staged = await stageOverwrite(lab.context, lab.session, openTable(table), {
    filterSql: 'id = 1',
    select: `SELECT id * 10 AS id FROM (${await lab.scan(table.metadata)}) WHERE id = 1`,
  })
  assert.deepEqual(await lab.rows((await lab.commit(staged)).metadata), ['["0"]', '["10"]', '["2"]', '["3"]'])
})

test('keys are looked for only in files that may hold them', async () => {
  let table = await lab.create({ k: 'string', d: 'date', v: 'int' }, ['bucket(8, k)'])
  table = await lab.append(
    table,
    `SELECT 'k' || range AS k, date '2024-01-01' AS d, range AS v FROM range(200)`,
  )
  const queries: string[] = []
  const session: EngineSession = {
    ...lab.session,
    query(sql, options) {
      queries.push(sql)
      return lab.session.query(sql, options)
    },
  }
  await lab.session.query(`CREATE OR REPLACE TEMP TABLE keys AS SELECT 'k7' AS k, date '2024-01-01' AS d`)
  const staged = await stageReplaceKeys(lab.context, session, openTable(table), {
    keyColumns: ['k', 'd'],
    keysTable: 'keys',
    select: `SELECT 'k7' AS k, date '2024-01-01' AS d, 70 AS v`,
  })
  const hits = queries.find(sql => sql.includes('__ingot_hits') && sql.includes('read_parquet'))
  assert.equal(hits?.match(/\.parquet'/g)?.length, 1)
  const rows = await lab.rows((await lab.commit(staged)).metadata)
  assert.equal(rows.length, 200)
  assert.ok(rows.includes('["k7","2024-01-01",70]'))
})

type Step =
  | { readonly type: 'append'; readonly rows: readonly Row[] }
  | { readonly type: 'delete'; readonly v: number }
  | { readonly type: 'replace'; readonly keys: readonly Omit<Row, 'v'>[]; readonly v: number }

interface Row {
  readonly k: string | null
  readonly d: number | null
  readonly v: number
}

const key = fc.record({
  k: fc.option(fc.constantFrom('a', 'b', 'A', '', "it's", 'x'.repeat(80)), { nil: null }),
  d: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
})
const row = fc.record({ v: fc.integer({ min: 0, max: 9 }) }).chain(({ v }) => key.map(k => ({ ...k, v })))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('append' as const), rows: fc.array(row, { maxLength: 60, size: 'max' }) }),
  fc.record({ type: fc.constant('delete' as const), v: fc.integer({ min: 0, max: 9 }) }),
  fc.record({
    type: fc.constant('replace' as const),
    keys: fc.array(key, { maxLength: 4, size: 'max' }),
    v: fc.integer({ min: 0, max: 9 }),
  }),
)

const sqlText = (text: string | null): string => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`)
const sqlDay = (day: number | null): string => (day === null ? 'NULL' : `date '2024-01-01' + ${day}`)

function sqlOf(rows: readonly Row[]): string {
  const values = rows.map(({ k, d, v }) => `(${sqlText(k)}, ${sqlDay(d)}, ${v})`)
  const empty = '(NULL, NULL, NULL)'
  return `SELECT k::varchar AS k, d::date AS d, v::int AS v FROM (VALUES ${[empty, ...values].join(', ')}) AS t(k, d, v) WHERE v IS NOT NULL`
}

const sameKey = (a: Omit<Row, 'v'>, b: Omit<Row, 'v'>): boolean => a.k === b.k && a.d === b.d

async function apply(table: LoadedTable, model: Row[], change: Step): Promise<[LoadedTable, Row[]]> {
  if (change.type === 'append')
    return [await lab.append(table, sqlOf(change.rows)), [...model, ...change.rows]]
  if (change.type === 'delete') {
    const staged = await stageOverwrite(lab.context, lab.session, openTable(table), {
      filterSql: `v = ${change.v}`,
    })
    const next = staged.updates.length === 0 ? table : await lab.commit(staged)
    return [next, model.filter(({ v }) => v !== change.v)]
  }
  const keys = change.keys.map(k => ({ ...k, v: change.v }))
  const fresh = keys.filter((k, index) => keys.findIndex(other => sameKey(k, other)) === index)
  const rest = model.filter(old => !keys.some(k => sameKey(old, k)))
  return [await replaceKeys(table, sqlOf(keys), sqlOf(fresh)), [...rest, ...fresh]]
}

/** The changes from the first snapshot to the last, and back, are the difference of their rows. */
async function assertChanges(
  table: LoadedTable,
  history: readonly (readonly [bigint, readonly string[]])[],
): Promise<void> {
  const first = history[0]
  const last = history.at(-1)
  if (first === undefined || last === undefined) return
  for (const [from, to] of [
    [first, last],
    [last, first],
  ] as const) {
    const plan = await planChanges(lab.context, table.metadata, {
      fromSnapshotId: from[0],
      toSnapshotId: to[0],
    })
    const { insertedSql, deletedSql } = changesSql(table.metadata, plan)
    assert.deepEqual(await lab.lines(insertedSql), difference(to[1], from[1]))
    assert.deepEqual(await lab.lines(deletedSql), difference(from[1], to[1]))
  }
}

/** The multiset difference of sorted lines. */
function difference(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others]
  return lines.filter(line => {
    const index = left.indexOf(line)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

test('more keys than are listed are found by their range, nulls among them', async () => {
  let table = await lab.create({ k: 'decimal(20, 3)', d: 'timestamptz', v: 'int' })
  const at = (id: string): string => `timestamptz '1970-01-01 00:00:00+00' + ${id} * interval 1 day`
  table = await lab.append(
    table,
    `SELECT range - 500 AS k, ${at('(range - 500)')} AS d, 0 AS v FROM range(1000)`,
  )
  table = await lab.append(
    table,
    `SELECT NULL AS k, ${at('1')} AS d, 0 AS v UNION ALL SELECT 7000 AS k, NULL AS d, 0 AS v`,
  )
  table = await lab.append(table, `SELECT 9000 AS k, ${at('9000')} AS d, 0 AS v`)
  const keys = `SELECT range - 100 AS k, ${at('(range - 100)')} AS d FROM range(300) UNION ALL SELECT NULL, ${at('1')}`
  const next = await replaceKeys(table, keys, `SELECT k, d, 1 AS v FROM keys WHERE k > 0`)
  const counts = await lab.lines(
    `SELECT count(*), count(*) FILTER (v = 1), count(*) FILTER (k IS NULL) FROM (${await lab.scan(next.metadata)})`,
  )
  assert.deepEqual(counts, [`["${1003 - 301 + 199}","199","0"]`])
})

test('random appends, deletes and replaced keys leave the rows of a model, at every snapshot', async () => {
  const partitionings = fc.constantFrom<readonly string[]>(
    [],
    ['k'],
    ['day(d)'],
    ['bucket(2, k)', 'month(d)'],
  )
  await fc.assert(
    fc.asyncProperty(
      partitionings,
      fc.array(row, { minLength: 20, maxLength: 80, size: 'max' }),
      fc.array(step, { minLength: 1, maxLength: 4, size: 'max' }),
      async (partitionBy, rows, steps) => {
        let table = await lab.create({ k: 'string', d: 'date', v: 'int' }, partitionBy)
        let model: Row[] = []
        const history = new Map<bigint, string[]>()
        for (const change of [{ type: 'append', rows } as const, ...steps]) {
          ;[table, model] = await apply(table, model, change)
          const expected = await lab.lines(sqlOf(model))
          assert.deepEqual(await lab.rows(table.metadata), expected)
          assert.equal(Number(summaryOf(table)?.['total-data-files'] ?? 0), (await fileKinds(table)).data)
          const snapshotId = table.metadata['current-snapshot-id']
          if (snapshotId !== undefined) history.set(snapshotId, expected)
        }
        for (const [snapshotId, expected] of history) {
          assert.deepEqual(await lab.rows(table.metadata, { snapshotId }), expected)
        }
        await assertChanges(table, [...history])
      },
    ),
    { numRuns: Number(process.env.INGOT_CASES ?? 15) },
  )
})
