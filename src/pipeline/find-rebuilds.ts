import { isIngotError } from '../errors.ts'
import { currentSchema } from '../format/schema.ts'
import type { Lake, LakeTable } from '../lake/lake.ts'
import type { Engine } from '../table/engine.ts'
import type { StagedTable } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { Circumstances } from './decide-action.ts'
import { breakingChange, DEFINITION_PROPERTY, parseDefinitionParts } from './definition-parts.ts'
import { type PreparedTable, prepareTable } from './prepared-table.ts'
import { readRefreshProgress } from './refresh-progress.ts'
import type { SelectedTables } from './run-options.ts'
import { removedColumns } from './schema-changes.ts'
import type { DerivedTable } from './winning-rows.ts'

/** What a decision needs to be told of each table that must be rebuilt. */
export type Rebuilds = ReadonlyMap<LakeTable, NonNullable<Circumstances['rebuild']>>

interface Redefined {
  readonly table: DerivedTable
  readonly staged: StagedTable
}

/**
 * Finds the tables that must be rebuilt because their definition changed by more than additions, those left out that are asked to
 * be. All at once, and before anything is refreshed: one command then rebuilds them, instead of one after the other.
 */
export async function findRebuilds(
  { engine, lake, transaction }: { engine: Engine; lake: Lake; transaction: Transaction },
  { tables, isFullRefresh }: SelectedTables,
): Promise<Rebuilds> {
  const found = await Promise.all(
    tables.map(table =>
      table.kind === 'bronze' || isFullRefresh(table) ? undefined : findRedefined(transaction, table),
    ),
  )
  const redefined = found.filter(item => item !== undefined)
  if (redefined.length === 0) return new Map()
  const reasons = await engine.session({ label: 'definitions' }, async session => {
    const reasoned: (readonly [DerivedTable, string])[] = []
    for (const { table, staged } of redefined) {
      const reason = await unlessItFails(async () =>
        reasonToRebuild(staged, table, await prepareTable(session, lake, table)),
      )
      if (reason !== undefined) reasoned.push([table, reason])
    }
    return reasoned
  })
  const hint = rebuildCommand(reasons.map(([table]) => table))
  return new Map(reasons.map(([table, reason]) => [table, { reason, hint }]))
}

async function findRedefined(transaction: Transaction, table: DerivedTable): Promise<Redefined | undefined> {
  const staged = await unlessItFails(() => transaction.table(table.identifier))
  if (staged === undefined) return undefined
  const { properties } = staged.metadata
  const definition = readRefreshProgress(staged.metadata)?.definition
  const isRedefined =
    definition === undefined
      ? properties[DEFINITION_PROPERTY] !== undefined
      : definition !== table.definitionHash
  return isRedefined ? { table, staged } : undefined
}

/** A table that cannot be examined fails by itself when its turn comes, and the others go on. */
async function unlessItFails<T>(examine: () => Promise<T>): Promise<T | undefined> {
  try {
    return await examine()
  } catch (error) {
    if (isIngotError(error)) return undefined
    throw error
  }
}

function reasonToRebuild(
  staged: StagedTable,
  table: DerivedTable,
  prepared: PreparedTable,
): string | undefined {
  const previous = parseDefinitionParts(staged.metadata.properties[DEFINITION_PROPERTY])
  const broken =
    previous === undefined ? 'how it was made is not known' : breakingChange(previous, prepared.parts)
  if (broken !== undefined) return `its definition changed: ${broken}`
  const [column] = removedColumns(currentSchema(staged.metadata), table.columns)
  return column === undefined ? undefined : `column ${column} is gone or of another type`
}

function rebuildCommand(tables: readonly LakeTable[]): string {
  const options = tables.map(({ identifier }) => `--full-refresh ${formatIdentifier(identifier)}`)
  return `ingot run ${options.join(' ')}`
}
