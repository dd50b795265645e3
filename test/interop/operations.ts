import assert from 'node:assert/strict'
import type { EngineValue } from '../../src/table/engine.ts'
import type { InteropLake } from './interop-lake.ts'
import type { StoreName } from './interop-store.ts'

/** What is tried with every engine on every store; the rows of the table in docs/interop.md, in its order. */
export const OPERATIONS = ['creates a partitioned table', 'appends rows', 'deletes rows by a filter'] as const
export type OperationName = (typeof OPERATIONS)[number]

export const ENGINES = ['PyIceberg', 'DuckDB', 'Spark'] as const
export type EngineName = (typeof ENGINES)[number]

/** What an operation has to work with. */
export interface Lab {
  readonly lake: InteropLake
  /** The name, `namespace.table`, of a table that no other operation has. */
  readonly table: string
  /** Runs statements in the engine's own language; what each of them gave. */
  run(...statements: readonly string[]): Promise<readonly unknown[]>
  /** What Ingot itself reads. `at` as in `ingot query --at`. */
  rows(sql: string, at?: string): Promise<readonly (readonly EngineValue[])[]>
}

/** Works on one store: throws when the engine, or what Ingot reads afterwards, is not as it should be. */
export type Work = (lab: Lab) => Promise<void>

/** How an engine fares with an operation. */
export type Operation =
  | { readonly expect: 'yes'; readonly work: Work }
  | { readonly expect: 'refused' | 'not offered'; readonly message: RegExp; readonly work: Work }

/** An engine says of every operation what it makes of it. */
export type Operations = Readonly<Record<OperationName, Operation>>

export const works = (work: Work): Operation => ({ expect: 'yes', work })

/** The engine has such an operation and will not do this one. `message` are its words; what matches is quoted in the docs. */
export const refuses = (message: RegExp, work: Work): Operation => ({ expect: 'refused', message, work })

/** The engine knows no such call or statement, and says that. */
export const lacks = (message: RegExp, work: Work): Operation => ({ expect: 'not offered', message, work })

/** What came of an operation, the same on every store. */
export interface Outcome {
  readonly result: Operation['expect']
  /** The engine's own words when it refused. */
  readonly words?: string
}

/** What came of each operation on each store that was there. */
export type Outcomes = ReadonlyMap<StoreName, ReadonlyMap<OperationName, Outcome>>

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
