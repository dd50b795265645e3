import assert from 'node:assert/strict'
import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import { stageOverwrite } from '../table/stage-overwrite.ts'
import { stageDropRef } from '../table/stage-refs.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { FILES_TABLE } from './taken-files.ts'

/** Whose files count as taken again, and under which name that is written. */
export interface RestoredFiles {
  readonly from: TableIdentifier
  readonly to: TableIdentifier
  readonly tableUuid: string
  /** That stageForgetFiles left; undefined: they were not forgotten. */
  readonly tag: string | undefined
}

/**
 * Stages that the files of a bronze table count as taken as they did when it was dropped: goes with its return in the same transaction,
 * so that the next load neither takes them again nor misses one. Resolves with false when that is no longer known.
 */
export async function stageRestoreFiles(
  context: TableContext,
  session: EngineSession,
  transaction: Transaction,
  { from, to, tableUuid, tag = 'main' }: RestoredFiles,
): Promise<boolean> {
  const snapshotId = (await transaction.table(FILES_TABLE))?.metadata.refs[tag]?.['snapshot-id']
  if (snapshotId === undefined) return false
  const [before, now] = [from, to].map(table => quoteLiteral(formatIdentifier(table)))
  await transaction.update(FILES_TABLE, async staged => {
    assert(staged !== undefined, 'what a transaction has loaded stays')
    const { metadata } = staged
    const then = scanSql(metadata, await planScan(context, metadata, { snapshotId }))
    const isOfTable = `table_name = ${before} AND table_uuid = ${quoteLiteral(tableUuid)}`
    const restored = await stageOverwrite(context, session, staged, {
      filterSql: `table_name = ${now}`,
      select: `SELECT * REPLACE (${now} AS table_name) FROM (${then}) WHERE ${isOfTable}`,
    })
    return tag === 'main' ? restored : stageDropRef(restored, tag)
  })
  return true
}
