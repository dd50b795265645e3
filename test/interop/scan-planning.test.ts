import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InteropLake } from './interop-lake.ts'
import { pathOf, pythonTool, skipWithout } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'
import { Spark, withSpark } from './spark.ts'

const python = await pythonTool()

/** Has the catalog plan what the engine reads. */
const BY_SERVER = { 'scan-planning-mode': 'server' }

/** What a scan finds; files are what it is planned to read. */
interface Found {
  readonly files?: readonly string[]
  readonly rows: readonly string[]
}

type Read = (table: string, where: string) => Promise<Found>

/** How often the catalog has planned a scan, and given out a part of a plan. */
async function plansOf({ url }: InteropLake): Promise<{ readonly plan: number; readonly tasks: number }> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const count = (end: string): number =>
    [...text.matchAll(/^ingot_http_request_seconds_count\{(.*)\} (\d+)$/gm)]
      .filter(
        ([, labels]) =>
          labels?.includes('method="POST"') && labels.includes(`/${end}"`) && labels.includes('"200"'),
      )
      .reduce((sum, [, , value]) => sum + Number(value), 0)
  return { plan: count('plan'), tasks: count('tasks') }
}

/** The engine finds the same, whoever plans; files that its own planning keeps need not be, but no other. */
async function checkSame(
  lake: InteropLake,
  [byEngine, byServer]: readonly [Read, Read],
  filters: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  for (const [table, conditions] of Object.entries(filters)) {
    for (const where of conditions) {
      const expected = await byEngine(table, where)
      const before = await plansOf(lake)
      const found = await byServer(table, where)
      assert((await plansOf(lake)).plan > before.plan, `${table} where ${where} is planned by the catalog`)
      assert.deepEqual(found.rows, expected.rows, `${table} where ${where}`)
      for (const file of found.files ?? [])
        assert(expected.files?.includes(file), `${table} where ${where}: ${file}`)
    }
  }
}

function pyicebergReader(pyiceberg: PyIceberg): Read {
  return async (table, where) => {
    const code = `
      scan = catalog.load_table(${JSON.stringify(table)}).scan(row_filter=${JSON.stringify(where)})
      files = sorted(task.file.file_path for task in scan.plan_files())
      result = {"files": files, "rows": sorted(str(row) for row in scan.to_arrow().to_pylist())}
    `
    return (await pyiceberg.call('python', { code })) as Found
  }
}

const PYICEBERG_FILTERS = {
  'silver.readings': [
    'True',
    "measured_at >= '2026-01-06T00:00:00'",
    "measured_at < '2026-01-06T00:00:00' or vehicle = 'van-1'",
    'odometer_km >= 120401.000',
    'speed_kmh > 60.5 and depot is not null',
    'not (speed_kmh > 60.5)',
    'depot is null',
    "vehicle like 'van-%'",
    "vehicle not like 'van-1%'",
    "vehicle in ('van-1', 'nobody')",
  ],
  'gold.depot_days': ['True', "day = '2026-01-06T00:00:00'", "day != '2026-01-06T00:00:00'", 'readings > 2'],
  'bronze.readings': ["_ingested_at > '2026-01-01T00:00:00+00:00'", "vehicle not in ('van-1', 'van-2')"],
}

test('PyIceberg reads what the catalog planned', skipWithout(python), async () => {
  await using lake = await InteropLake.open('template')
  await lake.run()
  await using byEngine = await PyIceberg.connect(pathOf(python), lake.url)
  await using byServer = await PyIceberg.connect(pathOf(python), lake.url, BY_SERVER)
  const readers = [pyicebergReader(byEngine), pyicebergReader(byServer)] as const
  await checkSame(lake, readers, PYICEBERG_FILTERS)
  // Rows that a refresh takes back leave position deletes.
  await byEngine.call('delete', { table: ['bronze', 'readings'], where: "vehicle = 'van-1'" })
  await lake.run()
  await checkSame(lake, readers, { 'silver.readings': ['True', "vehicle != 'van-2'"] })
})

const TABLES = ['days', 'deletes', 'vectors', 'many'] as const

const SPARK_SETUP = [
  'CREATE NAMESPACE engine.lab',
  `CREATE TABLE engine.lab.days (id BIGINT, at TIMESTAMP, name STRING, price DECIMAL(9, 2), ratio DOUBLE) USING iceberg
     PARTITIONED BY (day(at), truncate(2, name), bucket(4, id))`,
  `INSERT INTO engine.lab.days SELECT id, timestamp '2024-01-01 00:00:00' + make_interval(0, 0, 0, id % 5, id, 0, 0),
     CASE WHEN id % 7 = 0 THEN NULL ELSE concat('n', id % 3, 'x', id) END, id / 4, id / 8 FROM range(60)`,
  `CREATE TABLE engine.lab.deletes (id BIGINT, part STRING, ratio DOUBLE) USING iceberg PARTITIONED BY (part, ratio)
     TBLPROPERTIES ('format-version' = '2', 'write.delete.mode' = 'merge-on-read')`,
  `CREATE TABLE engine.lab.vectors (id BIGINT, part STRING) USING iceberg PARTITIONED BY (part)
     TBLPROPERTIES ('format-version' = '3', 'write.delete.mode' = 'merge-on-read')`,
  `INSERT INTO engine.lab.deletes SELECT id, concat('p', id % 2), id % 3 / 2 FROM range(600)`,
  `INSERT INTO engine.lab.vectors SELECT id, concat('p', id % 2) FROM range(600)`,
  'DELETE FROM engine.lab.deletes WHERE id % 100 = 3',
  'DELETE FROM engine.lab.vectors WHERE id % 100 = 3',
  // One writer after the other, rather than one for each of the files at once.
  `CREATE TABLE engine.lab.many (id BIGINT) USING iceberg PARTITIONED BY (id)
     TBLPROPERTIES ('write.spark.fanout.enabled' = 'false')`,
  'INSERT INTO engine.lab.many SELECT id FROM range(1010) ORDER BY id',
]

/** What Spark leaves to the planning when partitions have the answer is among them: it does not look at such rows again. */
const SPARK_FILTERS: Readonly<Record<(typeof TABLES)[number], readonly string[]>> = {
  days: [
    'true',
    "at < timestamp '2024-01-03 00:00:00'",
    "at >= timestamp '2024-01-03 00:00:00'",
    "at > timestamp '2024-01-03 00:10:00' AND price < 9.5",
    "NOT (at < timestamp '2024-01-03 00:00:00')",
    "name LIKE 'n1%'",
    "name NOT LIKE 'n1%'",
    "name LIKE 'n1x1%'",
    'name IS NULL',
    'name IS NOT NULL AND ratio > 3.5',
    'id = 17',
    'id IN (1, 2, 3)',
    'engine.system.bucket(4, id) = 2',
    "engine.system.days(at) = date '2024-01-02'",
    'price >= 3.25 OR id <= 2',
  ],
  deletes: [
    'true',
    "part = 'p1'",
    "part <> 'p1'",
    'ratio = 0.5',
    'ratio <> 1.0',
    'id > 500',
    'ratio IN (0.0, 1.0)',
  ],
  vectors: ['true', "part = 'p1'", "part IN ('p0', 'p2')", 'id BETWEEN 100 AND 110'],
  many: ['true', 'id < 1005', 'id <> 7'],
}

function sparkReader(spark: Spark, catalog: string): Read {
  return async (table, where) => {
    const condition = where.replaceAll('engine.system', `${catalog}.system`)
    const [rows] = await spark.run(`SELECT * FROM ${catalog}.lab.${table} WHERE ${condition}`)
    assert(rows !== undefined)
    return { rows: rows.map(row => JSON.stringify(row)).toSorted() }
  }
}

test('Spark reads what the catalog planned', withSpark, async () => {
  await using lake = await InteropLake.open('template')
  const spark = Spark.shared()
  await spark.attach('engine', lake.url)
  await spark.attach('planned', lake.url)
  for (const [key, value] of Object.entries(BY_SERVER)) {
    await spark.run(`SET \`spark.sql.catalog.planned.${key}\`=\`${value}\``)
  }
  await spark.run(...SPARK_SETUP)
  const before = await plansOf(lake)
  await checkSame(lake, [sparkReader(spark, 'engine'), sparkReader(spark, 'planned')], SPARK_FILTERS)
  assert((await plansOf(lake)).tasks > before.tasks, 'plans of many files come in parts')
  const [limited] = await spark.run('SELECT * FROM planned.lab.many LIMIT 5')
  assert.equal(limited?.length, 5)
  // Changes read what the catalog planned, too.
  await spark.run(
    "DELETE FROM planned.lab.vectors WHERE id % 100 = 4 AND part = 'p0'",
    "UPDATE planned.lab.deletes SET id = -id WHERE id % 100 = 5 AND part = 'p1'",
  )
  const readers = [sparkReader(spark, 'engine'), sparkReader(spark, 'planned')] as const
  await checkSame(lake, readers, { vectors: ['true', 'id < 10'], deletes: ['true', 'id < 0'] })
})
