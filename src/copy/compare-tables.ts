import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { Engine } from '../table/engine.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import type { TableContext } from '../table/staged-table.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'

/** One of the two lakes, as far as rows are read from it. */
export interface ReadableLake {
  readonly context: Pick<TableContext, 'io' | 'manifests'>
  readonly engine: Engine
}

/** A version of a table in the source, and its copy. */
export interface TableCopy {
  readonly identifier: TableIdentifier
  readonly source: TableMetadata
  readonly target: TableMetadata
}

/**
 * Reads all rows of both, deletes applied, and compares their number and the sum of their hashes. Resolves with the number.
 * @throws DATA_INVALID when they differ
 */
export async function compareRows(
  { identifier, source, target }: TableCopy,
  lakes: { readonly source: ReadableLake; readonly target: ReadableLake },
  signal: AbortSignal,
): Promise<number> {
  const before = await digestRows(lakes.source, source, signal)
  const after = await digestRows(lakes.target, target, signal)
  if (before.rows === after.rows && before.hashes === after.hashes) return before.rows
  const table = formatIdentifier(identifier)
  throw new IngotError(
    'DATA_INVALID',
    `the copy of ${table} has ${after.rows} rows with checksum ${after.hashes}, the table ${before.rows} with ${before.hashes}`,
    {
      hint: 'keep the source, and report this: a copy must never differ',
      context: { table },
    },
  )
}

async function digestRows(
  { context, engine }: ReadableLake,
  metadata: TableMetadata,
  signal: AbortSignal,
): Promise<{ readonly rows: number; readonly hashes: string }> {
  const select = scanSql(metadata, await planScan(context, metadata))
  const { rows } = await engine.session({ label: 'copy', signal }, session =>
    session.query(
      `SELECT count(*), coalesce(sum(CAST(hash(t) AS HUGEINT)), 0)::VARCHAR FROM (${select}) AS t`,
    ),
  )
  const [count, hashes] = rows[0] ?? []
  return { rows: Number(count), hashes: String(hashes) }
}
