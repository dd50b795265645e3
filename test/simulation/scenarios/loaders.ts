import { randomUuid } from '../../../src/random.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { type Row, writeRows } from '../blob-files.ts'
import { compareRows, currentRows, repeatUntilDone, type ScenarioKind } from '../scenario.ts'
import type { Process } from '../world.ts'

const READINGS: TableIdentifier = { namespace: ['bronze'], name: 'readings' }

const LOG: readonly Row[] = Array.from({ length: 6 }, (_, offset) => ({
  key: `offset ${offset}`,
  value: offset,
}))
const BATCH_ROWS = 2

/** Two loaders of the same log, of which each believes that it is the only one: progress is all that keeps them apart. */
export const rivalLoaders = loaders('rival loaders of one log', ({ context }) =>
  repeatUntilDone(async () => {
    const transaction = new Transaction(context)
    return loadFrom(context, transaction, await committedOffset(transaction))
  }),
)

/** Loaders that read the progress when they start, and then trust their own count. */
export const forgetfulLoaders = loaders('loaders that do not look at the progress again', ({ context }) => {
  let offset: number | undefined
  return repeatUntilDone(async () => {
    offset ??= await committedOffset(new Transaction(context))
    const outcome = await loadFrom(context, new Transaction(context), offset)
    offset += BATCH_ROWS
    return outcome
  })
})

function loaders(name: string, work: (process: Process) => Promise<void>): ScenarioKind {
  return {
    name,
    create: () => ({
      tables: [READINGS],
      workers: [work, work],
      verify: async context => compareRows('readings', await currentRows(context, READINGS), LOG),
    }),
  }
}

async function committedOffset(transaction: Transaction): Promise<number> {
  const table = await transaction.table(READINGS)
  return Number((table && readProgress(table.metadata))?.offset ?? 0)
}

async function loadFrom(
  context: Process['context'],
  transaction: Transaction,
  offset: number,
): Promise<'done' | 'more'> {
  if (offset >= LOG.length) return 'done'
  const rows = LOG.slice(offset, offset + BATCH_ROWS)
  const summary = progressSummary({ offset: offset + rows.length })
  await transaction.update(READINGS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(READINGS))
    return stageAppend(context, table, [await writeRows(context, table.metadata, rows)], { summary })
  })
  await transaction.commit({ idempotencyKey: randomUuid(context.random) })
  return 'more'
}
