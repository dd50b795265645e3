import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'
import type { Lake, LakeTable } from '../lake/lake.ts'
import type { Random } from '../random.ts'
import type { Engine } from '../table/engine.ts'
import type { TableContext } from '../table/staged-table.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { BronzeLoader } from './bronze-loader.ts'

/** What planning and running need from outside. */
export interface PipelineDependencies {
  readonly context: TableContext
  readonly engine: Engine
  readonly loader: BronzeLoader
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly random: Random
}

export interface PlanOptions {
  /** Names like `silver.orders`, or `silver` for all tables of it. @default every table of the lake */
  readonly tables?: readonly string[]
  /** Tables to recompute from all their inputs, whatever changed. @default none */
  readonly fullRefresh?: readonly string[]
}

/** The tables that a plan or run is about, inputs before what reads them, and which of them to recompute. */
export interface SelectedTables {
  readonly tables: readonly LakeTable[]
  readonly isFullRefresh: (table: LakeTable) => boolean
}

/** @throws REQUEST_INVALID for a name that is no table of the lake, or a bronze table to be recomputed */
export function selectTables(lake: Lake, options: PlanOptions): SelectedTables {
  const byName = new Map(lake.tables.map(table => [formatIdentifier(table.identifier), table]))
  const find = (name: string): LakeTable => {
    const table = byName.get(name)
    if (table !== undefined) return table
    throw new IngotError('REQUEST_INVALID', `the lake has no table ${name}`, {
      hint: `its tables are ${[...byName.keys()].join(', ')}`,
    })
  }
  const findAll = (name: string): readonly LakeTable[] => {
    const inside = lake.tables.filter(({ identifier }) => identifier.namespace.join('.') === name)
    return inside.length > 0 ? inside : [find(name)]
  }
  const full = new Set((options.fullRefresh ?? []).map(find))
  for (const table of full) {
    if (table.kind === 'bronze')
      throw new IngotError(
        'REQUEST_INVALID',
        `${formatIdentifier(table.identifier)} is loaded, not computed: it cannot be recomputed`,
        {
          hint: `to load it anew from all its files: ingot drop ${formatIdentifier(table.identifier)}, then ingot run`,
        },
      )
  }
  const named = options.tables === undefined ? undefined : new Set(options.tables.flatMap(findAll))
  const isSelected = (table: LakeTable): boolean => named === undefined || named.has(table) || full.has(table)
  return { tables: lake.tables.filter(isSelected), isFullRefresh: table => full.has(table) }
}

/** The tables among `tables` that `table` reads. */
export function inputsAmong(table: LakeTable, tables: readonly LakeTable[]): readonly LakeTable[] {
  if (table.kind === 'bronze') return []
  const keys = new Set(table.inputs.map((input: TableIdentifier) => identifierKey(input)))
  return tables.filter(other => keys.has(identifierKey(other.identifier)))
}
