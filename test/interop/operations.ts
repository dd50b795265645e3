import assert from 'node:assert/strict'
import type { LoadedTable } from '../../src/catalog/catalog.ts'
import type { EngineValue } from '../../src/table/engine.ts'
import type { InteropLake } from './interop-lake.ts'
import type { StoreName } from './interop-store.ts'
import type { TableFacts } from './table-facts.ts'

/** What is tried with every engine on every store; the rows of the table in docs/interop.md, in its order. */
export const OPERATIONS = [
  'reads bronze, silver, gold, quarantine and system tables',
  'filters by partitions, texts, times, decimals and nulls',
  'reads a snapshot by its id',
  'reads a table as of a time',
  'lists snapshots and files',
  'appends to bronze, and a run takes the rows up',
  'deletes in bronze, and a run takes the rows back',
  'makes, lists and drops nested namespaces',
  'creates a partitioned table and appends to it',
  'creates a table with its rows, in one commit',
  'replaces a table',
  'renames a table',
  'drops a table',
  'registers a table by its metadata file',
  'sets and removes table properties',
  'writes columns of every type that it has',
  'writes hostile names of tables and columns',
  'deletes rows where the path of the files is not ASCII',
  'overwrites rows by a filter',
  'overwrites the partitions of the new rows',
  'updates rows',
  'deletes rows by rewriting files',
  'deletes rows by position deletes (v2)',
  'deletes rows by deletion vectors (v3)',
  'merges rows by a key',
  'commits several changes of a table at once',
  'commits changes of several tables at once',
  'adds, renames and drops columns',
  'moves columns',
  'widens a column',
  'adds and renames fields of a struct',
  'adds a column with a default (v3)',
  'changes the partition spec, and writes by it',
  'sets the sort order',
  'writes to a branch, and fast-forwards main to it',
  'tags a snapshot, and reads it by the tag',
  'rolls back to a snapshot',
  'cherry-picks a staged snapshot',
  'rewrites data files',
  'rewrites manifests',
  'rewrites position deletes',
  'expires snapshots',
  'removes orphan files',
  'takes in Parquet files that are there',
  'creates, lists and drops a view',
  'replaces a view',
  'reads rows through a view',
] as const
export type OperationName = (typeof OPERATIONS)[number]

export const ENGINES = ['PyIceberg', 'DuckDB', 'Spark'] as const
export type EngineName = (typeof ENGINES)[number]

/** An engine that is connected to the catalog of a lake. */
export interface ConnectedEngine {
  /** What its statements call a table, `namespace.table`, of that catalog. */
  nameOf(table: string): string
  /** Runs statements in the engine's own language; what each of them gave. */
  run(...statements: readonly string[]): Promise<readonly unknown[]>
  /** What it reads from the table. */
  facts(table: LoadedTable): Promise<TableFacts>
  close(): Promise<void>
}

/** What an operation has to work with. */
export interface Lab {
  readonly lake: InteropLake
  readonly engine: ConnectedEngine
  /** The name, `namespace.table`, of a table that no other operation has. */
  readonly table: string
  /** What the engine's statements call that table. */
  readonly its: string
  /** What Ingot itself reads. `at` as in `ingot query --at`. */
  rows(sql: string, at?: string): Promise<readonly (readonly EngineValue[])[]>
}

/** Works on one store: throws when the engine, or what Ingot reads afterwards, is not as it should be. */
type Work = (lab: Lab) => Promise<void>

/** How an engine fares with an operation. */
export type Operation =
  | { readonly expect: 'yes'; readonly work: Work }
  | { readonly expect: 'refused' | 'not offered'; readonly message: RegExp; readonly work: Work }

/** An engine says of every operation what it makes of it, on each store alike or on each for itself. */
export type Operations = Readonly<Record<OperationName, Operation | Readonly<Record<StoreName, Operation>>>>

export const works = (work: Work): Operation => ({ expect: 'yes', work })

/** The engine has such an operation and will not do this one. `message` are its words; what matches is quoted in the docs. */
export const refuses = (message: RegExp, work: Work): Operation => ({ expect: 'refused', message, work })

/** The engine knows no such call or statement, and says that. */
export const lacks = (message: RegExp, work: Work): Operation => ({ expect: 'not offered', message, work })

/** What came of an operation. */
export interface Outcome {
  readonly result: Operation['expect']
  /** The engine's own words when it refused. */
  readonly words?: string
}

/** What came of each operation on each store that was there. */
export type Outcomes = ReadonlyMap<StoreName, ReadonlyMap<OperationName, Outcome>>

/** What an engine makes of an operation on one store. */
export function operationOn(operations: Operations, name: OperationName, store: StoreName): Operation {
  const said = operations[name]
  return 'work' in said ? said : said[store]
}

/** Does an operation's work, and checks that the engine fares as was said. */
export async function outcomeOf(operation: Operation, lab: Lab): Promise<Outcome> {
  if (operation.expect === 'yes') {
    await operation.work(lab)
    return { result: 'yes' }
  }
  const error = await operation.work(lab).then(
    () => assert.fail('the engine does what it did not do before: say so in its operations'),
    (error: Error) => error,
  )
  const words = operation.message.exec(error.message)?.[0]
  if (words === undefined) throw error
  return { result: operation.expect, ...(operation.expect === 'refused' && { words }) }
}
