import type { EngineSession } from '../table/engine.ts'

/** Keeps the rows of a SELECT for the rest of the session, under a quoted name. Returns how many there are. */
export async function keepRows(session: EngineSession, relation: string, select: string): Promise<number> {
  const { rows } = await session.query(`CREATE OR REPLACE TABLE ${relation} AS ${select}`)
  return Number(rows[0]?.[0])
}
