import type { LoadedTable } from '../catalog/catalog.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { quarantineIdentifier } from '../lake/quarantine.ts'
import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import { stageOverwrite } from '../table/stage-overwrite.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { missingSources } from './list-files.ts'
import { FILES_TABLE } from './taken-files.ts'

/**
 * Stages that a bronze table's files count as taken, and its lines as refused, as they were when its snapshot `snapshotId` was the newest: the
 * next load takes again what came after. Goes with a rollback of the table in the same transaction.
 * @throws SNAPSHOT_NOT_FOUND when no transaction of the catalog left the table at that snapshot; FILE_NOT_FOUND when a file that
 *   would be taken again is gone
 */
export async function stageRewindFiles(
  context: TableContext,
  session: EngineSession,
  transaction: Transaction,
  { table, snapshotId, projectFolder }: RewoundTable,
): Promise<void> {
  const transactionId = await transactionThatLeft(context, table, snapshotId)
  const isOfTable = `table_name = ${quoteLiteral(formatIdentifier(table))}`
  const files = { table: FILES_TABLE, transactionId, condition: isOfTable }
  const later = await sourcesTakenLater(context, session, transaction, files)
  requireSources(table, await missingSources(later, projectFolder))
  await rewind(context, session, transaction, files)
  await rewind(context, session, transaction, {
    table: quarantineIdentifier(table),
    transactionId,
    condition: 'true',
  })
}

interface RewoundTable {
  readonly table: TableIdentifier
  readonly snapshotId: bigint
  /** Where its sources are named from. */
  readonly projectFolder: string
}

interface Rewind {
  readonly table: TableIdentifier
  readonly transactionId: number
  /** Which rows are put back to what they were. */
  readonly condition: string
}

/** The files of which something was taken since. */
async function sourcesTakenLater(
  context: TableContext,
  session: EngineSession,
  transaction: Transaction,
  { table, transactionId, condition }: Rewind,
): Promise<readonly string[]> {
  const now = await transaction.table(table)
  if (now === undefined) return []
  const then = await tableAt(context, table, transactionId)
  const earlier = then === undefined ? '' : ` EXCEPT ${await rowsOf(context, then, condition)}`
  const later = `${await rowsOf(context, now, condition)}${earlier}`
  const { rows } = await session.query(`SELECT DISTINCT source FROM (${later}) ORDER BY source`)
  return rows.map(([source]) => String(source))
}

function requireSources(table: TableIdentifier, missing: readonly string[]): void {
  if (missing.length === 0) return
  const listed = missing.slice(0, MISSING_LISTED_MAX).join(', ')
  const more = missing.length > MISSING_LISTED_MAX ? ` and ${missing.length - MISSING_LISTED_MAX} more` : ''
  throw new IngotError(
    'FILE_NOT_FOUND',
    `${formatIdentifier(table)} cannot take in again what came from ${listed}${more}: no such file`,
    { hint: 'put back what is missing, or use --skip: the table goes back, and the files stay taken' },
  )
}

async function rewind(
  context: TableContext,
  session: EngineSession,
  transaction: Transaction,
  { table, transactionId, condition }: Rewind,
): Promise<void> {
  if ((await transaction.table(table)) === undefined) return
  const then = await tableAt(context, table, transactionId)
  const select = then && (await rowsOf(context, then, condition))
  await transaction.update(table, async staged => {
    if (staged === undefined)
      throw new IngotError('TABLE_NOT_FOUND', `table ${formatIdentifier(table)} is gone`)
    return await stageOverwrite(context, session, staged, {
      filterSql: condition,
      ...(select === undefined ? {} : { select }),
    })
  })
}

async function rowsOf(
  context: TableContext,
  { metadata }: Pick<LoadedTable, 'metadata'>,
  condition: string,
): Promise<string> {
  return `SELECT * FROM (${scanSql(metadata, await planScan(context, metadata))}) WHERE ${condition}`
}

/** The table as that transaction left it; undefined when it was not there yet. */
async function tableAt(
  { catalog }: TableContext,
  table: TableIdentifier,
  transactionId: number,
): Promise<LoadedTable | undefined> {
  try {
    return await catalog.loadTableAt(table, { transactionId })
  } catch (error) {
    if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
    throw error
  }
}

async function transactionThatLeft(
  context: TableContext,
  table: TableIdentifier,
  snapshotId: bigint,
): Promise<number> {
  for (const { transactionId } of await context.catalog.transactions({ table, limit: TRANSACTIONS_MAX })) {
    const then = await tableAt(context, table, transactionId)
    if (then?.metadata['current-snapshot-id'] === snapshotId) return transactionId
  }
  throw new IngotError(
    'SNAPSHOT_NOT_FOUND',
    `no transaction left ${formatIdentifier(table)} at snapshot ${snapshotId}, so what was taken by then is not known`,
    { hint: 'use --skip: the table goes back, and the files stay taken', context: { snapshotId } },
  )
}

const TRANSACTIONS_MAX = 10_000
const MISSING_LISTED_MAX = 5
