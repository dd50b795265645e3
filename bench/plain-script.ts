import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../src/sql-text.ts'
import { type Totals, totalsSql } from './totals.ts'

// The floor: what an engineer who knows DuckDB writes to get the tables of examples/flights as Parquet, without a lake.
// The same columns, checks and results, no snapshots, no recovery, no history. Tuned as its users would: read_json with
// declared columns, zstd, an unordered write where order means nothing, one folder a month so that a late file rewrites
// one month of silver and gold and not all.

const CHECKS = `departed_at is not null and origin is not null and destination is not null
  and delay_minutes between -120 and 1440 and origin <> destination and distance_miles > 0`

const SILVER_OF = (bronze: string, airports: string): string => `
  select f.date as departed_at, f.origin, f.destination, f.delay as delay_minutes, f.distance as distance_miles,
    o.city as origin_city, o.state as origin_state, d.city as destination_city, d.state as destination_state
  from ${bronze} f
  left join ${airports} o on o.iata = f.origin
  left join ${airports} d on d.iata = f.destination`

const GOLD: Readonly<Record<string, string>> = {
  route_performance: `
    select origin, destination, date_trunc('day', departed_at) as day, count(*) as flights,
      avg(delay_minutes) as mean_delay_minutes, quantile_cont(delay_minutes, 0.9) as p90_delay_minutes,
      avg((delay_minutes > 15)::integer) as late_share
    from silver group by all`,
  hub_load: `
    select origin as airport, min(origin_city) as city, date_trunc('hour', departed_at) as hour,
      count(*) as departures, avg(delay_minutes) as mean_delay_minutes
    from silver group by all`,
}

const COLUMNS = `{date: 'TIMESTAMP', delay: 'BIGINT', distance: 'BIGINT', origin: 'VARCHAR', destination: 'VARCHAR'}`

/** The plain script over one folder of Parquet files: `bronze/`, `silver/month=…`, `gold/<table>/month=…`. */
export class PlainScript {
  readonly #folder: string
  readonly #connection: DuckDBConnection
  readonly #instance: DuckDBInstance
  #batches = 0

  private constructor(folder: string, instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#folder = folder
    this.#instance = instance
    this.#connection = connection
  }

  static async open(folder: string, airportsCsv: string, threads: number): Promise<PlainScript> {
    for (const name of ['bronze', 'silver', 'quarantine', 'gold/route_performance', 'gold/hub_load']) {
      mkdirSync(join(folder, name), { recursive: true })
    }
    const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) })
    const connection = await instance.connect()
    await connection.run('set preserve_insertion_order = false')
    await connection.run(`create table airports as from read_csv(${quoteLiteral(airportsCsv)})`)
    return new PlainScript(folder, instance, connection)
  }

  /** Everything from nothing. */
  async backfill(ndjson: readonly string[]): Promise<void> {
    await this.#loadBronze(ndjson)
    await this.#run(`create or replace temp table incoming as ${SILVER_OF('batch', 'airports')}`)
    await this.#quarantineIncoming()
    await this.#writeSilver(
      `select * exclude (_w) from (
         select *, row_number() over (partition by departed_at, origin, destination) as _w from incoming where ${CHECKS}
       ) where _w = 1`,
    )
    await this.#writeGold(`read_parquet(${this.#glob('silver')})`)
  }

  /** New files: their rows win over rows of the same key; only the months that they touch are written again. */
  async increment(ndjson: readonly string[]): Promise<void> {
    await this.#loadBronze(ndjson)
    await this.#run(`create or replace temp table incoming as ${SILVER_OF('batch', 'airports')}`)
    await this.#quarantineIncoming()
    const months = await this.#column(
      `select distinct strftime(departed_at, '%Y-%m') from incoming where ${CHECKS} order by 1`,
    )
    const files = months
      .map(month => join(this.#folder, 'silver', `month=${month}`, '*.parquet'))
      .filter(glob => this.#exists(glob))
    const old =
      files.length === 0
        ? 'select * from incoming limit 0'
        : `select * from read_parquet([${files.map(quoteLiteral).join(', ')}], hive_partitioning = false) s
           where not exists (from incoming i where i.departed_at = s.departed_at and i.origin = s.origin
             and i.destination = s.destination)`
    await this.#run(
      `create or replace temp table merged as ${old} union all
       select * exclude (_w) from (
         select *, row_number() over (partition by departed_at, origin, destination) as _w from incoming where ${CHECKS}
       ) where _w = 1`,
    )
    await this.#writeSilver('from merged')
    await this.#writeGold('merged')
  }

  /** What to hold against the lake's tables. */
  async totals(): Promise<Totals> {
    const text = async (table: string, folder: string): Promise<string> => {
      const rows = `read_parquet(${this.#glob(folder)})`
      return (await this.#column(totalsSql(table, rows))).join()
    }
    return {
      silver: await text('silver', 'silver'),
      route_performance: await text('route_performance', 'gold/route_performance'),
      hub_load: await text('hub_load', 'gold/hub_load'),
    }
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  async #loadBronze(ndjson: readonly string[]): Promise<void> {
    this.#batches += 1
    const file = join(this.#folder, 'bronze', `${this.#batches}.parquet`)
    const list = ndjson.map(quoteLiteral).join(', ')
    await this.#run(
      `copy (from read_json([${list}], columns = ${COLUMNS}, format = 'newline_delimited'))
       to ${quoteLiteral(file)} (format parquet, compression zstd)`,
    )
    await this.#run(`create or replace view batch as from read_parquet(${quoteLiteral(file)})`)
  }

  async #quarantineIncoming(): Promise<void> {
    const file = join(this.#folder, 'quarantine', `${this.#batches}.parquet`)
    await this.#run(
      `copy (from incoming where (${CHECKS}) is not true) to ${quoteLiteral(file)} (format parquet, compression zstd)`,
    )
  }

  async #writeSilver(select: string): Promise<void> {
    await this.#writeByMonth(select, 'departed_at', 'silver')
  }

  async #writeGold(silver: string): Promise<void> {
    await this.#run(`create or replace view silver as from ${silver}`)
    await this.#writeByMonth(GOLD.route_performance ?? '', 'day', 'gold/route_performance')
    await this.#writeByMonth(GOLD.hub_load ?? '', 'hour', 'gold/hub_load')
  }

  async #writeByMonth(select: string, time: string, name: string): Promise<void> {
    await this.#run(
      `copy (select *, strftime(${time}, '%Y-%m') as month from (${select}))
       to ${quoteLiteral(join(this.#folder, name))}
       (format parquet, compression zstd, partition_by (month), overwrite_or_ignore true)`,
    )
  }

  #glob(name: string): string {
    return `${quoteLiteral(join(this.#folder, name, '*', '*.parquet'))}, hive_partitioning = false`
  }

  #exists(glob: string): boolean {
    try {
      return readdirSync(join(glob, '..')).length > 0
    } catch {
      return false
    }
  }

  async #run(sql: string): Promise<void> {
    await this.#connection.run(sql)
  }

  async #column(sql: string): Promise<string[]> {
    const reader = await this.#connection.runAndReadAll(sql)
    return reader.getRowsJson().map(row => String(row[0]))
  }
}
