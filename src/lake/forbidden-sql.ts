import { type EngineFunctions, MOMENTS } from './engine-functions.ts'
import { byteOffsetOf, nodeAt, nodesOf, type SqlNode, textAt, textsAt } from './sql-tree.ts'

/** What stands in a query and may not: its place in the text, why, and what to write. */
export interface Forbidden {
  readonly byteOffset: number
  readonly cause: string
  readonly fix: string
}

/** Table functions that read nothing but their arguments. */
const TABLE_FUNCTIONS = new Set(['unnest', 'range', 'generate_series', 'json_each', 'json_tree', 'repeat'])

/** The engine's own column of every table that has none of that name. */
const STORED_PLACE = 'rowid'

const CHANCE = new Set([
  'random',
  'setseed',
  'uuid',
  'uuidv4',
  'uuidv7',
  'gen_random_uuid',
  'nextval',
  'currval',
])

/**
 * What in `tree` would make a table's rows depend on anything but its inputs' rows: a refresh from the changes would then
 * differ from a recompute. `columns` are names that mean a column even where they could mean the moment.
 */
export function findForbidden(
  tree: SqlNode,
  functions: EngineFunctions,
  columns: ReadonlySet<string>,
): readonly Forbidden[] {
  return [...nodesOf(tree)].flatMap(node => {
    const fault = faultOfNode(node, functions, columns)
    return fault ? [{ byteOffset: byteOffsetOf(node), ...fault }] : []
  })
}

type Fault = Omit<Forbidden, 'byteOffset'>

function faultOfNode(
  node: SqlNode,
  functions: EngineFunctions,
  columns: ReadonlySet<string>,
): Fault | undefined {
  if (node.type === 'TABLE_FUNCTION') return faultOfTableFunction(nodeAt(node, 'function') ?? {})
  if (node.class === 'FUNCTION') return faultOfFunction(node, functions)
  if (node.class === 'COLUMN_REF') return faultOfColumn(node, columns)
  if (node.class === 'PARAMETER')
    return {
      cause: 'a query has no parameters',
      fix: 'interpolate the value: the sql tag makes a literal of it',
    }
  if (node.type === 'SHOW_REF')
    return { cause: 'this describes the engine, it reads no rows', fix: 'select from a table of the lake' }
  if (node.sample)
    return {
      cause: 'a sample is other rows each time',
      fix: 'keep rows by their content: where hash(id) % 100 < 10',
    }
  if (node.at_clause) return { cause: 'a query reads the present state of a table', fix: 'leave AT out' }
  return undefined
}

function faultOfTableFunction(call: SqlNode): Fault | undefined {
  const name = textAt(call, 'function_name').toLowerCase()
  if (TABLE_FUNCTIONS.has(name)) return undefined
  return {
    cause: `${name}() reads from outside of the lake`,
    fix: 'declare a bronze table with files(…) and read that',
  }
}

function faultOfFunction(node: SqlNode, functions: EngineFunctions): Fault | undefined {
  const name = textAt(node, 'function_name').toLowerCase()
  const isAgeOfNow = name === 'age' && Array.isArray(node.children) && node.children.length === 1
  if (isAgeOfNow) return ofTheMoment('age() of one argument')
  if (!functions.volatile.has(name)) return undefined
  if (CHANCE.has(name)) {
    return {
      cause: `${name}() gives another answer each time, so that a refresh from the changes would differ from a recompute`,
      fix: 'derive the value from the row: md5(id) or hash(id)',
    }
  }
  return ofTheMoment(`${name}()`)
}

function faultOfColumn(node: SqlNode, columns: ReadonlySet<string>): Fault | undefined {
  const names = textsAt(node, 'column_names')
  const name = (names.at(-1) ?? '').toLowerCase()
  if (columns.has(name)) return undefined
  if (name === STORED_PLACE)
    return {
      cause: `${name} is where a row happens to be stored`,
      fix: 'use _source and _position of a bronze table',
    }
  return names.length === 1 && MOMENTS.has(name) ? ofTheMoment(name) : undefined
}

function ofTheMoment(what: string): Fault {
  return {
    cause: `${what} depends on when the query runs, so that a refresh from the changes would differ from a recompute`,
    fix: 'use a time of the row, such as _ingested_at of a bronze table',
  }
}
