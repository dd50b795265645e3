import type { CreateTableRequest } from '../../src/catalog/catalog.ts'
import { isIngotError } from '../../src/errors.ts'
import type { TableIdentifier } from '../../src/table-identifier.ts'
import { type Row, readRows, toRows } from './blob-files.ts'
import type { Process } from './world.ts'

/** What a run left wrong. */
export interface Damage {
  readonly type: 'lost' | 'duplicated' | 'unreadable' | 'inconsistent' | 'stuck'
  readonly what: string
}

/** A piece of work that the protocol must bring to its end exactly once, whatever happens on the way. */
export interface Scenario {
  readonly tables: readonly TableIdentifier[]
  /** One process each, at the same time; started again when it died. It may be called when its work is done already. */
  readonly workers: readonly ((process: Process) => Promise<void>)[]
  /** Called when all workers are done. */
  verify(context: Process['context']): Promise<readonly Damage[]>
}

/** A scenario holds what its clients remember durably, so that each run has its own. */
export interface ScenarioKind {
  readonly name: string
  create(): Scenario
}

/** More failures in a row than a run's faults and rivals can cause. */
const ATTEMPTS_MAX = 40

function tableRequest(identifier: TableIdentifier): CreateTableRequest {
  return {
    identifier,
    schema: {
      type: 'struct',
      'schema-id': 0,
      fields: [
        { id: 1, name: 'key', required: false, type: 'string' },
        { id: 2, name: 'value', required: false, type: 'long' },
      ],
    },
  }
}

export async function createTables(
  context: Process['context'],
  tables: readonly TableIdentifier[],
): Promise<void> {
  const namespaces = new Set(tables.map(table => JSON.stringify(table.namespace)))
  for (const namespace of namespaces) await context.catalog.createNamespace(JSON.parse(namespace))
  for (const table of tables) await context.catalog.createTable(tableRequest(table))
}

/** Calls `attempt` until it says that there is nothing left to do. What fails as the product fails is tried again. */
export async function repeatUntilDone(attempt: () => Promise<'done' | 'more'>): Promise<void> {
  let failuresCount = 0
  for (;;) {
    try {
      if ((await attempt()) === 'done') return
      failuresCount = 0
    } catch (error) {
      if (!isIngotError(error) || ++failuresCount === ATTEMPTS_MAX) throw error
    }
  }
}

/** Whether the product says, with this failure of a commit, that nothing was applied. */
export function saysNotApplied(error: unknown): boolean {
  return isIngotError(error) && error.code !== 'COMMIT_STATE_UNKNOWN'
}

export async function currentRows(
  context: Process['context'],
  table: TableIdentifier,
): Promise<readonly Row[]> {
  const { metadata } = await context.catalog.loadTable(table)
  return toRows(await readRows(context, metadata))
}

/** Compares rows as a multiset of their keys and values. */
export function compareRows(
  table: string,
  found: readonly Row[],
  expected: readonly Row[],
): readonly Damage[] {
  const counts = new Map<string, number>()
  const add = (row: Row, change: number): void => {
    const text = `${row.key}=${row.value}`
    counts.set(text, (counts.get(text) ?? 0) + change)
  }
  for (const row of found) add(row, 1)
  for (const row of expected) add(row, -1)
  return [...counts].flatMap(([row, surplus]): Damage[] => {
    if (surplus === 0) return []
    return [{ type: surplus > 0 ? 'duplicated' : 'lost', what: `${table}: ${row} (${surplus})` }]
  })
}

/** Reads every snapshot of every table in full. */
export async function findUnreadable(
  context: Process['context'],
  tables: readonly TableIdentifier[],
): Promise<readonly Damage[]> {
  const damages: Damage[] = []
  for (const table of tables) {
    try {
      const { metadata } = await context.catalog.loadTable(table)
      for (const snapshot of metadata.snapshots) await readRows(context, metadata, snapshot['snapshot-id'])
    } catch (error) {
      damages.push({ type: 'unreadable', what: `${table.name}: ${String(error)}` })
    }
  }
  return damages
}
