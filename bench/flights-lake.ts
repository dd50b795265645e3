import assert from 'node:assert/strict'
import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import type { Lake } from '../src/lake/lake.ts'
import { executeRun } from '../src/pipeline/run.ts'
import type { RunReport } from '../src/pipeline/run-report.ts'
import { openLake, openPlatform, type Platform } from '../src/platform.ts'
import type { EngineSession } from '../src/table/engine.ts'
import { planScan } from '../src/table/scan.ts'
import { scanSql } from '../src/table/scan-sql.ts'
import { vegaFolder } from './flights-data.ts'
import { type Totals, totalsSql } from './totals.ts'

// Compiled, this file is two folders below the repository's.
const EXAMPLE = new URL('../../examples/flights/lake.ts', import.meta.url)

/** The declarations of examples/flights, with the flights from NDJSON files of `inbox`: one text, so that the two stay equal. */
function lakeText(): string {
  const replacements = [
    [/const data = .*/, `const data = ${JSON.stringify(vegaFolder)}`],
    ["files(join(data, 'flights-3m.parquet'))", "files('inbox/*.ndjson')"],
  ] as const
  let text = readFileSync(EXAMPLE, 'utf8')
  for (const [from, to] of replacements) {
    const replaced = text.replace(from, () => to)
    assert.notEqual(replaced, text, `examples/flights/lake.ts has no ${from}`)
    text = replaced
  }
  return text
}

/** The lake of examples/flights in a folder of its own, run in this process. */
export class FlightsLake implements AsyncDisposable {
  readonly #folder: string
  readonly #platform: Platform
  readonly #lake: Lake

  private constructor(folder: string, platform: Platform, lake: Lake) {
    this.#folder = folder
    this.#platform = platform
    this.#lake = lake
  }

  static async open(folder: string): Promise<FlightsLake> {
    mkdirSync(join(folder, 'inbox'), { recursive: true })
    writeFileSync(join(folder, 'lake.ts'), lakeText())
    const platform = await openPlatform(loadConfig(folder, { ...process.env, INGOT_LOG_LEVEL: 'warn' }))
    return new FlightsLake(folder, platform, await openLake(platform))
  }

  /** Puts files, by a second name for each, where the lake finds them. */
  deliver(paths: readonly string[]): void {
    for (const path of paths) linkSync(path, join(this.#folder, 'inbox', path.split('/').at(-1) ?? path))
  }

  /** One run of all tables; a table that failed is an error here. */
  async run(): Promise<RunReport> {
    const report = await executeRun(this.#platform, this.#lake)
    const failed = report.tables.find(({ status }) => status === 'failed')
    assert.equal(failed, undefined, `${failed?.table}: ${failed?.error?.message}`)
    return report
  }

  async totals(): Promise<Totals> {
    return await this.#platform.engine.session({ label: 'totals' }, async session => ({
      silver: await this.#total(session, 'silver', 'flights'),
      route_performance: await this.#total(session, 'gold', 'route_performance'),
      hub_load: await this.#total(session, 'gold', 'hub_load'),
    }))
  }

  async #total(session: EngineSession, tier: string, name: string): Promise<string> {
    const { context } = this.#platform
    const { metadata } = await context.catalog.loadTable({ namespace: [tier], name })
    const rows = scanSql(metadata, await planScan(context, metadata))
    const table = tier === 'silver' ? 'silver' : name
    const result = await session.query(totalsSql(table, `(${rows})`))
    return String(result.rows[0]?.[0])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#platform[Symbol.asyncDispose]() as Promise<void>
  }
}
