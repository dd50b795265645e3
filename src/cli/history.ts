import { loadConfig } from '../config.ts'
import type { Snapshot } from '../format/metadata-types.ts'
import { openPlatform, type Platform } from '../platform.ts'
import { formatIdentifier, parseIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

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
    await using platform = await openPlatform(loadConfig(input.projectFolder, input.environment))
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
  input.terminal.out(
    formatTable(
      [
        { name: 'transaction', type: 'BIGINT' },
        { name: 'at', type: 'VARCHAR' },
        { name: 'run', type: 'VARCHAR' },
        { name: 'tables', type: 'VARCHAR' },
      ],
      transactions.map(transaction => [
        transaction.transactionId,
        new Date(transaction.committedAtMs).toISOString(),
        typeof transaction.note?.runId === 'string' ? transaction.note.runId : null,
        transaction.pointers
          .map(({ identifier, metadataLocation }) =>
            metadataLocation === null
              ? `${formatIdentifier(identifier)} dropped`
              : formatIdentifier(identifier),
          )
          .join(', '),
      ]),
    ),
  )
}

async function showSnapshots(
  platform: Platform,
  input: CommandInput,
  table: string,
  limit: number,
): Promise<void> {
  const { metadata } = await platform.context.catalog.loadTable(parseIdentifier(table))
  const snapshots = [...metadata.snapshots]
    .sort((a, b) => b['timestamp-ms'] - a['timestamp-ms'])
    .slice(0, limit)
  if (input.json) return input.terminal.out(formatJson(snapshots))
  const current = metadata['current-snapshot-id']
  input.terminal.out(
    formatTable(
      [
        { name: '', type: 'VARCHAR' },
        { name: 'snapshot', type: 'VARCHAR' },
        { name: 'at', type: 'VARCHAR' },
        { name: 'operation', type: 'VARCHAR' },
        { name: 'rows added', type: 'BIGINT' },
        { name: 'rows in all', type: 'BIGINT' },
      ],
      snapshots.map(snapshot => [
        snapshot['snapshot-id'] === current ? '→' : '',
        String(snapshot['snapshot-id']),
        new Date(snapshot['timestamp-ms']).toISOString(),
        snapshot.summary.operation,
        summaryCount(snapshot, 'added-records'),
        summaryCount(snapshot, 'total-records'),
      ]),
    ),
  )
}

function summaryCount(snapshot: Snapshot, key: string): number | null {
  const text = snapshot.summary[key]
  return text === undefined ? null : Number(text)
}
