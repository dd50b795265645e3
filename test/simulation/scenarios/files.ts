import { randomUuid } from '../../../src/random.ts'
import { progressSummary } from '../../../src/table/progress.ts'
import { openTable } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import { type Row, readRows, writeRows } from '../blob-files.ts'
import { compareRows, currentRows, repeatUntilDone, type ScenarioKind } from '../scenario.ts'
import type { Process } from '../world.ts'

const ORDERS: TableIdentifier = { namespace: ['bronze'], name: 'orders' }
const TAKEN: TableIdentifier = { namespace: ['system'], name: 'files' }

const FILES: readonly string[] = ['a.csv', 'b.csv', 'c.csv', 'd.csv']
const FILES_A_RUN = 2

/** How a loader remembers which files it took. */
interface Memory {
  /** With the rows, or in a transaction after theirs. */
  readonly when: 'with the rows' | 'after the rows'
  /** Whether the system table's progress says how many were taken. */
  readonly statesProgress: boolean
}

/** Two processes load files; which ones were taken are rows of a system table, committed with the rows themselves. */
export const rivalFileLoaders = fileLoaders('rival loaders of files', {
  when: 'with the rows',
  statesProgress: true,
})

/** Loaders that lose or miss what was taken. */
export const BROKEN_FILE_LOADERS: readonly ScenarioKind[] = [
  fileLoaders('files taken are remembered after the rows', { when: 'after the rows', statesProgress: true }),
  fileLoaders('files taken are appended as if no other loader could have taken them', {
    when: 'with the rows',
    statesProgress: false,
  }),
]

function fileLoaders(name: string, memory: Memory): ScenarioKind {
  const work = ({ context }: Process): Promise<void> => repeatUntilDone(() => loadNext(context, memory))
  return {
    name,
    create: () => ({
      tables: [ORDERS, TAKEN],
      workers: [work, work],
      async verify(context) {
        return [
          ...compareRows('orders', await currentRows(context, ORDERS), FILES.flatMap(rowsOf)),
          ...compareRows('files', await currentRows(context, TAKEN), FILES.map(toTakenRow)),
        ]
      },
    }),
  }
}

async function loadNext(context: Process['context'], memory: Memory): Promise<'done' | 'more'> {
  const transaction = new Transaction(context)
  const takenTable = (await transaction.table(TAKEN)) ?? openTable(await context.catalog.loadTable(TAKEN))
  const taken = new Set((await readRows(context, takenTable.metadata)).map(({ row }) => row.key))
  const files = FILES.filter(file => !taken.has(file)).slice(0, FILES_A_RUN)
  if (files.length === 0) return 'done'
  await append(context, transaction, ORDERS, files.flatMap(rowsOf), {})
  if (memory.when === 'after the rows')
    await transaction.commit({ idempotencyKey: randomUuid(context.random) })
  const last = memory.when === 'after the rows' ? new Transaction(context) : transaction
  // The progress keeps this append from being put on top of another process's, which may have taken the same files.
  const filesCount = taken.size + files.length
  await append(
    context,
    last,
    TAKEN,
    files.map(toTakenRow),
    memory.statesProgress ? progressSummary({ filesCount }) : {},
  )
  await last.commit({ idempotencyKey: randomUuid(context.random) })
  return 'more'
}

async function append(
  context: Process['context'],
  transaction: Transaction,
  identifier: TableIdentifier,
  rows: readonly Row[],
  summary: Readonly<Record<string, string>>,
): Promise<void> {
  await transaction.update(identifier, async staged => {
    const table = staged ?? openTable(await context.catalog.loadTable(identifier))
    const file = await writeRows(context, table.metadata, rows)
    return stageAppend(context, table, [file], { summary })
  })
}

function rowsOf(file: string): Row[] {
  return [1, 2, 3].map(line => ({ key: file, value: line }))
}

function toTakenRow(file: string): Row {
  return { key: file, value: 3 }
}
