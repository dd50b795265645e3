import type { QueryTable } from '../lake/lake.ts'
import { isDistinct, isGrouped, isRowByRow } from '../lake/select-shape.ts'
import { columnReference, has, nodesAt, type SqlNode, textAt, withAlias } from '../lake/sql-tree.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { type QueryWorld, type UnderstoodSelect, understandSelect } from './build-from-tree.ts'
import { type FromTree, slotsOf, type TableSlot } from './from-tree.ts'
import { hasWindow } from './function-facts.ts'
import { keyRanges } from './key-ranges.ts'
import { describeReason, NotIncremental } from './not-incremental.ts'
import { determinedColumns, groupColumns, type KeyColumn, partitionColumns } from './output-keys.ts'
import {
  DELETE_COLUMN,
  ORDER_COLUMN,
  type ParsedQuery,
  type QueryAnalysis,
  TIE_COLUMNS,
  TIE_SOURCES,
} from './query-analysis.ts'
import { readColumns } from './read-columns.ts'
import { changedRowsQuery, recomputedQuery, rowsQuery, touchedQueries } from './rewrite-query.ts'
import { shortenQualifiers } from './table-qualifiers.ts'

/**
 * Decides from its syntax tree how a table's query follows changes of its inputs, and makes the queries that do it. What is not
 * known for certain to be right is recomputed in full, with the reason. Pure.
 */
export function analyzeQuery(table: QueryTable, parsed: ParsedQuery, world: QueryWorld): QueryAnalysis {
  try {
    const short = shortenQualifiers(parsed)
    return analyzeKnown(table, short, world, understandSelect(short.select, world))
  } catch (error) {
    if (!(error instanceof NotIncremental)) throw error
    return recomputedInFull(table, parsed, world, describeReason(error, table.sql))
  }
}

function analyzeKnown(
  table: QueryTable,
  parsed: ParsedQuery,
  world: QueryWorld,
  understood: UnderstoodSelect,
): QueryAnalysis {
  // Among the columns of any other query, orderBy and deleteWhen would change its rows.
  const isInside = isRowByRow(parsed.select, world.functions)
  const further = isInside ? helperItems(table, parsed, understood.from, world) : []
  const helpers = isInside ? further.map(item => textAt(item, 'alias')) : undefined
  const rows = rowsQuery(understood, further)
  const reads = readColumns(understood, further)
  const keys = outputKeys(table, understood, world)
  if (keys === undefined) {
    const driving = drivingSlot(understood)
    const appended = changedRowsQuery(understood, { slot: driving.slot, changes: 'new' }, further)
    const reason = `row by row over ${nameOfInput(table, driving.input)}`
    return {
      helpers,
      analysis: { strategy: 'append', reason, rows, drivingInput: driving.input, appended, reads },
    }
  }
  return {
    helpers,
    analysis: {
      strategy: 'keys',
      reason: `by ${keys.map(({ name }) => name).join(', ')}`,
      rows,
      keyColumns: keys.map(({ name }) => name),
      touched: touchedQueries(understood, keys, parsed.castTypes),
      recomputed: recomputedQuery(understood, keys, parsed.castTypes, further),
      ranges: keyRanges(understood, keys),
      reads,
    },
  }
}

/** The columns by which output rows belong together; undefined when each output row comes of its own input rows alone. */
function outputKeys(
  table: QueryTable,
  understood: UnderstoodSelect,
  world: QueryWorld,
): readonly KeyColumn[] | undefined {
  const { select } = understood
  const { functions } = world
  const columns = table.columns.map(({ name }) => name)
  const candidates = determinedColumns(understood, columns, functions)
  const grouped = isGrouped(select, functions)
  const windowed = hasWindow([select.select_list ?? null, select.qualify ?? null])
  const byGroup = grouped ? groupColumns(understood, candidates, functions) : candidates
  const byPartition = partitionColumns(understood, byGroup)
  const keyed = new Set(table.key.map(name => name.toLowerCase()))
  const keys =
    table.key.length > 0 ? byPartition.filter(({ name }) => keyed.has(name.toLowerCase())) : byPartition
  if (!grouped && !windowed && !isDistinct(select) && table.key.length === 0) return undefined
  if (slotsOf(understood.from).length === 0) throw new NotIncremental('it reads no table', select)
  if (keys.length === 0) throw new NotIncremental(missingKeys(table, grouped), select)
  return keys
}

function missingKeys(table: QueryTable, grouped: boolean): string {
  if (table.key.length > 0)
    return `its key (${table.key.join(', ')}) does not follow from the rows and groups it is made of`
  if (grouped) return 'none of its GROUP BY expressions is an output column'
  return 'none of its output columns is known to follow from the row'
}

function drivingSlot(understood: UnderstoodSelect): TableSlot {
  const driving = leftmostTable(understood.from)
  if (driving === undefined)
    throw new NotIncremental('its FROM clause does not begin with a table', understood.select)
  const mentions = slotsOf(understood.from).filter(({ input }) => input === driving.input)
  const [, second] = mentions
  if (second !== undefined)
    throw new NotIncremental('it joins its driving table with itself and has no key', second.node)
  return driving
}

function leftmostTable(tree: FromTree): TableSlot | undefined {
  switch (tree.type) {
    case 'table':
      return tree
    case 'derived':
      return leftmostTable(tree.from)
    case 'join':
      return leftmostTable(tree.left)
    case 'other':
      return undefined
  }
}

function nameOfInput(table: QueryTable, input: number): string {
  const identifier = table.inputs[input]
  return identifier === undefined ? 'its input' : formatIdentifier(identifier)
}

function helperItems(
  table: QueryTable,
  parsed: ParsedQuery,
  from: FromTree,
  world: QueryWorld,
): readonly SqlNode[] {
  if (table.key.length === 0) return []
  const driving = from.type === 'join' || from.type === 'table' ? leftmostOuterTable(from) : undefined
  const columns = [...world.inputs.values()].find(({ input }) => input === driving?.input)?.columns ?? []
  const hasTies =
    driving !== undefined &&
    !has(driving.node, 'column_name_alias') &&
    TIE_SOURCES.every(name => columns.includes(name))
  const ties = hasTies
    ? TIE_SOURCES.map((name, index) =>
        withAlias(columnReference(driving.alias, name), TIE_COLUMNS[index] ?? ''),
      )
    : []
  return [
    ...(parsed.orderBy === undefined ? [] : [withAlias(parsed.orderBy, ORDER_COLUMN)]),
    ...(parsed.deleteWhen === undefined ? [] : [withAlias(parsed.deleteWhen, DELETE_COLUMN)]),
    ...ties,
  ]
}

/** The first table of a FROM clause, when the clause's own names reach it. */
function leftmostOuterTable(tree: FromTree): TableSlot | undefined {
  if (tree.type === 'join') return leftmostOuterTable(tree.left)
  return tree.type === 'table' ? tree : undefined
}

function recomputedInFull(
  table: QueryTable,
  parsed: ParsedQuery,
  world: QueryWorld,
  reason: string,
): QueryAnalysis {
  const { select } = parsed
  if (!isRowByRow(select, world.functions))
    return { helpers: undefined, analysis: { strategy: 'full', reason, rows: select } }
  const further = helperItems(table, parsed, { type: 'other', node: select }, world)
  const rows = { ...select, select_list: [...nodesAt(select, 'select_list'), ...further] }
  return {
    helpers: further.map(item => textAt(item, 'alias')),
    analysis: { strategy: 'full', reason, rows },
  }
}
