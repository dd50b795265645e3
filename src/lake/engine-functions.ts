import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'

/** What the engine says of its functions, by name in lower case; a name in none of the sets is unknown. */
export interface EngineFunctions {
  /** Their value follows from their arguments, for each row by itself. */
  readonly scalars: ReadonlySet<string>
  /** Macros that aggregate are among them. */
  readonly aggregates: ReadonlySet<string>
  /** Answers that differ from call to call, from day to day, or with the session. */
  readonly volatile: ReadonlySet<string>
}

/** Answers that depend on the session or the moment, and that the engine does not list as such. */
const VOLATILE = [
  'getvariable',
  'current_setting',
  'getenv',
  'localtime',
  'localtimestamp',
  'current_time',
  'current_timestamp',
]

/** Of the moment: written without parentheses they look like columns. */
export const MOMENTS: ReadonlySet<string> = new Set([
  'current_date',
  'current_timestamp',
  'current_time',
  'localtime',
  'localtimestamp',
])

/** Asks for the functions called `names`, and for all that are no scalars of the row. @default names: every function */
export async function loadEngineFunctions(
  session: EngineSession,
  names?: readonly string[],
): Promise<EngineFunctions> {
  const asked = names?.map(name => quoteLiteral(name)).join(', ')
  const scalars = asked === undefined ? 'true' : asked === '' ? 'false' : `lower(function_name) IN (${asked})`
  const { rows } = await session.query(`
    SELECT DISTINCT lower(function_name), function_type, coalesce(stability, 'CONSISTENT') <> 'CONSISTENT', coalesce(macro_definition, '')
    FROM duckdb_functions()
    WHERE function_type IN ('aggregate', 'macro') OR (function_type = 'scalar' AND (stability <> 'CONSISTENT' OR ${scalars}))`)
  const functions = {
    scalars: new Set<string>(),
    aggregates: new Set<string>(),
    volatile: new Set<string>(VOLATILE),
  }
  const macros = new Map<string, string>()
  for (const [nameValue, type, varies, definition] of rows) {
    const name = String(nameValue)
    if (type === 'macro') macros.set(name, String(definition).toLowerCase())
    // `error` gives no answer, which is always the same.
    else if (varies === true && name !== 'error') functions.volatile.add(name)
    else if (type === 'aggregate') functions.aggregates.add(name)
    else functions.scalars.add(name)
  }
  for (const name of macros.keys()) classifyMacro(name, macros, functions)
  return functions
}

/** A macro is what its text calls, and what the macros call that it calls. One that gives several rows a row stays unknown. */
function classifyMacro(
  name: string,
  macros: ReadonlyMap<string, string>,
  functions: { readonly [kind in keyof EngineFunctions]: Set<string> },
): void {
  const called = new Set([name])
  let varies = false
  for (const caller of called) {
    const definition = macros.get(caller) ?? ''
    for (const [, callee = ''] of definition.matchAll(/(\w+)\(/g)) called.add(callee)
    varies ||= [...definition.matchAll(/\w+/g)].some(([word]) => MOMENTS.has(word))
  }
  const calls = (kind: ReadonlySet<string>): boolean => [...called].some(callee => kind.has(callee))
  if (varies || calls(functions.volatile)) functions.volatile.add(name)
  else if (called.has('unnest')) return
  else if (calls(functions.aggregates)) functions.aggregates.add(name)
  else functions.scalars.add(name)
}
