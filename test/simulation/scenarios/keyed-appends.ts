import { randomUuid } from '../../../src/random.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageAppend, stageDelta } from '../../../src/table/stage-delta.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { type Row, readRows, toRows, writeRows } from '../blob-files.ts'
import {
  compareRows,
  currentRows,
  repeatUntilDone,
  type Scenario,
  type ScenarioKind,
  saysNotApplied,
} from '../scenario.ts'
import type { Process } from '../world.ts'

const EVENTS: TableIdentifier = { namespace: ['bronze'], name: 'events' }

/** What a client notes down, durably, before it sends a batch: the keys whose fate it does not know. */
interface Batch {
  readonly rows: readonly Row[]
  openKeys: string[]
  isAcknowledged: boolean
}

/** One client appends batches, each under an idempotency key, and asks for the fate of a key that it lost sight of. */
export const keyedAppends: ScenarioKind = {
  name: 'appends under idempotency keys',
  create: () => appendScenario([createBatches('a', 2)], []),
}

/** Two clients append to one table at the same time, and a third process joins its files into one. */
export const rivalAppends: ScenarioKind = {
  name: 'rival appends and a compaction',
  create: () => appendScenario([createBatches('a', 2), createBatches('b', 2)], [compactOnce()]),
}

function appendScenario(clients: readonly Batch[][], others: Scenario['workers']): Scenario {
  const expected = clients.flat().flatMap(batch => batch.rows)
  return {
    tables: [EVENTS],
    workers: [...clients.map(batches => (process: Process) => appendAll(process, batches)), ...others],
    verify: async context => compareRows('events', await currentRows(context, EVENTS), expected),
  }
}

function createBatches(client: string, count: number): Batch[] {
  return Array.from({ length: count }, (_, index) => ({
    rows: [1, 2].map(value => ({ key: `${client}${index}`, value })),
    openKeys: [],
    isAcknowledged: false,
  }))
}

async function appendAll({ context }: Process, batches: readonly Batch[]): Promise<void> {
  for (const batch of batches) await repeatUntilDone(() => appendOnce(context, batch))
}

async function appendOnce(context: Process['context'], batch: Batch): Promise<'done' | 'more'> {
  if (batch.isAcknowledged) return 'done'
  for (const key of batch.openKeys) {
    if ((await context.catalog.findCommit(key)) === undefined) continue
    batch.isAcknowledged = true
    return 'done'
  }
  const key = randomUuid(context.random)
  batch.openKeys = [key]
  const transaction = new Transaction(context)
  await transaction.update(EVENTS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(EVENTS))
    return stageAppend(context, table, [await writeRows(context, table.metadata, batch.rows)])
  })
  try {
    await transaction.commit({ idempotencyKey: key })
  } catch (error) {
    // Of any other failure the client is told that nothing was applied, and takes it at its word.
    if (saysNotApplied(error)) batch.openKeys = []
    throw error
  }
  batch.isAcknowledged = true
  return 'done'
}

function compactOnce(): Scenario['workers'][number] {
  let isDone = false
  return ({ context }) =>
    repeatUntilDone(async () => {
      if (isDone) return 'done'
      await compact(context)
      isDone = true
      return 'more'
    })
}

async function compact(context: Process['context']): Promise<void> {
  const transaction = new Transaction(context)
  await transaction.update(EVENTS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(EVENTS))
    const placed = await readRows(context, table.metadata)
    const entries = new Set(placed.map(({ task }) => task.entry))
    if (entries.size < 2) return table
    const joined = await writeRows(context, table.metadata, toRows(placed))
    return stageDelta(context, table, { operation: 'replace', add: [joined], remove: [...entries] })
  })
  await transaction.commit({ idempotencyKey: randomUuid(context.random) })
}
