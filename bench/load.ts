import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { loadConfig } from '../src/config.ts'
import { executeRun } from '../src/pipeline/run.ts'
import { openLake, openPlatform } from '../src/platform.ts'
import { quoteLiteral } from '../src/sql-text.ts'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import { type Figure, Figures } from './figure.ts'
import { writeFlightBatches } from './flights-data.ts'
import { type Measurement, measure } from './measure.ts'

const ROUNDS = 5

/** NDJSON to a bronze table, against the plain COPY of the same lines to Parquet, in turns. */
export async function benchLoad({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  return await withTempFolder(async folder => {
    const { bulk } = await writeFlightBatches(join(folder, 'data'), 'time', isQuick ? 100_000 : 1_000_000)
    const lake: Measurement[] = []
    const plain: Measurement[] = []
    for (let round = 1; round <= ROUNDS; round += 1) {
      plain.push(await withTempFolder(place => copyPlain(bulk, place)))
      lake.push(await withTempFolder(place => loadBronze(join(folder, 'data'), place)))
      onProgress(
        `round ${round}: lake ${lake.at(-1)?.cpuSeconds.toFixed(2)} CPU s, COPY ${plain.at(-1)?.cpuSeconds.toFixed(2)}`,
      )
    }
    const figures = new Figures('load')
    const ratios = lake.map(({ cpuSeconds }, round) => cpuSeconds / (plain[round]?.cpuSeconds ?? Number.NaN))
    figures.add(
      'lake',
      'CPU s',
      lake.map(({ cpuSeconds }) => cpuSeconds),
    )
    figures.add(
      'COPY',
      'CPU s',
      plain.map(({ cpuSeconds }) => cpuSeconds),
    )
    figures.add('lake to COPY', 'x', ratios, { bound: 'at most', value: 1.6 })
    return figures.all
  })
}

const COLUMNS = `{date: 'TIMESTAMP', delay: 'BIGINT', distance: 'BIGINT', origin: 'VARCHAR', destination: 'VARCHAR'}`

/** What an engineer writes who trusts the lines: each file to a file of the same rows. */
async function copyPlain(paths: readonly string[], folder: string): Promise<Measurement> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const cost = await measure(async () => {
    for (const [index, path] of paths.entries()) {
      const lines = `read_json(${quoteLiteral(path)}, format = 'newline_delimited', columns = ${COLUMNS})`
      const target = quoteLiteral(join(folder, `${index}.parquet`))
      await connection.run(`COPY (FROM ${lines}) TO ${target} (FORMAT parquet, COMPRESSION zstd)`)
    }
  })
  connection.closeSync()
  instance.closeSync()
  return cost
}

const LAKE = (glob: string): string => `import { bronze, files, t } from 'ingot'
export const flights = bronze('flights', {
  from: files(${JSON.stringify(glob)}),
  columns: { date: t.timestamp(), delay: t.long(), distance: t.long(), origin: t.string(), destination: t.string() },
})
`

/** A run of a lake with one bronze table; opening and closing it, and starting the engine's workers, are not counted. */
async function loadBronze(data: string, folder: string): Promise<Measurement> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'lake.ts'), LAKE(join(data, 'bulk-*.ndjson')))
  await using platform = await openPlatform(loadConfig(folder, { ...process.env, INGOT_LOG_LEVEL: 'warn' }))
  const lake = await openLake(platform)
  const { engine } = platform
  const idle = Array.from({ length: engine.workersMax }, () =>
    engine.session({ label: 'start' }, session => session.query('SELECT 1')),
  )
  await Promise.all(idle)
  return await measure(async () => {
    const { tables } = await executeRun(platform, lake)
    assert.deepEqual(
      tables.map(({ status }) => status),
      ['done'],
    )
  })
}
