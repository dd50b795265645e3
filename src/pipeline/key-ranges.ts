import { has, nodeAt, nodesAt, type SqlNode, textAt } from '../lake/sql-tree.ts'
import type { UnderstoodSelect } from './build-from-tree.ts'
import { type FromTree, slotsOf, type TableSlot } from './from-tree.ts'
import { type KeyColumn, plainColumn } from './output-keys.ts'
import type { KeyRange } from './query-analysis.ts'
import { resolveColumn } from './query-scope.ts'

const TRUNCATION_WIDTHS: Readonly<Record<string, string>> = {
  second: '1 second',
  minute: '1 minute',
  hour: '1 hour',
  day: '1 day',
  week: '7 days',
  month: '1 month',
  quarter: '3 months',
  year: '1 year',
}

/**
 * The keys that bound what a recomputation reads: those that are a column of an input, or a date cut from one. Only an input that
 * is mentioned once counts, and not on the right of a left join, where a row that is left out would change others.
 */
export function keyRanges(understood: UnderstoodSelect, keys: readonly KeyColumn[]): readonly KeyRange[] {
  const slots = slotsOf(understood.from)
  return keys.flatMap(({ expression }, keyIndex) => {
    const bounded = boundedColumn(expression)
    const names = bounded && plainColumn(bounded.column)
    const resolved = names === undefined ? undefined : resolveColumn(understood.scope, names)
    if (bounded === undefined || names === undefined || resolved === undefined || names.length > 2) return []
    const slot = tableCalled(understood.from, resolved.relation.alias)
    const isField = names.length === 2 && names[0]?.toLowerCase() !== resolved.relation.alias.toLowerCase()
    if (slot === undefined || isField || slots.filter(({ input }) => input === slot.input).length > 1)
      return []
    return [{ keyIndex, input: slot.input, column: resolved.column, width: bounded.width }]
  })
}

function boundedColumn(expression: SqlNode): { column: SqlNode; width: string | undefined } | undefined {
  if (expression.class === 'COLUMN_REF') return { column: expression, width: undefined }
  if (expression.class === 'CAST') {
    const column = nodeAt(expression, 'child')
    const toDate = textAt(nodeAt(expression, 'cast_type') ?? {}, 'id') === 'DATE'
    return column !== undefined && toDate ? { column, width: '1 day' } : undefined
  }
  if (textAt(expression, 'function_name').toLowerCase() !== 'date_trunc') return undefined
  const [unit, column] = nodesAt(expression, 'children')
  const width = TRUNCATION_WIDTHS[textAt(nodeAt(unit ?? {}, 'value') ?? {}, 'value').toLowerCase()]
  return column === undefined || width === undefined ? undefined : { column, width }
}

/** The table of the outermost FROM clause with this alias, unless it stands on the right of a left join. */
function tableCalled(tree: FromTree, alias: string): TableSlot | undefined {
  if (tree.type === 'join')
    return (
      tableCalled(tree.left, alias) ?? (tree.kind === 'INNER' ? tableCalled(tree.right, alias) : undefined)
    )
  const isIt = tree.type === 'table' && tree.alias.toLowerCase() === alias.toLowerCase()
  return isIt && !has(tree.node, 'column_name_alias') ? tree : undefined
}
