import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import type { DataFile } from '../src/format/manifest-types.ts'
import { Maintenance } from '../src/maintenance/maintain-lake.ts'
import { shapeOf } from '../src/maintenance/table-shape.ts'
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
import { type Measurement, measure } from './measure.ts'

const ROWS_A_SECOND = 100
/** So many files of a second have rows of their own; more of them repeat these. */
const BODIES = 600
const HOUR_SECONDS = 3600
const SCANS = 9
const MIB = 1024 * 1024
const SCAN_RATIO_MAX = 1.2
const METADATA_BYTES_MAX = 1_000_000

/** How many hours there is one commit each, of as many rows, before there is one each second. */
interface Day {
  readonly hours: number
  readonly seconds: number
}

const WHOLE: Day = { hours: 0, seconds: 24 * HOUR_SECONDS }
const QUICK: Day = { hours: 11, seconds: 660 }

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
      const day = await MaintainedDay.begin(platform, context, clock, table)
      await day.pass(isQuick ? QUICK : WHOLE, onProgress)
      const figures = new Figures('maintenance')
      await day.addShape(figures, 'after a round')
      await addScans(figures, platform, context, table, 'after a round')
      await day.passSeconds(59)
      await day.addShape(figures, 'before a round')
      await addScans(figures, platform, context, table, 'before a round')
      day.addRounds(figures)
      return figures.all
    } finally {
      await context.catalog.close()
    }
  })
}

/** One table over the day, and what was seen of it. */
class MaintainedDay {
  readonly #context: TableContext
  readonly #clock: DayClock
  readonly #maintenance: Maintenance
  readonly #nextOfHour: () => Promise<DataFile>
  readonly #nextOfSecond: () => Promise<DataFile>
  #table: LoadedTable
  readonly #roundSeconds: number[] = []
  readonly #metadataBytes: number[] = []

  static async begin(
    platform: Platform,
    context: TableContext,
    clock: DayClock,
    table: LoadedTable,
  ): Promise<MaintainedDay> {
    const prepare = (rows: number, bodies: number) => prepareFiles(context, platform, table, { rows, bodies })
    const nextOfHour = await prepare(HOUR_SECONDS * ROWS_A_SECOND, 1)
    const nextOfSecond = await prepare(ROWS_A_SECOND, BODIES)
    return new MaintainedDay(platform, context, clock, { table, nextOfHour, nextOfSecond })
  }

  private constructor(
    platform: Platform,
    context: TableContext,
    clock: DayClock,
    {
      table,
      nextOfHour,
      nextOfSecond,
    }: {
      readonly table: LoadedTable
      readonly nextOfHour: () => Promise<DataFile>
      readonly nextOfSecond: () => Promise<DataFile>
    },
  ) {
    this.#context = context
    this.#clock = clock
    this.#table = table
    this.#nextOfHour = nextOfHour
    this.#nextOfSecond = nextOfSecond
    this.#maintenance = new Maintenance({ context, engine: platform.engine, metrics: createMetrics() })
  }

  async pass({ hours, seconds }: Day, onProgress: BenchOptions['onProgress']): Promise<void> {
    for (let hour = 0; hour < hours; hour += 1) {
      await this.#commit(this.#nextOfHour, HOUR_SECONDS * 1000)
      await this.#maintain()
    }
    for (let second = 0; second < seconds; second += 60) {
      await this.passSeconds(60)
      await this.#maintain()
      if (second % HOUR_SECONDS === 0) onProgress(`${second + 60} seconds, a commit each`)
    }
  }

  async passSeconds(count: number): Promise<void> {
    for (let second = 0; second < count; second += 1) await this.#commit(this.#nextOfSecond, 1000)
  }

  /** How the table stands. */
  async addShape(figures: Figures, moment: string): Promise<void> {
    const { metadata } = await this.#context.catalog.loadTable(this.#table.identifier)
    const shape = await shapeOf(this.#context, metadata)
    figures.add(`data files ${moment}`, '', [shape.dataFiles])
    figures.add(`manifests ${moment}`, '', [shape.manifests])
    figures.add(`snapshots ${moment}`, '', [metadata.snapshots.length])
    figures.add(`files under the table ${moment}`, '', [await this.#countFiles()])
  }

  addRounds(figures: Figures): void {
    const { metadata } = this.#table
    figures.add('commits, rounds included', '', [metadata['last-sequence-number']])
    const target = { bound: 'at most', value: METADATA_BYTES_MAX, of: 'worst' } as const
    figures.add('metadata.json before each round', 'bytes', this.#metadataBytes, target)
    figures.add('a round of maintenance', 'CPU s', this.#roundSeconds)
  }

  async #commit(nextFile: () => Promise<DataFile>, passesMs: number): Promise<void> {
    this.#table = await commitAppend(this.#context, this.#table.identifier, [await nextFile()])
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
  moment: string,
): Promise<void> {
  await platform.engine.session({ label: 'bench' }, async session => {
    const maintained = await context.catalog.loadTable(identifier)
    const fresh = await writeFresh(context, session, maintained, moment)
    const scans: { maintained: Measurement; fresh: Measurement }[] = []
    await scan(context, session, maintained)
    for (let round = 0; round < SCANS; round += 1) {
      const ofFresh = await scan(context, session, fresh)
      const ofMaintained = await scan(context, session, maintained)
      assert.deepEqual(ofMaintained.rows, ofFresh.rows)
      scans.push({ fresh: ofFresh.took, maintained: ofMaintained.took })
    }
    for (const unit of ['cpuSeconds', 'wallSeconds'] as const) {
      const [name, shown] = unit === 'cpuSeconds' ? ['scan', 'CPU s'] : ['scan by the clock', 's']
      const seconds = (of: 'maintained' | 'fresh') => scans.map(({ [of]: took }) => took[unit])
      figures.add(`${name} ${moment}`, shown, seconds('maintained'))
      figures.add(`${name} of fresh files`, shown, seconds('fresh'))
      const ratios = scans.map(each => each.maintained[unit] / each.fresh[unit])
      const target = { bound: 'at most', value: SCAN_RATIO_MAX } as const
      figures.add(`${name} ${moment} to fresh`, 'x', ratios, unit === 'cpuSeconds' ? target : undefined)
    }
  })
}

async function writeFresh(
  context: TableContext,
  session: EngineSession,
  { metadata }: LoadedTable,
  moment: string,
): Promise<LoadedTable> {
  const fresh = await createBenchTable(context, `fresh ${moment}`, SYNTHETIC_COLUMNS)
  const select = scanSql(metadata, await planScan(context, metadata))
  const files = await writeDataFiles(context, session, fresh.metadata, { select })
  return await commitAppend(context, fresh.identifier, files)
}

/** From the metadata to the last row, with no manifest in memory. */
async function scan(context: TableContext, session: EngineSession, { metadata }: LoadedTable) {
  let rows: unknown
  const took = await measure(async () => {
    const plan = await planScan({ ...context, manifests: createManifestCache() }, metadata)
    const sql = `SELECT count(*), sum(id), max("at"), max(name), round(sum(amount), 3) FROM (${scanSql(metadata, plan)})`
    rows = (await session.query(sql)).rows
  })
  return { rows, took }
}
