import { IngotError } from '../../../src/errors.ts'
import { ORPHANS_REMOVED_BEFORE } from '../../../src/format/table-updates.ts'
import { Maintenance } from '../../../src/maintenance/maintain-lake.ts'
import { orphanHorizonOf, planOrphans } from '../../../src/maintenance/plan-orphans.ts'
import { randomUuid } from '../../../src/random.ts'
import type { Engine } from '../../../src/table/engine.ts'
import { includeClone } from '../../../src/table/include-clone.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import { openTable, stageProperties } from '../../../src/table/stage.ts'
import { stageAppend, stageDelta } from '../../../src/table/stage-delta.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { filesWrittenBy } from '../../../src/table/uncommitted-files.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { type Row, writeRows } from '../blob-files.ts'
import { compareRows, currentRows, findUnreadable, repeatUntilDone, type ScenarioKind } from '../scenario.ts'
import type { Process } from '../world.ts'

const READINGS: TableIdentifier = { namespace: ['bronze'], name: 'readings' }
const COPY: TableIdentifier = { namespace: ['bronze'], name: 'copy' }

const DAY_MS = 24 * 60 * 60_000

const LOG: readonly Row[] = Array.from({ length: 3 }, (_, offset) => ({
  key: `offset ${offset}`,
  value: offset,
}))
const NOTED: Row = { key: 'noted by hand', value: 1 }
const ROUNDS = 4
const ROUND_EVERY_MS = 3.5 * DAY_MS

/** How long the loader sleeps with each row, and how long after the first of them a row is appended that states no progress. */
const SLEEPS_MS = [4 * DAY_MS, 0, 12 * DAY_MS]
const NOTED_AFTER_MS = 9 * DAY_MS

type Janitor = (context: Process['context']) => Promise<void>

/**
 * A loader that sleeps for days between writing its files and committing them, somebody who appends without any progress, and maintenance
 * that thins the history, removes what is not needed, and takes the loader's files for orphans.
 */
export const lateWriter = lateWriterWith('a writer that wakes up after its files are orphans', maintain)

/** Orphans are removed, and only then writers are kept from naming them. */
export const removalBeforeHorizon = lateWriterWith(
  'orphans are removed before the horizon is committed',
  removeTooEarly,
)

function lateWriterWith(name: string, janitor: Janitor): ScenarioKind {
  return {
    name,
    create: () => {
      const sleepsMs = [...SLEEPS_MS]
      let isNoted = false
      const load = (process: Process): Promise<void> =>
        repeatUntilDone(() =>
          loadNext(process.context, async () => {
            const ms = sleepsMs.shift() ?? 0
            if (ms > 0) await process.context.clock.sleep(ms)
          }),
        )
      const note = ({ context }: Process): Promise<void> =>
        repeatUntilDone(async () => {
          if (isNoted) return 'done'
          await context.clock.sleep(NOTED_AFTER_MS)
          if ((await currentRows(context, READINGS)).some(({ key }) => key === NOTED.key)) return 'done'
          await append(context, [NOTED], {})
          isNoted = true
          return 'done'
        })
      return {
        tables: [READINGS],
        workers: [load, note, janitorOf(janitor)],
        verify: async context =>
          compareRows('readings', await currentRows(context, READINGS), [...LOG, NOTED]),
      }
    },
  }
}

/** A table and its clone, which names the same files; the table's own rows are replaced, and its history is thinned. */
export const sharedFiles: ScenarioKind = {
  name: 'a clone of a table whose history is thinned',
  create: () => ({
    tables: [READINGS],
    workers: [({ context }) => repeatUntilDone(() => shareAndReplace(context)), janitorOf(maintain)],
    async verify(context) {
      return [
        ...(await findUnreadable(context, [COPY])),
        ...compareRows('readings', await currentRows(context, READINGS), [NOTED]),
        ...compareRows('copy', await currentRows(context, COPY), LOG),
      ]
    },
  }),
}

function janitorOf(janitor: Janitor) {
  let rounds = 0
  return ({ context }: Process): Promise<void> =>
    repeatUntilDone(async () => {
      if (rounds === ROUNDS) return 'done'
      await context.clock.sleep(ROUND_EVERY_MS)
      await janitor(context)
      rounds += 1
      return 'more'
    })
}

/** Without rewriting: rows are no Parquet here, and rewriting has a scenario of its own. */
async function maintain(context: Process['context']): Promise<void> {
  const maintenance = new Maintenance({
    context,
    engine: NO_ENGINE,
    metrics: createMetrics(),
  })
  const { tables } = await maintenance.run({ budget: { seconds: DAY_MS, rewriteBytes: 0 } })
  const failed = tables.find(({ error }) => error !== undefined)?.error
  if (failed !== undefined) throw new IngotError('STORAGE_FAILED', failed.message)
}

const NO_ENGINE: Engine = {
  workersMax: 0,
  session: async () => {
    throw new IngotError('UNSUPPORTED', 'the simulation has no engine')
  },
  close: async () => undefined,
}

async function removeTooEarly(context: Process['context']): Promise<void> {
  const transaction = new Transaction(context)
  await transaction.update(READINGS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(READINGS))
    const { metadata } = table
    const horizonMs = orphanHorizonOf(metadata, context.clock.nowMs())
    const updates = metadata.snapshots.map(snapshot => ({ action: 'add-snapshot', snapshot }) as const)
    const reachable = new Set(await filesWrittenBy(context, { ...table, base: null, updates }))
    const files = []
    for await (const file of context.io.list(`${metadata.location}/data`)) files.push(file)
    const orphans = planOrphans({ files, reachable, horizonMs, otherTables: [] })
    await context.io.remove(orphans.map(({ location }) => location))
    await context.clock.sleep(DAY_MS)
    return stageProperties(table, { set: { [ORPHANS_REMOVED_BEFORE]: String(horizonMs) } })
  })
  await transaction.commit({ idempotencyKey: randomUuid(context.random) })
}

async function loadNext(context: Process['context'], pause: () => Promise<void>): Promise<'done' | 'more'> {
  const transaction = new Transaction(context)
  const table = await transaction.table(READINGS)
  const offset = Number((table && readProgress(table.metadata))?.offset ?? 0)
  const row = LOG[offset]
  if (row === undefined) return 'done'
  await append(context, [row], progressSummary({ offset: offset + 1 }), { transaction, pause })
  return 'more'
}

async function append(
  context: Process['context'],
  rows: readonly Row[],
  summary: Readonly<Record<string, string>>,
  options: { readonly transaction?: Transaction; readonly pause?: () => Promise<void> } = {},
): Promise<void> {
  const transaction = options.transaction ?? new Transaction(context)
  await transaction.update(READINGS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(READINGS))
    return stageAppend(context, table, [await writeRows(context, table.metadata, rows)], { summary })
  })
  await options.pause?.()
  await transaction.commit({ idempotencyKey: randomUuid(context.random) })
}

/** Fills the table, then clones it, then replaces its rows: each step but once. */
async function shareAndReplace(context: Process['context']): Promise<'done' | 'more'> {
  const { metadata } = await context.catalog.loadTable(READINGS)
  const rows = await currentRows(context, READINGS)
  if (rows.some(({ key }) => key === NOTED.key)) return 'done'
  if (rows.length === 0) {
    await append(context, LOG, {})
    return 'more'
  }
  const transaction = new Transaction(context)
  if ((await transaction.table(COPY)) === undefined) {
    includeClone(transaction, await context.catalog.loadTable(READINGS), { identifier: COPY })
    await transaction.commit({ idempotencyKey: randomUuid(context.random) })
    return 'more'
  }
  await transaction.update(READINGS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(READINGS))
    const add = [await writeRows(context, metadata, [NOTED])]
    return stageDelta(context, table, { operation: 'overwrite', add, remove: 'all' })
  })
  await transaction.commit({ idempotencyKey: randomUuid(context.random) })
  return 'more'
}
