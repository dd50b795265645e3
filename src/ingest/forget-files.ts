import assert from 'node:assert/strict'
import { currentSnapshot } from '../format/snapshot.ts'
import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { stageOverwrite } from '../table/stage-overwrite.ts'
import { stageNewRef } from '../table/stage-refs.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { FILES_TABLE } from './taken-files.ts'

/**
 * Stages that no file counts as taken by a bronze table: goes with its drop in the same transaction. What counted is kept for
 * `keepMs` under a tag of `system.files`, for stageRestoreFiles; resolves with its name, or undefined when nothing did.
 */
export async function stageForgetFiles(
  context: TableContext,
  session: EngineSession,
  transaction: Transaction,
  { table, keepMs }: { readonly table: TableIdentifier; readonly keepMs: number },
): Promise<string | undefined> {
  if ((await transaction.table(FILES_TABLE)) === undefined) return undefined
  const filterSql = `table_name = ${quoteLiteral(formatIdentifier(table))}`
  let tag: string | undefined
  await transaction.update(FILES_TABLE, async staged => {
    assert(staged !== undefined, 'what a transaction has loaded stays')
    const forgotten = await stageOverwrite(context, session, staged, { filterSql })
    const before = currentSnapshot(staged.metadata)
    if (before === undefined || currentSnapshot(forgotten.metadata) === before) return forgotten
    tag = freeTag(staged, `before-drop-${before['snapshot-id']}`, context.clock.nowMs())
    // Iceberg counts the age of a tag from when its snapshot was made.
    const maxRefAgeMs = Math.round(context.clock.nowMs() - before['timestamp-ms'] + keepMs)
    const at = { snapshotId: before['snapshot-id'] }
    return stageNewRef(forgotten, { name: tag, type: 'tag', at, maxRefAgeMs })
  })
  return tag
}

/** An earlier drop may have left a tag, which ends sooner, when a rollback has brought the snapshot back. */
function freeTag({ metadata }: StagedTable, name: string, nowMs: number): string {
  return Object.hasOwn(metadata.refs, name) ? `${name}-${Math.round(nowMs)}` : name
}
