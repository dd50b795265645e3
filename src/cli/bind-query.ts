import { IngotError, isIngotError } from '../errors.ts'
import { readEngineMessage } from '../lake/engine-message.ts'
import type { EngineColumn, EngineSession } from '../table/engine.ts'

/** What the engine calls a refusal of the text itself, as opposed to a failure while it runs. */
const REFUSALS: readonly unknown[] = ['Binder', 'Catalog', 'Parser', 'Not implemented', 'Syntax']

/**
 * The columns that a query gives, its rows not read.
 * @throws QUERY_INVALID when it names what is not there, or puts together what does not fit
 */
export async function bindQuery(session: EngineSession, sql: string): Promise<readonly EngineColumn[]> {
  const statement = `SELECT * FROM (${sql}\n) LIMIT 0`
  try {
    return (await session.query(statement)).columns
  } catch (error) {
    const message = readEngineMessage(error, statement)
    if (!message || !isIngotError(error) || !REFUSALS.includes(error.context.exceptionType)) throw error
    throw new IngotError('QUERY_INVALID', message.cause, { cause: error, hint: message.fix })
  }
}

/** The names of a query's columns as it gives them: bindQuery adds a number to those that occur twice. */
export async function columnNamesOf(session: EngineSession, sql: string): Promise<readonly string[]> {
  const { rows } = await session.query(`DESCRIBE ${sql}`)
  return rows.map(([name]) => String(name))
}
