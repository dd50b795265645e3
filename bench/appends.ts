import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import { isIngotError } from '../src/errors.ts'
import { currentSnapshot } from '../src/format/snapshot.ts'
import { randomUuid } from '../src/random.ts'
import { AppendQueue } from '../src/table/append-queue.ts'
import type { TableContext } from '../src/table/staged-table.ts'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import {
  commitAppend,
  createBenchTable,
  openBenchPlatform,
  SYNTHETIC_COLUMNS,
  syntheticFile,
} from './bench-tables.ts'
import { type Figure, Figures } from './figure.ts'
import { measure } from './measure.ts'

const ROUNDS = 5
const WRITERS = 8
/** Pauses of the retrying writers, of what the program waits by default: the best of those tried (1, 0.3, 0.1, 0.03). */
const RETRY_PAUSE = 0.3

/**
 * Eight writers that each append one file at a time to one table, durably: by commits of their own, which use their
 * manifests again when another was faster, and handed to the queue that groups them. In turns, over one catalog.
 */
export async function benchAppends({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  const perWriter = isQuick ? 4 : 12
  const figures = new Figures('appends')
  const rounds = await withTempFolder(folder => runRounds(folder, perWriter))
  const [alone, grouped] = [rounds.map(round => round.alone), rounds.map(round => round.grouped)]
  figures.add(`${WRITERS} writers, each commits`, '/s', alone)
  figures.add(`${WRITERS} writers, grouped`, '/s', grouped)
  figures.add(
    `${WRITERS} writers, grouped to each`,
    'x',
    rounds.map(round => round.grouped / round.alone),
    { bound: 'at least', value: 10 },
  )
  onProgress(
    `${WRITERS} writers: ${alone.map(rate => rate.toFixed(0)).join(', ')} commits/s each, ${grouped.map(rate => rate.toFixed(0)).join(', ')} grouped`,
  )
  return figures.all
}

/** What one round reached, appends a second. */
interface Round {
  readonly alone: number
  readonly grouped: number
}

async function runRounds(folder: string, perWriter: number): Promise<Round[]> {
  await using platform = await openBenchPlatform(folder)
  const { context } = platform
  const { clock } = context
  const impatient: TableContext = {
    ...context,
    clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms * RETRY_PAUSE, signal) },
  }
  const queue = new AppendQueue(context)
  const rounds: Round[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    // New tables, so that the metadata of both grows alike.
    const own = await createBenchTable(context, `alone${round}`, SYNTHETIC_COLUMNS)
    const alone = await rateOf(perWriter, async index => {
      await commitUntilApplied(impatient, own, index)
    })
    const shared = await createBenchTable(context, `grouped${round}`, SYNTHETIC_COLUMNS)
    const grouped = await rateOf(perWriter, index => handIn(context, queue, shared, index))
    for (const table of [own, shared]) await requireFiles(context, table, WRITERS * perWriter)
    rounds.push({ alone, grouped })
  }
  return rounds
}

/** Writers that lost as often as the program tries have not lost their rows: they begin again. */
async function commitUntilApplied(context: TableContext, table: LoadedTable, index: number): Promise<void> {
  const file = syntheticFile(context, table.metadata.location, index)
  for (;;) {
    try {
      await commitAppend(context, table.identifier, [file])
      return
    } catch (error) {
      if (!isIngotError(error, 'COMMIT_CONFLICT')) throw error
    }
  }
}

async function handIn(
  context: TableContext,
  queue: AppendQueue,
  table: LoadedTable,
  index: number,
): Promise<void> {
  await queue.append(table, {
    idempotencyKey: randomUuid(context.random),
    beganAtMs: context.clock.nowMs(),
    files: [syntheticFile(context, table.metadata.location, index)],
  })
}

/** How many appends a second all writers reach together, each with its next one as soon as the last is durable. */
async function rateOf(perWriter: number, append: (index: number) => Promise<void>): Promise<number> {
  const writer = async (place: number): Promise<void> => {
    for (let index = 0; index < perWriter; index += 1) await append(place * perWriter + index)
  }
  const { wallSeconds } = await measure(async () => {
    await Promise.all(Array.from({ length: WRITERS }, (_, place) => writer(place)))
  })
  return (WRITERS * perWriter) / wallSeconds
}

/** Nothing was lost, nothing is twice, and sequence numbers grow. */
async function requireFiles({ catalog }: TableContext, table: LoadedTable, files: number): Promise<void> {
  const { metadata } = await catalog.loadTable(table.identifier)
  assert.equal(currentSnapshot(metadata)?.summary['total-data-files'], String(files))
  const numbers = metadata.snapshots.map(snapshot => snapshot['sequence-number'])
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  )
}
