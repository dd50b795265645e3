import { pathToFileURL } from 'node:url'
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { MapTask } from '../table/engine.ts'
import type { DuckdbSession } from './duckdb-session.ts'
import { createRowBuilder, type InputRow } from './input-rows.ts'
import { assertKnownNames, isPlainObject, MapValueError, toDuckdbValue } from './map-values.ts'
import { StatementFailure } from './statement-failure.ts'

type MapFunction = (row: InputRow) => unknown

/**
 * Runs a MapTask on `session`: one row after another, in the order of the source, so that a function sees them the same way
 * each time. map-values.ts says what rows hold.
 * @throws StatementFailure, of type `map` when the function threw or returned what does not fit
 */
export async function mapRows(
  session: DuckdbSession,
  task: MapTask,
): Promise<{ readonly rowsIn: number; readonly rowsOut: number }> {
  const map = await loadMapFunction(task)
  const names = task.columns.map(column => column.name)
  let rowsIn = 0
  let rowsOut = 0
  await session.writeTable(task.into, task.columns, async (append, types) => {
    const { columns, batches } = await session.stream(task.sourceSql)
    const toRow = createRowBuilder(columns.map(column => column.name))
    for await (const batch of batches) {
      for (const values of batch) {
        const outputs = await mapRow(map, toRow(values), names, types)
        session.throwIfInterrupted()
        outputs.forEach(append)
        rowsIn += 1
        rowsOut += outputs.length
      }
    }
  })
  return { rowsIn, rowsOut }
}

async function loadMapFunction(task: MapTask): Promise<MapFunction> {
  let module: Readonly<Record<string, unknown>>
  try {
    module = await import(pathToFileURL(task.modulePath).href)
  } catch (error) {
    throw mapFailure(`the project ${task.modulePath} cannot be loaded: ${messageOf(error)}`, error)
  }
  const declaration = module[task.exportName]
  const map = (declaration as { readonly map?: unknown } | null | undefined)?.map
  if (typeof map === 'function') return row => map.call(declaration, row)
  throw mapFailure(`the export ${task.exportName} of ${task.modulePath} has no function map`)
}

async function mapRow(
  map: MapFunction,
  row: InputRow,
  names: readonly string[],
  types: readonly DuckDBType[],
): Promise<DuckDBValue[][]> {
  let outputs: unknown
  try {
    const returned = map(row)
    outputs = isThenable(returned) ? await returned : returned
  } catch (error) {
    throw mapFailure(messageOf(error), error, row)
  }
  try {
    return convertOutputs(outputs, names, types)
  } catch (error) {
    if (error instanceof MapValueError) throw mapFailure(error.message, undefined, row)
    throw error
  }
}

function convertOutputs(
  outputs: unknown,
  names: readonly string[],
  types: readonly DuckDBType[],
): DuckDBValue[][] {
  if (!Array.isArray(outputs)) throw new MapValueError('map returned something else than an array of rows')
  return outputs.map((output: unknown, index) => {
    if (!isPlainObject(output)) throw new MapValueError(`row ${index} of what map returned is not an object`)
    assertKnownNames(output, names, 'a row that map returned')
    return types.map((type, column) => {
      const name = names[column] ?? ''
      return toDuckdbValue(Object.hasOwn(output, name) ? output[name] : null, type, name)
    })
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function mapFailure(message: string, cause?: unknown, row?: InputRow): StatementFailure {
  return new StatementFailure({
    type: 'map',
    message,
    ...(row ? { row: shownRow(row) } : {}),
    ...(cause instanceof Error && cause.stack ? { stack: cause.stack } : {}),
  })
}

const SHOWN_ROW_LENGTH_MAX = 1000

function shownRow(row: InputRow): string {
  const text = JSON.stringify(row, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
  })
  return text.length > SHOWN_ROW_LENGTH_MAX ? `${text.slice(0, SHOWN_ROW_LENGTH_MAX)}…` : text
}
