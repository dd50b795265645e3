import type { Catalog, TransactionRecord } from '../catalog/catalog.ts'
import type { Snapshot } from '../format/metadata-types.ts'
import type { Platform } from '../platform.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { loadNamedTable } from './named-table.ts'
import { openProject } from './open-project.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'
import { tablesTouched, transactionKind } from './transaction-kind.ts'

export const historyCommand: Command = {
  name: 'history',
  summary: 'show the transactions of the lake, or the snapshots of one table',
  positionals: '[table]',
  positionalsCount: [0, 1],
  options: {
    limit: { config: { type: 'string' }, value: '<count>', help: 'how many, newest first (default: 20)' },
  },
  examples: ['ingot history', 'ingot history silver.flights --limit 5'],
  run: async input => {
    await using platform = await openProject(input)
    const limit = input.count('limit', 20)
    const table = input.positionals[0]
    if (table === undefined) await showTransactions(platform, input, limit)
    else await showSnapshots(platform, input, table, limit)
    return EXIT.ok
  },
}

async function showTransactions(platform: Platform, input: CommandInput, limit: number): Promise<void> {
  const transactions = await platform.context.catalog.transactions({ limit })
  if (input.json) return input.terminal.out(formatJson(transactions))
  const columns = ['transaction', 'at', 'what', 'run', 'tables']
  input.terminal.out(
    formatTable(
      columns.map(name => ({ name, type: name === 'transaction' ? 'BIGINT' : 'VARCHAR' })),
      transactions.map(transaction => [
        transaction.transactionId,
        new Date(transaction.committedAtMs).toISOString(),
        transactionKind(transaction),
        typeof transaction.note?.runId === 'string' ? transaction.note.runId : null,
        tablesTouched(transaction).join(', '),
      ]),
      { cellWidthMax: 200 },
    ),
  )
}

async function showSnapshots(
  platform: Platform,
  input: CommandInput,
  table: string,
  limit: number,
): Promise<void> {
  const { catalog } = platform.context
  const { identifier, metadata } = await loadNamedTable(catalog, table)
  const snapshots = [...metadata.snapshots]
    .sort((a, b) => b['timestamp-ms'] - a['timestamp-ms'])
    .slice(0, limit)
  if (input.json) return input.terminal.out(formatJson(snapshots))
  const current = metadata['current-snapshot-id']
  const transactions = await transactionsOfSnapshots(catalog, identifier, limit)
  input.terminal.out(
    formatTable(
      [
        { name: '', type: 'VARCHAR' },
        { name: 'snapshot', type: 'VARCHAR' },
        { name: 'at', type: 'VARCHAR' },
        { name: 'operation', type: 'VARCHAR' },
        { name: 'rows added', type: 'BIGINT' },
        { name: 'rows in all', type: 'BIGINT' },
        { name: 'transaction', type: 'BIGINT' },
        { name: 'by', type: 'VARCHAR' },
      ],
      snapshots.map(snapshot => {
        const transaction = transactions.get(snapshot['snapshot-id'])
        return [
          snapshot['snapshot-id'] === current ? '→' : '',
          String(snapshot['snapshot-id']),
          new Date(snapshot['timestamp-ms']).toISOString(),
          snapshot.summary.operation,
          summaryCount(snapshot, 'added-records'),
          summaryCount(snapshot, 'total-records'),
          transaction?.transactionId ?? null,
          transaction ? transactionKind(transaction) : null,
        ]
      }),
    ),
  )
}

/** Which transaction brought each snapshot, of the newest `limit` transactions of the table. */
async function transactionsOfSnapshots(
  catalog: Catalog,
  table: TableIdentifier,
  limit: number,
): Promise<ReadonlyMap<bigint, TransactionRecord>> {
  const records = (await catalog.transactions({ table, limit: limit + 1 })).toReversed()
  const ids = await Promise.all(records.map(record => snapshotIdsAfter(catalog, table, record)))
  const found = new Map<bigint, TransactionRecord>()
  const known = new Set<bigint>()
  for (const [index, record] of records.entries()) {
    // What the oldest of a cut-off history holds may have come long before it.
    const isCutOff = index === 0 && records.length > limit
    for (const id of ids[index] ?? []) {
      if (!known.has(id) && !isCutOff) found.set(id, record)
      known.add(id)
    }
  }
  return found
}

async function snapshotIdsAfter(
  catalog: Catalog,
  table: TableIdentifier,
  { transactionId, pointers }: TransactionRecord,
): Promise<readonly bigint[]> {
  const pointer = pointers.find(({ identifier }) => identifierKey(identifier) === identifierKey(table))
  if (pointer === undefined || pointer.metadataLocation === null) return []
  const { metadata } = await catalog.loadTableAt(table, { transactionId })
  return metadata.snapshots.map(snapshot => snapshot['snapshot-id'])
}

function summaryCount(snapshot: Snapshot, key: string): number | null {
  const text = snapshot.summary[key]
  return text === undefined ? null : Number(text)
}
