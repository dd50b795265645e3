import type { Lake } from '../lake/lake.ts'
import type { EngineSession } from '../table/engine.ts'
import { identifierKey } from '../table-identifier.ts'
import { type DefinitionParts, definitionParts } from './definition-parts.ts'
import { prepareQuery, type RefreshQueries } from './prepare-query.ts'
import type { DerivedTable } from './winning-rows.ts'

/** A derived table as far as it can be understood before anything runs. */
export interface PreparedTable {
  readonly parts: DefinitionParts
  /** Undefined for a map table: there is no query. */
  readonly queries: RefreshQueries | undefined
}

const NO_FUNCTIONS = {
  scalars: new Set<string>(),
  aggregates: new Set<string>(),
  volatile: new Set<string>(),
}

/** Declarations never change, so what was understood of one holds for as long as it lives. */
const prepared = new WeakMap<DerivedTable, PreparedTable>()

/** Understands a table of the lake; the first call for it asks the engine, later ones remember. */
export async function prepareTable(
  session: EngineSession,
  lake: Lake,
  table: DerivedTable,
): Promise<PreparedTable> {
  const known = prepared.get(table)
  if (known !== undefined) return known
  const columns = new Map(
    lake.tables.map(other => [identifierKey(other.identifier), other.columns.map(({ name }) => name)]),
  )
  const result: PreparedTable =
    table.kind === 'map'
      ? { parts: definitionParts(table, undefined, NO_FUNCTIONS), queries: undefined }
      : await prepareQuery(session, table, input => columns.get(identifierKey(input)) ?? [])
  prepared.set(table, result)
  return result
}
