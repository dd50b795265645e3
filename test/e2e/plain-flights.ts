import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../../src/sql-text.ts'

// What examples/flights must come to, said once more in plain SQL over the source files.

/** Where the npm package vega-datasets keeps the flights and airports. */
const VEGA_DATA = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data')
export const ALL_FLIGHTS = join(VEGA_DATA, 'flights-3m.parquet')
export const AIRPORTS = join(VEGA_DATA, 'airports.csv')

const COLUMNS =
  "{date: 'TIMESTAMP', delay: 'BIGINT', distance: 'BIGINT', origin: 'VARCHAR', destination: 'VARCHAR'}"

const ROWS = `create view rows as
  select f.date as departed_at, f.origin, f.destination, f.delay as delay_minutes, f.distance as distance_miles,
    o.city as origin_city, o.state as origin_state, d.city as destination_city, d.state as destination_state, f.file, f.place,
    concat_ws(', ',
      case when (f.date is not null and f.origin is not null and f.destination is not null) is not true
        then 'it has a time and a route' end,
      case when (f.delay between -120 and 1440) is not true then 'the delay is plausible' end,
      case when (f.origin <> f.destination and f.distance > 0) is not true then 'it goes somewhere' end) as _rule
  from reported f left join airports o on o.iata = f.origin left join airports d on d.iata = f.destination`

const SILVER = `create view silver as select * from rows where _rule = ''
  qualify row_number() over (partition by departed_at, origin, destination order by file desc, place desc) = 1`

const FLIGHT_COLUMNS =
  'departed_at, origin, destination, delay_minutes, distance_miles, origin_city, origin_state, destination_city, destination_state'

const ROUTES = `select origin, destination, date_trunc('day', departed_at) as day, count(*) as flights,
    avg(delay_minutes) as mean_delay_minutes, quantile_cont(delay_minutes, 0.9) as p90_delay_minutes,
    avg((delay_minutes > 15)::integer) as late_share from silver group by all`

const HUBS = `select origin as airport, min(origin_city) as city, date_trunc('hour', departed_at) as hour, count(*) as departures,
    avg(delay_minutes) as mean_delay_minutes from silver group by all`

/** A table of the lake, and the plain query that it must equal. */
export interface CheckedTable {
  /** With doubles rounded: they may differ by what the order of additions makes. */
  readonly columns: string
  readonly plain: string
}

/** By the tables' names. */
export const CHECKED_TABLES: Readonly<Record<string, CheckedTable>> = {
  'silver.flights': { columns: FLIGHT_COLUMNS, plain: 'silver' },
  'silver.flights__quarantine': {
    columns: `${FLIGHT_COLUMNS}, _rule`,
    plain: "(from rows where _rule <> '')",
  },
  'gold.route_performance': {
    columns: `origin, destination, day, flights, round(mean_delay_minutes, 6) as mean, round(p90_delay_minutes, 6) as p90, round(late_share, 6) as late`,
    plain: `(${ROUTES})`,
  },
  'gold.hub_load': {
    columns: 'airport, city, hour, departures, round(mean_delay_minutes, 6) as mean',
    plain: `(${HUBS})`,
  },
}

/** One line a table: how many rows, and the sum of their hashes, which differs as soon as one row does or is there twice. */
function digestSql(relationOf: (table: string, checked: CheckedTable) => string): string {
  return Object.entries(CHECKED_TABLES)
    .map(
      ([name, checked]) =>
        `select ${quoteLiteral(name)} as name, count(*) as rows, coalesce(sum(hash(t)::hugeint), 0)::varchar as hashes
         from (select ${checked.columns} from ${relationOf(name, checked)}) as t`,
    )
    .join(' union all ')
    .concat(' order by name')
}

/** The digest as a query over the lake. */
export const LAKE_DIGEST = digestSql(name => name)

/** DuckDB alone over some files of flights. */
export class PlainFlights implements Disposable {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
  }

  /** Files are read in the order given; of two flights with one key the later one counts. */
  static async open(files: readonly string[]): Promise<PlainFlights> {
    const instance = await DuckDBInstance.create(':memory:')
    const plain = new PlainFlights(instance, await instance.connect())
    const reads = files.map((file, index) => {
      const read =
        extname(file) === '.parquet'
          ? `read_parquet(${quoteLiteral(file)})`
          : `read_json(${quoteLiteral(file)}, format = 'newline_delimited', columns = ${COLUMNS})`
      return `select date, delay, distance, origin, destination, ${index} as file, row_number() over () as place from ${read}`
    })
    await plain.rows(`create table reported as ${reads.join(' union all ')}`)
    await plain.rows(
      `create view airports as from read_csv(${quoteLiteral(AIRPORTS)}, all_varchar = true, nullstr = '')`,
    )
    await plain.rows(ROWS)
    await plain.rows(SILVER)
    return plain
  }

  async rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return (await this.#connection.runAndReadAll(sql)).getRowObjectsJson()
  }

  /** What the query LAKE_DIGEST must answer. */
  async digest(): Promise<unknown> {
    return await this.rows(digestSql((_name, { plain }) => plain))
  }

  /** Compares a table of the lake, exported as Parquet, row by row. */
  async assertEqual(table: string, parquet: string): Promise<void> {
    const checked = CHECKED_TABLES[table]
    assert.ok(checked, `there is a plain query for ${table}`)
    const plain = `select ${checked.columns} from ${checked.plain}`
    const lake = `select ${checked.columns} from read_parquet(${quoteLiteral(parquet)})`
    const [counts] = await this.rows(`select
      (select count(*) from (${plain})) as rows, (select count(*) from (${lake})) as lake_rows,
      (select count(*) from (${plain} except all ${lake})) as missing,
      (select count(*) from (${lake} except all ${plain})) as surplus`)
    assert.ok(Number(counts?.rows) > 0, `${table} has rows`)
    assert.deepEqual(
      counts,
      { rows: counts?.rows, lake_rows: counts?.rows, missing: '0', surplus: '0' },
      table,
    )
  }

  [Symbol.dispose](): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }
}
