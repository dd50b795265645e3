import type { Catalog, LoadedTable, TableVersion } from '../catalog/catalog.ts'
import { isIngotError } from '../errors.ts'
import { quarantinedIdentifier } from '../lake/quarantine.ts'
import { DROPPED_KEPT_MS } from '../maintenance/history-policy.ts'
import { tableLocationOf } from '../maintenance/plan-history.ts'
import type { Platform } from '../platform.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import type { CommandInput } from './command.ts'
import { tableTotals } from './table-totals.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

/** A table that can come back. */
interface DroppedTable {
  readonly identifier: TableIdentifier
  readonly drop: TableVersion
}

/**
 * The tables that can come back as they were last, in the order of their drops: those that nothing has forgotten, and that are not there under
 * this or another name; without quarantines that come back along.
 */
function findDropped(versions: readonly TableVersion[]): readonly DroppedTable[] {
  const groups = new Map<string, TableVersion[]>()
  for (const version of versions) {
    const key = identifierKey(version.identifier)
    groups.set(key, [...(groups.get(key) ?? []), version])
  }
  // A rename ends the version of one name where it begins that of another.
  const renamed = new Set(
    versions.map(({ transactionId, metadataLocation }) => `${transactionId} ${metadataLocation}`),
  )
  const current = new Set([...groups.values()].flatMap(group => folderOf(group.at(-1)) ?? []))
  const dropped = [...groups.values()].flatMap((group): DroppedTable[] => {
    const index = group.findLastIndex(version => version.metadataLocation === null)
    const [last, drop] = [group[index - 1], group[index]]
    const folder = folderOf(last)
    if (
      drop === undefined ||
      drop.isUnregistered ||
      folder === undefined ||
      last?.isForgotten ||
      renamed.has(`${drop.transactionId} ${last?.metadataLocation}`) ||
      current.has(folder)
    )
      return []
    return drop.identifier.namespace.join('.') === 'system' ? [] : [{ identifier: drop.identifier, drop }]
  })
  const drops = new Set(
    dropped.map(({ identifier, drop }) => `${identifierKey(identifier)} ${drop.transactionId}`),
  )
  return dropped
    .filter(({ identifier, drop }) => {
      const owner = quarantinedIdentifier(identifier)
      return owner === undefined || !drops.has(`${identifierKey(owner)} ${drop.transactionId}`)
    })
    .toSorted((a, b) => a.drop.transactionId - b.drop.transactionId)
}

function folderOf(version: TableVersion | undefined): string | undefined {
  const location = version?.metadataLocation ?? undefined
  return location === undefined ? undefined : tableLocationOf(location)
}

/** A table as it was before it was dropped; undefined when that is no longer to be had. */
async function loadLast(
  catalog: Catalog,
  identifier: TableIdentifier,
  droppedBy: number,
): Promise<LoadedTable | undefined> {
  try {
    return await catalog.loadTableAt(identifier, { transactionId: droppedBy - 1 })
  } catch (error) {
    if (isIngotError(error, 'FILE_NOT_FOUND') || isIngotError(error, 'HISTORY_FORGOTTEN')) return undefined
    throw error
  }
}

/** Shows what can come back. */
export async function listDropped({ context }: Platform, { json, terminal }: CommandInput): Promise<void> {
  const { catalog } = context
  const listed = await Promise.all(
    findDropped(await catalog.tableVersions()).map(async ({ identifier, drop }) => {
      const { transactionId, committedAtMs, purgeRequested } = drop
      const last = await loadLast(catalog, identifier, transactionId)
      if (last === undefined) return []
      return {
        table: formatIdentifier(identifier),
        rows: tableTotals(last.metadata).rows,
        droppedAt: new Date(committedAtMs).toISOString(),
        transactionId,
        keptUntil: purgeRequested ? null : new Date(committedAtMs + DROPPED_KEPT_MS).toISOString(),
      }
    }),
  )
  const tables = listed.flat()
  if (json) return terminal.out(formatJson(tables))
  if (tables.length === 0) return terminal.out('no table that was dropped is still kept')
  terminal.out(
    formatTable(
      [
        { name: 'table', type: 'VARCHAR' },
        { name: 'rows', type: 'BIGINT' },
        { name: 'dropped', type: 'VARCHAR' },
        { name: 'transaction', type: 'BIGINT' },
        { name: 'kept until', type: 'VARCHAR' },
      ],
      tables.map(({ table, rows, droppedAt, transactionId, keptUntil }) => [
        table,
        rows,
        droppedAt,
        transactionId,
        keptUntil ?? 'the next maintenance',
      ]),
    ),
  )
}
