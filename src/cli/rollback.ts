import { IngotError } from '../errors.ts'
import type { Snapshot } from '../format/metadata-types.ts'
import { currentSnapshot, type SnapshotSelector } from '../format/snapshot.ts'
import { stageRewindFiles } from '../ingest/rewind-files.ts'
import { stageTableRollback } from '../pipeline/stage-table-rollback.ts'
import type { Platform } from '../platform.ts'
import { randomUuid } from '../random.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { loadNamedTable } from './named-table.ts'
import { openProject } from './open-project.ts'
import { quarantineOwner } from './quarantine-owner.ts'
import { POINT_FORMS, parseQueryPoint, type QueryPoint, requireReached } from './query-point.ts'
import { snapshotAt } from './table-at-point.ts'
import { formatJson } from './terminal.ts'
import { formatCount } from './text-table.ts'

/** What becomes of what the table took in since the snapshot that it goes back to. */
type Undone = 'replay' | 'skip'

export const rollbackCommand: Command = {
  name: 'rollback',
  summary: 'put a table back to an older snapshot, and say what becomes of what is undone',
  positionals: '<table>',
  positionalsCount: [1, 1],
  options: {
    to: {
      config: { type: 'string' },
      value: '<point>',
      help: 'a snapshot id, a time, transaction:<id>, a branch or a tag',
    },
    replay: { config: { type: 'boolean' }, help: 'the next run takes in again what is undone' },
    skip: { config: { type: 'boolean' }, help: 'what is undone stays away: it counts as taken in' },
  },
  examples: [
    'ingot history silver.flights',
    'ingot rollback silver.flights --to 4358109269898224417 --replay',
    'ingot rollback bronze.flights --to 2026-01-31T12:00:00Z --skip',
  ],
  run: async input => {
    await using platform = await openProject(input)
    const point = parseQueryPoint(input.text('to'), '--to')
    await requireReached(platform.context, point)
    const { identifier } = await loadNamedTable(platform.context.catalog, input.positionals[0] ?? '')
    await requireOfItself(platform.context, identifier)
    const selector = await selectorOf(platform.context, identifier, point)
    const transaction = new Transaction(platform.context)
    const staged = await requireTable(transaction, identifier)
    const snapshot = snapshotAt(staged.metadata, selector)
    const undone = undoneOf(input, staged, snapshot)
    await stage(platform, transaction, identifier, snapshot['snapshot-id'], undone)
    const runId = randomUuid(platform.random)
    const note = {
      kind: 'rollback',
      runId,
      rollback: formatIdentifier(identifier),
      to: String(snapshot['snapshot-id']),
      undone,
    }
    const result = await transaction.commit({ idempotencyKey: runId, note, signal: input.signal })
    report(input, identifier, snapshot, result?.transactionId)
    return EXIT.ok
  },
}

/** A quarantine that is of another state than its table would have both made anew by the next run. */
async function requireOfItself({ catalog }: TableContext, identifier: TableIdentifier): Promise<void> {
  const owner = await quarantineOwner(catalog, identifier)
  if (owner === undefined) return
  const [name, table] = [identifier, owner].map(formatIdentifier)
  throw new IngotError('REQUEST_INVALID', `${name} is the quarantine of ${table}`, {
    hint: `it goes back along with: ingot rollback ${table}`,
  })
}

async function selectorOf(
  { catalog }: TableContext,
  identifier: TableIdentifier,
  point: QueryPoint,
): Promise<SnapshotSelector> {
  switch (point.type) {
    case 'snapshot':
      return { snapshotId: point.snapshotId }
    case 'time':
      return { timeMs: point.timeMs }
    case 'ref':
      return { ref: point.ref }
    case 'transaction': {
      const { metadata } = await loadNamedTable(catalog, identifier, named =>
        catalog.loadTableAt(named, { transactionId: point.transactionId }),
      )
      const snapshotId = metadata['current-snapshot-id']
      if (snapshotId !== undefined) return { snapshotId }
      throw new IngotError(
        'SNAPSHOT_NOT_FOUND',
        `${formatIdentifier(identifier)} was empty as of transaction ${point.transactionId}`,
        { hint: `ingot history ${formatIdentifier(identifier)} lists its snapshots` },
      )
    }
    case 'now':
      throw new IngotError('REQUEST_INVALID', 'say where to go back to with --to', {
        hint: `${POINT_FORMS}; ingot history ${formatIdentifier(identifier)} lists the snapshots`,
      })
  }
}

async function requireTable(transaction: Transaction, identifier: TableIdentifier): Promise<StagedTable> {
  const staged = await transaction.table(identifier)
  if (staged) return staged
  throw new IngotError('TABLE_NOT_FOUND', `table ${formatIdentifier(identifier)} is not there`, {
    hint: 'ingot tables lists all',
  })
}

/** The choice has no default: either answer would lose something that somebody counts on. */
function undoneOf(input: CommandInput, { metadata }: StagedTable, to: Snapshot): Undone {
  const [replay, skip] = [input.flag('replay'), input.flag('skip')]
  if (replay !== skip) return replay ? 'replay' : 'skip'
  const hint = '--replay: the next run takes it in again; --skip: it stays away'
  if (replay) {
    throw new IngotError('REQUEST_INVALID', 'what is undone is either taken in again or stays away', {
      hint: `give one of the two: ${hint}`,
    })
  }
  const rows = (snapshot: Snapshot | undefined): string =>
    formatCount(Number(snapshot?.summary['total-records'] ?? 0), 'row')
  const change = `${rows(currentSnapshot(metadata))} now, ${rows(to)} in snapshot ${to['snapshot-id']}`
  throw new IngotError('REQUEST_INVALID', `say what becomes of what is undone (${change})`, { hint })
}

async function stage(
  { config, context, engine }: Platform,
  transaction: Transaction,
  identifier: TableIdentifier,
  snapshotId: bigint,
  undone: Undone,
): Promise<void> {
  await transaction.update(identifier, async () => {
    const staged = await requireTable(transaction, identifier)
    const isReplayed = undone === 'replay'
    return await stageTableRollback(context, transaction, staged, { snapshotId, isReplayed })
  })
  // A bronze table's progress is not in its snapshots but in the record of the files taken.
  if (undone === 'skip' || identifier.namespace.join() !== 'bronze') return
  await engine.session({ label: 'rollback' }, session =>
    stageRewindFiles(context, session, transaction, {
      table: identifier,
      snapshotId,
      projectFolder: config.projectFolder,
    }),
  )
}

function report(
  { json, terminal }: CommandInput,
  identifier: TableIdentifier,
  snapshot: Snapshot,
  transactionId: number | undefined,
): void {
  const table = formatIdentifier(identifier)
  if (json) {
    terminal.out(
      formatJson({ table, snapshotId: snapshot['snapshot-id'], transactionId: transactionId ?? null }),
    )
  } else if (transactionId === undefined) {
    terminal.out(`${table} is at snapshot ${snapshot['snapshot-id']} already`)
  } else {
    terminal.out(
      `${table} is at snapshot ${snapshot['snapshot-id']} (transaction ${transactionId}); ingot run refreshes what reads it`,
    )
  }
}
