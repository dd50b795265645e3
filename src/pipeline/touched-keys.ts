import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { KEYS_RELATION, keyColumnName } from './query-analysis.ts'

/** The touched keys under the names of the table's columns. */
export const KEY_NAMES_VIEW = 'ingot_key_names'

/** Keeps the keys that `selects` give, each once, for the queries that recompute and replace them. */
export async function createTouchedKeys(
  session: EngineSession,
  keyColumns: readonly string[],
  selects: readonly string[],
): Promise<void> {
  const all = selects.map(select => `(${select}\n)`).join('\nUNION ALL\n')
  await session.query(`CREATE OR REPLACE TEMP TABLE ${KEYS_RELATION} AS SELECT DISTINCT * FROM (${all})`)
  const names = keyColumns.map((column, index) => `${keyColumnName(index)} AS ${quoteIdentifier(column)}`)
  await session.query(
    `CREATE OR REPLACE TEMP VIEW ${KEY_NAMES_VIEW} AS SELECT ${names.join(', ')} FROM ${KEYS_RELATION}`,
  )
}
