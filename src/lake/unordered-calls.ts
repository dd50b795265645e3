import { has, nodeAt, type SqlNode, textAt, walk } from './sql-tree.ts'

/** Aggregates whose value depends on the order in which they see their rows. */
const ORDERED_AGGREGATES: ReadonlySet<string> = new Set([
  'first',
  'last',
  'any_value',
  'arbitrary',
  'list',
  'array_agg',
  'string_agg',
  'group_concat',
  'listagg',
])

/** Window functions that number or look around in the order of their window. */
const ORDERED_WINDOWS: ReadonlySet<string> = new Set([
  ...ORDERED_AGGREGATES,
  'row_number',
  'ntile',
  'lag',
  'lead',
  'first_value',
  'last_value',
  'nth_value',
])

/** What makes one list of all orders of its items. */
const SORTING: ReadonlySet<string> = new Set([
  'list_sort',
  'array_sort',
  'list_reverse_sort',
  'array_reverse_sort',
])

/** Calls in a query whose result depends on an order of rows that nobody gave: a recompute may differ from a refresh. */
export function unorderedCalls(query: SqlNode): readonly SqlNode[] {
  const found: SqlNode[] = []
  walk(query, node => {
    if (isUnordered(node)) found.push(node)
    return !SORTING.has(nameOf(node))
  })
  return found
}

/** What the user should know of such a call; `place` is where it is written. */
export function unorderedNote(call: SqlNode, place: string): string {
  const name = nameOf(call)
  const fix = call.class === 'WINDOW' ? `over (… order by …)` : `${name}(… order by …)`
  return `${name}() in ${place} takes rows in an order that is not defined: a recompute may give another result; write ${fix}`
}

function isUnordered(node: SqlNode): boolean {
  const name = nameOf(node)
  if (node.class === 'WINDOW')
    return ORDERED_WINDOWS.has(name) && !has(node, 'orders') && !has(node, 'arg_orders')
  if (node.class !== 'FUNCTION' || !ORDERED_AGGREGATES.has(name)) return false
  return !has(nodeAt(node, 'order_bys') ?? {}, 'orders')
}

function nameOf(node: SqlNode): string {
  return textAt(node, 'function_name').toLowerCase()
}
