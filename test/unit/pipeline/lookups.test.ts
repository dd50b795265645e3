import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { executeRun } from '../../../src/pipeline/run.ts'
import type { TableReport } from '../../../src/pipeline/run-report.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { type Declaration, openLabEngine, PipelineLab } from './pipeline-lab.ts'

const SYSTEM = {
  _source: 'VARCHAR',
  _source_partition: 'INTEGER',
  _position: 'BIGINT',
  _ingested_at: 'TIMESTAMPTZ',
}
const LAKE: Readonly<Record<string, Declaration>> = {
  'bronze.orders': { columns: { id: 'INTEGER', city: 'VARCHAR', ...SYSTEM } },
  'bronze.cities': { columns: { city: 'VARCHAR', region: 'VARCHAR', mayor: 'VARCHAR', ...SYSTEM } },
  'silver.keyed': {
    sql: 'select o.id, c.region from bronze.orders o left join bronze.cities c on c.city = o.city',
    key: ['id'],
    orderBy: 'o._ingested_at',
  },
  'silver.joined': { sql: 'select o.id, c.region from bronze.orders o join bronze.cities c using (city)' },
  'silver.stamped': {
    sql: 'select o.id, c._ingested_at as told_at from bronze.orders o join bronze.cities c using (city)',
    key: ['id'],
    orderBy: 'told_at',
  },
  'silver.mapped': {
    from: 'silver.keyed',
    map: 'row => [{ id: row.id, region: row.region }]',
    columns: { id: 'INTEGER', region: 'VARCHAR' },
  },
  'gold.regions': { sql: 'select region, count(*) as n from silver.keyed group by region' },
}

type City = readonly [city: string, region: string, mayor: string]
const CITIES: readonly City[] = [
  ['Bonn', 'NRW', 'ann'],
  ['Rome', 'Lazio', 'bob'],
  ['Lyon', 'Rhone', 'cid'],
]

/** An edition of the lookup: each has its own times and places, as a file that was replaced has. */
function edition(number: number, cities: readonly City[]): string {
  const rows = cities.map(
    ([city, region, mayor], index) =>
      `('${city}', '${region}', '${mayor}', 'cities.csv', 0, ${number * 100 + index}, TIMESTAMPTZ '2024-01-0${number} 00:00:00+00')`,
  )
  return `SELECT * FROM (VALUES ${rows.join(', ')}) AS v(city, region, mayor, _source, _source_partition, _position, _ingested_at)`
}

const ORDERS = `SELECT i AS id, ['Bonn', 'Rome', 'Lyon'][i % 3 + 1] AS city, 'orders' AS _source, 0 AS _source_partition,
  i AS _position, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS _ingested_at FROM range(30) AS r(i)`

/** A table's action, and how many rows it got. */
type Refreshed = Readonly<Record<string, string>>

async function replaceCities(lab: PipelineLab, select: string): Promise<Refreshed> {
  await lab.change('bronze.cities', (staged, session) =>
    stageOverwrite(lab.context, session, staged, { all: true, select }),
  )
  const { tables } = await executeRun(lab.dependencies, await lab.declare(LAKE))
  const said = ({ action, rowsAdded }: TableReport): string => `${action} ${rowsAdded}`
  return Object.fromEntries(tables.slice(2).map(report => [report.table, said(report)]))
}

describe('a lookup of which a new edition came', () => {
  let shared: Awaited<ReturnType<typeof openLabEngine>>
  let lab: PipelineLab
  before(async () => {
    shared = await openLabEngine()
    lab = await PipelineLab.open(shared.engine)
    lab.load('bronze.orders', ORDERS)
    lab.load('bronze.cities', edition(1, CITIES))
    await executeRun(lab.dependencies, await lab.declare(LAKE))
  })
  after(async () => {
    await lab.close()
    await shared.close()
  })

  it('changes nothing that reads none of its times and places, where its rows are the same', async () => {
    assert.deepEqual(await replaceCities(lab, edition(2, CITIES)), {
      'silver.keyed': 'keys 0',
      'silver.joined': 'append 0',
      'silver.stamped': 'keys 30',
      'silver.mapped': 'skip 0',
      'gold.regions': 'skip 0',
    })
  })

  it('changes nothing either, where a column that nobody reads changed', async () => {
    const cities = CITIES.map(([city, region, mayor]): City => [city, region, mayor.toUpperCase()])
    const refreshed = await replaceCities(lab, edition(3, cities))
    assert.deepEqual([refreshed['silver.keyed'], refreshed['silver.joined']], ['keys 0', 'append 0'])
  })

  it('refreshes the keys of the one row that changed', async () => {
    const cities = CITIES.map(
      ([city, region, mayor]): City => [city, city === 'Rome' ? 'Latium' : region, mayor],
    )
    const refreshed = await replaceCities(lab, edition(4, cities))
    assert.equal(refreshed['silver.keyed'], 'keys 10')
    assert.equal(refreshed['silver.joined'], 'full 30')
    assert.equal(refreshed['gold.regions'], 'keys 1')
    assert.deepEqual(await lab.rows('gold.regions'), [
      '{"region":"Latium","n":10}',
      '{"region":"NRW","n":10}',
      '{"region":"Rhone","n":10}',
    ])
    assert.deepEqual(await lab.rows('silver.mapped', 'count(*) as n'), ['{"n":30}'])
  })
})
