import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import type { Expression } from '../../../src/format/expression.ts'
import { buildPartitionSpec } from '../../../src/format/partition-spec.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import { planScan } from '../../../src/table/scan.ts'
import { openTable, stagePartitionSpec, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

async function repartition(table: LoadedTable, partitionBy: readonly string[]): Promise<LoadedTable> {
  const { metadata } = table
  const specs = metadata['partition-specs']
  const { spec } = buildPartitionSpec(
    currentSchema(metadata),
    partitionBy,
    metadata['last-partition-id'],
    specs,
  )
  return lab.commit(stagePartitionSpec(openTable(table), spec))
}

test('partitions and bounds rule out files, manifests are ruled out whole', async () => {
  let table = await lab.create({ id: 'long', at: 'timestamp' }, ['day(at)'])
  table = await lab.append(
    table,
    `SELECT range AS id, timestamp '2024-01-01' + range * interval 1 day AS at FROM range(4)`,
  )
  table = await lab.append(
    table,
    `SELECT range AS id, timestamp '2024-02-01' + range * interval 1 day AS at FROM range(4)`,
  )
  const micros = BigInt(Date.UTC(2024, 0, 2)) * 1000n
  const day = await planScan(lab.context, table.metadata, {
    filter: { type: 'eq', fieldId: 2, value: micros },
  })
  assert.equal(day.tasks.length, 1)
  assert.equal(day.prunedManifestCount, 1)
  assert.equal(day.prunedFileCount, 3)
  const ids = await planScan(lab.context, table.metadata, { filter: { type: 'gt', fieldId: 1, value: 2n } })
  assert.equal(ids.tasks.length, 2)
})

const column = fc.constantFrom({ id: 1, name: 'n' }, { id: 2, name: 's' }, { id: 3, name: 'd' })
const operator = fc.constantFrom(
  { type: 'eq', sql: '=' } as const,
  { type: 'lt', sql: '<' } as const,
  { type: 'gte', sql: '>=' } as const,
  { type: 'not-eq', sql: '<>' } as const,
)
const comparison = fc.record({ column, operator, n: fc.integer({ min: -3, max: 3 }), negated: fc.boolean() })

interface Comparison {
  readonly column: { readonly id: number; readonly name: string }
  readonly operator: { readonly type: 'eq' | 'lt' | 'gte' | 'not-eq'; readonly sql: string }
  readonly n: number
  readonly negated: boolean
}

function filterOf({ column: { id }, operator: { type }, n, negated }: Comparison): Expression {
  const value = id === 1 ? BigInt(n) : id === 2 ? `s${n}` : n
  const predicate: Expression = { type, fieldId: id, value }
  return negated ? { type: 'not', operand: predicate } : predicate
}

function sqlOf({ column: { id, name }, operator: { sql }, n, negated }: Comparison): string {
  const value = id === 1 ? `${n}` : id === 2 ? `'s${n}'` : `(date '1970-01-01' + ${n})`
  return `${negated ? 'NOT ' : ''}(${name} ${sql} ${value})`
}

test('files that are ruled out have no row that the filter lets through', async () => {
  const partitionings = [['bucket(2, n)', 'day(d)'], ['truncate(2, s)'], ['truncate(2, n)', 's'], []]
  let table = await lab.create({ n: 'int', s: 'string', d: 'date' }, ['month(d)'])
  const rows = (seed: number): string =>
    `SELECT CASE WHEN range % 5 = 4 THEN NULL ELSE (range * ${seed}) % 7 - 3 END AS n, 's' || ((range * ${seed}) % 5 - 2) AS s, date '1970-01-01' + ((range * ${seed}) % 6 - 3)::int AS d FROM range(${seed})`
  for (const [index, partitionBy] of partitionings.entries()) {
    table = await lab.append(table, rows(2 * index + 3))
    table = await repartition(table, partitionBy)
  }
  table = await lab.commit(stageSchemaChange(openTable(table), [{ type: 'widen', path: ['n'], to: 'long' }]))
  table = await lab.append(table, rows(11))
  let prunedFileCount = 0
  await fc.assert(
    fc.asyncProperty(comparison, comparison, fc.constantFrom('and', 'or'), async (a, b, type) => {
      const filter: Expression = { type, operands: [filterOf(a), filterOf(b)] }
      const where = `${sqlOf(a)} ${type} ${sqlOf(b)}`
      const plan = await planScan(lab.context, table.metadata, { filter })
      prunedFileCount += plan.prunedFileCount
      const pruned = await lab.lines(
        `SELECT * FROM (${await lab.scan(table.metadata, { filter })}) WHERE ${where}`,
      )
      assert.deepEqual(
        pruned,
        await lab.lines(`SELECT * FROM (${await lab.scan(table.metadata)}) WHERE ${where}`),
      )
    }),
    { numRuns: 60 },
  )
  assert.ok(prunedFileCount > 0)
})

test('deletes of one table in several specs and partitions apply to their rows alone', async () => {
  let table = await lab.create({ id: 'long', p: 'string' }, ['p'])
  table = await lab.append(table, `SELECT range AS id, 'p' || (range % 3) AS p FROM range(90)`)
  table = await repartition(table, [])
  table = await lab.append(table, `SELECT range AS id, 'p' || (range % 3) AS p FROM range(100, 130)`)
  const staged = await stageOverwrite(lab.context, lab.session, openTable(table), {
    filterSql: 'id IN (3, 4, 103)',
  })
  table = await lab.commit(staged)
  const plan = await planScan(lab.context, table.metadata)
  assert.equal(plan.tasks.filter(task => task.deletes.length > 0).length, 3)
  const ids = await lab.lines(
    `SELECT count(*), count(*) FILTER (id IN (3, 4, 103)) FROM (${await lab.scan(table.metadata)})`,
  )
  assert.deepEqual(ids, ['["117","0"]'])
})

test('positions name the rows of the files', async () => {
  const table = await lab.append(
    await lab.create({ id: 'long', __file: 'int' }),
    'SELECT range AS id, 7 AS __file FROM range(5)',
  )
  const sql = await lab.scan(table.metadata, { columns: ['id'], positions: { file: '__file', row: '__row' } })
  const { tasks } = await planScan(lab.context, table.metadata)
  const { rows } = await lab.session.query(`SELECT DISTINCT __file FROM (${sql}) WHERE id = __row`)
  assert.deepEqual(rows, [[tasks[0]?.enginePath]])
})
