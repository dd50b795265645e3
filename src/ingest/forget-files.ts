import assert from 'node:assert/strict'
import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { stageOverwrite } from '../table/stage-overwrite.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { FILES_TABLE } from './taken-files.ts'

/** Stages that no file counts as taken by a bronze table: goes with its drop in the same transaction. */
export async function stageForgetFiles(
  context: TableContext,
  session: EngineSession,
  transaction: Transaction,
  table: TableIdentifier,
): Promise<void> {
  if ((await transaction.table(FILES_TABLE)) === undefined) return
  const filterSql = `table_name = ${quoteLiteral(formatIdentifier(table))}`
  await transaction.update(FILES_TABLE, async staged => {
    assert(staged !== undefined, 'what a transaction has loaded stays')
    return await stageOverwrite(context, session, staged, { filterSql })
  })
}
