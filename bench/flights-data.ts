import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../src/sql-text.ts'

/** Folder of the npm package vega-datasets' data. */
export const vegaFolder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data')

export interface FlightBatches {
  /** 99% of the flights, in files of about 500,000 lines. */
  readonly bulk: readonly string[]
  /** The last 1%, in ten files. */
  readonly increments: readonly string[]
}

/**
 * The 3,000,000 flights as NDJSON: 99% to start from and ten increments of 0.1%, cut in order of time or drawn at random.
 */
export async function writeFlightBatches(
  folder: string,
  order: 'time' | 'random',
  rowsMax = 3_000_000,
): Promise<FlightBatches> {
  mkdirSync(folder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  // A hash of the row's place draws the same increments every time.
  const rank =
    order === 'time' ? 'row_number() over (order by date, n)' : 'row_number() over (order by hash(n), n)'
  await connection.run(
    `create temp table flights as
     select *, ${rank} - 1 as place from (
       select *, row_number() over () as n from read_parquet(${quoteLiteral(join(vegaFolder, 'flights-3m.parquet'))})
     ) where n <= ${rowsMax}`,
  )
  const write = async (name: string, from: number, to: number): Promise<string> => {
    const path = join(folder, name)
    await connection.run(
      `copy (select date, delay, distance, origin, destination from flights
             where place >= ${from} and place < ${to} order by place)
       to ${quoteLiteral(path)} (format json)`,
    )
    return path
  }
  const step = Math.floor(rowsMax / 1000)
  const bulkRows = rowsMax - 10 * step
  const bulk: string[] = []
  for (let from = 0; from < bulkRows; from += 500_000) {
    bulk.push(await write(`bulk-${bulk.length}.ndjson`, from, Math.min(from + 500_000, bulkRows)))
  }
  const increments: string[] = []
  for (let index = 0; index < 10; index += 1) {
    increments.push(
      await write(`increment-${index}.ndjson`, bulkRows + index * step, bulkRows + (index + 1) * step),
    )
  }
  connection.closeSync()
  instance.closeSync()
  return { bulk, increments }
}
