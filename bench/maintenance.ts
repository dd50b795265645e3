import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import { Maintenance } from '../src/maintenance/maintain-lake.ts'
import type { Platform } from '../src/platform.ts'
import { writeDataFiles } from '../src/table/data-files.ts'
import type { EngineSession } from '../src/table/engine.ts'
import { createManifestCache } from '../src/table/manifest-cache.ts'
import { planScan } from '../src/table/scan.ts'
import { scanSql } from '../src/table/scan-sql.ts'
import type { TableContext } from '../src/table/staged-table.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import { commitAppend, createBenchTable, openBenchPlatform, SYNTHETIC_COLUMNS } from './bench-tables.ts'
import { DayClock, openDayContext, prepareFiles } from './day-lab.ts'
import { type Figure, Figures } from './figure.ts'
import { type Measurement, measure, measureThisProcess } from './measure.ts'

const ROWS_A_SECOND = 1000
const MINUTE_MS = 60_000
const SCANS = 7
const MIB = 1024 * 1024
const SCAN_RATIO_MAX = 1.2
const METADATA_BYTES_MAX = 1_000_000

/** How long there is a commit a minute, of as many rows, before there is one each second. */
interface Day {
  readonly minutes: number
  readonly seconds: number
}

const WHOLE: Day = { minutes: 21 * 60, seconds: 3 * 3600 }
const QUICK: Day = { minutes: 30, seconds: 660 }

/**
 * A day of appends at simulated times, maintained once a minute as `ingot start` does: what the table then costs to scan, against
 * one that has the same rows in freshly written files, and how large its metadata becomes.
 */
export async function benchMaintenance({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  return await withTempFolder(async folder => {
    await using platform = await openBenchPlatform(folder)
    const clock = new DayClock()
    const context = await openDayContext(platform, folder, clock)
    try {
      const table = await createBenchTable(context, 'maintained', SYNTHETIC_COLUMNS)
      const day = new MaintainedDay(platform, context, clock, table)
      await day.pass(isQuick ? QUICK : WHOLE, onProgress)
      const figures = new Figures('maintenance')
      await day.addShape(figures)
      await addScans(figures, platform, context, table)
      return figures.all
    } finally {
      await context.catalog.close()
    }
  })
}

/** One table over the day, and what was seen of it. */
class MaintainedDay {
  readonly #context: TableContext
  readonly #platform: Platform
  readonly #clock: DayClock
  readonly #maintenance: Maintenance
  #table: LoadedTable
  #commits = 0
  readonly #roundSeconds: number[] = []
  readonly #metadataBytes: number[] = []

  constructor(platform: Platform, context: TableContext, clock: DayClock, table: LoadedTable) {
    this.#platform = platform
    this.#context = context
    this.#clock = clock
    this.#table = table
    this.#maintenance = new Maintenance({ context, engine: platform.engine, metrics: createMetrics() })
  }

  async pass({ minutes, seconds }: Day, onProgress: BenchOptions['onProgress']): Promise<void> {
    const prepare = (rows: number) => prepareFiles(this.#context, this.#platform, this.#table, rows)
    const [ofMinute, ofSecond] = [await prepare(60 * ROWS_A_SECOND), await prepare(ROWS_A_SECOND)]
    for (let minute = 0; minute < minutes; minute += 1) {
      await this.#commit(ofMinute, MINUTE_MS)
      await this.#maintain()
      if (minute % 60 === 59) onProgress(`${minute + 1} minutes, a commit each`)
    }
    for (let second = 0; second < seconds; second += 1) {
      await this.#commit(ofSecond, 1000)
      if (second % 60 === 59) await this.#maintain()
      if (second % 600 === 599) onProgress(`${second + 1} seconds, a commit each`)
    }
  }

  /** How the table stands at the end, and how large its metadata was at most. */
  async addShape(figures: Figures): Promise<void> {
    const { identifier } = this.#table
    const [report] = (await this.#maintenance.run({ tables: [identifier], isDryRun: true })).tables
    assert(report?.before)
    const { metadata } = await this.#context.catalog.loadTable(identifier)
    figures.add('commits', '', [this.#commits])
    figures.add('data files', '', [report.before.dataFiles])
    figures.add('manifests', '', [report.before.manifests])
    figures.add('snapshots', '', [metadata.snapshots.length])
    figures.add('files under the table', '', [await this.#countFiles()])
    const target = { bound: 'at most', value: METADATA_BYTES_MAX, of: 'worst' } as const
    figures.add('metadata.json before each round', 'bytes', this.#metadataBytes, target)
    figures.add('a round of maintenance', 'CPU s', this.#roundSeconds)
  }

  async #commit(nextFile: Awaited<ReturnType<typeof prepareFiles>>, passesMs: number): Promise<void> {
    this.#table = await commitAppend(this.#context, this.#table.identifier, [await nextFile()])
    this.#commits += 1
    this.#clock.pass(passesMs)
  }

  async #maintain(): Promise<void> {
    const location = this.#table.metadataLocation
    assert(location)
    const { sizeBytes } = (await this.#context.io.stat(location)) ?? assert.fail('no metadata file')
    this.#metadataBytes.push(sizeBytes)
    const budget = { seconds: 10, rewriteBytes: 256 * MIB }
    const { cpuSeconds } = await measure(async () => {
      const [report] = (await this.#maintenance.run({ budget })).tables
      assert.equal(report?.error, undefined)
    })
    this.#roundSeconds.push(cpuSeconds)
  }

  async #countFiles(): Promise<number> {
    let files = 0
    for await (const _ of this.#context.io.list(this.#table.metadata.location)) files += 1
    return files
  }
}

/** Scans of the table and of one with the same rows in fresh files, in turns. */
async function addScans(
  figures: Figures,
  platform: Platform,
  context: TableContext,
  { identifier }: LoadedTable,
): Promise<void> {
  await platform.engine.session({ label: 'bench' }, async session => {
    const maintained = await context.catalog.loadTable(identifier)
    const fresh = await writeFresh(context, session, maintained)
    const scans: { maintained: Measurement; fresh: Measurement }[] = []
    await scan(context, session, maintained)
    for (let round = 0; round < SCANS; round += 1) {
      const ofFresh = await scan(context, session, fresh)
      const ofMaintained = await scan(context, session, maintained)
      assert.deepEqual(ofMaintained.rows, ofFresh.rows)
      scans.push({ fresh: ofFresh.took, maintained: ofMaintained.took })
    }
    const seconds = (of: 'maintained' | 'fresh') => scans.map(({ [of]: took }) => took.wallSeconds)
    figures.add('scan', 's', seconds('maintained'))
    figures.add('scan of fresh files', 's', seconds('fresh'))
    const ratios = scans.map(each => each.maintained.wallSeconds / each.fresh.wallSeconds)
    figures.add('scan to scan of fresh files', 'x', ratios, { bound: 'at most', value: SCAN_RATIO_MAX })
  })
}

async function writeFresh(
  context: TableContext,
  session: EngineSession,
  { metadata }: LoadedTable,
): Promise<LoadedTable> {
  const fresh = await createBenchTable(context, 'fresh', SYNTHETIC_COLUMNS)
  const select = scanSql(metadata, await planScan(context, metadata))
  const files = await writeDataFiles(context, session, fresh.metadata, { select })
  return await commitAppend(context, fresh.identifier, files)
}

/** From the metadata to the last row, with no manifest in memory. */
async function scan(context: TableContext, session: EngineSession, { metadata }: LoadedTable) {
  let rows: unknown
  const took = await measureThisProcess(async () => {
    const plan = await planScan({ ...context, manifests: createManifestCache() }, metadata)
    const sql = `SELECT count(*), sum(id), max("at"), max(name), round(sum(amount), 3) FROM (${scanSql(metadata, plan)})`
    rows = (await session.query(sql)).rows
  })
  return { rows, took }
}
