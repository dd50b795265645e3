import { createHash } from 'node:crypto'
import { parseJson } from '../json.ts'
import type { EngineFunctions } from '../lake/engine-functions.ts'
import { hasAggregate } from '../lake/select-shape.ts'
import { fingerprint, has, nodesAt, type SqlNode } from '../lake/sql-tree.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { itemName } from './select-list.ts'
import type { DerivedTable } from './winning-rows.ts'

/** The table property that keeps the parts of the definition by which the table was made. */
export const DEFINITION_PROPERTY = 'ingot.definition'

/** Hashes of a definition's parts, so that a change can be told to be one that only adds. */
export interface DefinitionParts {
  /** Of what each output column is computed from. */
  readonly columns: Readonly<Record<string, string>>
  /** Of each expectation that takes rows out of the table. */
  readonly checks: Readonly<Record<string, string>>
  /** Of all else. */
  readonly rest: string
}

function hash(...texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 16)
}

/** The parts of a table's definition; `select` is the query's tree. */
export function definitionParts(
  table: DerivedTable,
  select: SqlNode | undefined,
  functions: EngineFunctions,
): DefinitionParts {
  const checks = table.expectations.filter(({ otherwise }) => otherwise !== 'warn')
  const items = nodesAt(select ?? {}, 'select_list')
  const separate = items.filter(
    item => itemName(item) !== undefined && !definesRows(item, select ?? {}, functions),
  )
  const columns =
    table.kind === 'map'
      ? table.columns.map(({ name }) => [name, hash(name)] as const)
      : separate.map(item => [itemName(item) ?? '', hash(fingerprint({ ...item, alias: '' }))] as const)
  const others =
    select === undefined
      ? ''
      : fingerprint({ ...select, select_list: items.filter(item => !separate.includes(item)) })
  const version = table.kind === 'map' ? String(table.version) : ''
  const inputs = table.inputs.map(formatIdentifier)
  return {
    columns: Object.fromEntries(columns),
    checks: Object.fromEntries(checks.map(({ name, check, otherwise }) => [name, hash(check, otherwise)])),
    rest: hash(others, version, table.orderBy ?? '', table.deleteWhen ?? '', ...table.key, '', ...inputs),
  }
}

/** Whether a select item has a say in which rows there are: one that GROUP BY ALL groups by, or any under DISTINCT. */
function definesRows(item: SqlNode, select: SqlNode, functions: EngineFunctions): boolean {
  if (
    has(select, 'modifiers') &&
    nodesAt(select, 'modifiers').some(({ type }) => type === 'DISTINCT_MODIFIER')
  )
    return true
  return select.aggregate_handling === 'FORCE_AGGREGATES' && !hasAggregate(item, functions)
}

/** The parts that a table's property states; undefined when it states none. */
export function parseDefinitionParts(text: string | undefined): DefinitionParts | undefined {
  if (text === undefined) return undefined
  const value = parseJson(text) as Partial<DefinitionParts> | null
  const { columns, checks, rest } = value ?? {}
  return columns === undefined || checks === undefined || rest === undefined
    ? undefined
    : { columns, checks, rest }
}

/** Why `next` is more than an addition to `previous`; undefined when it only adds columns and expectations. */
export function breakingChange(previous: DefinitionParts, next: DefinitionParts): string | undefined {
  const column = changedKey(previous.columns, next.columns)
  if (column !== undefined) return `column ${column} is computed in another way or gone`
  const check = changedKey(previous.checks, next.checks)
  if (check !== undefined) return `expectation '${check}' is another or gone`
  return previous.rest === next.rest ? undefined : 'the rows that it is made of, or its key, are others'
}

function changedKey(
  previous: Readonly<Record<string, string>>,
  next: Readonly<Record<string, string>>,
): string | undefined {
  return Object.keys(previous).find(key => previous[key] !== next[key])
}
