import { randomUuid } from '../../../src/random.ts'
import { progressSummary, readProgress } from '../../../src/table/progress.ts'
import type { ScanTask } from '../../../src/table/scan.ts'
import { openTable } from '../../../src/table/stage.ts'
import { type SnapshotDelta, stageAppend, stageDelta } from '../../../src/table/stage-delta.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { type PlacedRow, type Row, readRows, toRows, writeDeletes, writeRows } from '../blob-files.ts'
import { compareRows, currentRows, type Damage, repeatUntilDone, type ScenarioKind } from '../scenario.ts'
import type { Process } from '../world.ts'

const EVENTS: TableIdentifier = { namespace: ['bronze'], name: 'events' }
const LATEST: TableIdentifier = { namespace: ['silver'], name: 'latest' }

/** Keys come again, so that silver has something to replace. */
const LOG: readonly Row[] = Array.from({ length: 9 }, (_, offset) => ({
  key: `k${offset % 4}`,
  value: offset,
}))
const BATCH_ROWS = 3

/** Two processes run the same pipeline: new events to bronze, and the last event of each key to silver, in one transaction. */
export const rivalRuns: ScenarioKind = {
  name: 'rival runs over bronze and silver',
  create: () => ({
    tables: [EVENTS, LATEST],
    workers: [runAll, runAll],
    async verify(context) {
      return [
        ...compareRows('events', await currentRows(context, EVENTS), LOG),
        ...compareRows('latest', await currentRows(context, LATEST), latestOf(LOG)),
        ...(await compareHistory(context)),
      ]
    },
  }),
}

function runAll({ context }: Process): Promise<void> {
  return repeatUntilDone(() => runOnce(context))
}

async function runOnce(context: Process['context']): Promise<'done' | 'more'> {
  const transaction = new Transaction(context)
  const events = await transaction.table(EVENTS)
  const offset = Number((events && readProgress(events.metadata))?.offset ?? 0)
  if (offset >= LOG.length) return 'done'
  const rows = LOG.slice(offset, offset + BATCH_ROWS)
  const summary = progressSummary({ offset: offset + rows.length })
  await transaction.update(EVENTS, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(EVENTS))
    return stageAppend(context, table, [await writeRows(context, table.metadata, rows)], { summary })
  })
  await transaction.update(LATEST, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(LATEST))
    return stageUpsert(context, table, latestOf(rows), summary)
  })
  await transaction.commit({ idempotencyKey: randomUuid(context.random) })
  return 'more'
}

/** Replaces the rows of the keys of `rows`; a file that loses one row gets position deletes, one that loses more is rewritten. */
async function stageUpsert(
  context: Process['context'],
  staged: StagedTable,
  rows: readonly Row[],
  summary: Readonly<Record<string, string>>,
): Promise<StagedTable> {
  const { metadata } = staged
  const keys = new Set(rows.map(row => row.key))
  const kept = [...rows]
  const delta = {
    addDeletes: [] as NonNullable<SnapshotDelta['addDeletes']>[number][],
    remove: [] as ScanTask[],
  }
  for (const [task, placed] of groupByTask(await readRows(context, metadata))) {
    const hits = placed.filter(({ row }) => keys.has(row.key)).map(({ position }) => position)
    if (hits.length === 1) delta.addDeletes.push(await writeDeletes(context, metadata, task, hits))
    if (hits.length < 2) continue
    delta.remove.push(task)
    kept.push(...toRows(placed.filter(({ row }) => !keys.has(row.key))))
  }
  return stageDelta(context, staged, {
    operation: 'overwrite',
    add: [await writeRows(context, metadata, kept)],
    addDeletes: delta.addDeletes,
    remove: delta.remove.flatMap(task => [task.entry, ...task.deletes.map(({ entry }) => entry)]),
    summary,
  })
}

function groupByTask(rows: readonly PlacedRow[]): Map<ScanTask, PlacedRow[]> {
  const groups = new Map<ScanTask, PlacedRow[]>()
  for (const row of rows) groups.set(row.task, [...(groups.get(row.task) ?? []), row])
  return groups
}

function latestOf(rows: readonly Row[]): readonly Row[] {
  return [...new Map(rows.map(row => [row.key, row])).values()]
}

/** At every transaction of the history silver is what follows from the bronze of that moment. */
async function compareHistory(context: Process['context']): Promise<readonly Damage[]> {
  const damages: Damage[] = []
  for (const { transactionId, pointers } of await context.catalog.transactions()) {
    if (pointers.length < 2) continue
    const [events, latest] = await Promise.all(
      [EVENTS, LATEST].map(async table => {
        const { metadata } = await context.catalog.loadTableAt(table, { transactionId })
        return toRows(await readRows(context, metadata))
      }),
    )
    const inOrder = [...(events ?? [])].sort((a, b) => a.value - b.value)
    damages.push(...compareRows(`latest at ${transactionId}`, latest ?? [], latestOf(inOrder)))
  }
  return damages
}
