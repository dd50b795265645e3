import { parseJson } from '../json.ts'
import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { byteOffsetOf, nodeAt, nodesAt, nodesOf, type SqlNode, textAt } from './sql-tree.ts'

/** An SQL text as the engine parses it, or why it does not. */
export interface ParsedSql {
  readonly statements: readonly SqlNode[]
  readonly error?: { readonly message: string; readonly byteOffset: number }
  /** The tree as text without positions: equal for texts that differ in layout and comments alone. */
  readonly meaning: string
}

/** Parses all of `texts` in one statement, without running or binding any; in their order. */
export async function parseSql(
  session: EngineSession,
  texts: readonly string[],
): Promise<readonly ParsedSql[]> {
  if (texts.length === 0) return []
  const list = texts.map(text => quoteLiteral(text)).join(', ')
  const result = await session.query(
    `select json_serialize_sql(text) from (select unnest([${list}]) as text, unnest(range(${texts.length})) as place) order by place`,
  )
  return result.rows.map(([json]) => readSerialized(String(json)))
}

function readSerialized(json: string): ParsedSql {
  const serialized = parseJson(json) as SqlNode
  const meaning = json.replace(/"query_location":\d+,?/g, '')
  if (serialized.error) {
    const error = {
      message: textAt(serialized, 'error_message') || 'not SQL',
      byteOffset: Number(textAt(serialized, 'position')),
    }
    return { statements: [], error, meaning }
  }
  const statements = nodesAt(serialized, 'statements').map(statement => nodeAt(statement, 'node') ?? {})
  return { statements, meaning }
}

/** The names of all common table expressions in `tree`, in lower case. */
function cteNames(tree: SqlNode): ReadonlySet<string> {
  const names = [...nodesOf(tree)].flatMap(node => {
    const map = nodeAt(node, 'cte_map')
    return map === undefined ? [] : nodesAt(map, 'map').map(entry => textAt(entry, 'key').toLowerCase())
  })
  return new Set(names)
}

/** The tables that `tree` reads, common table expressions apart, in the order of the text. */
export function tablesRead(tree: SqlNode): readonly SqlNode[] {
  const ctes = cteNames(tree)
  return [...nodesOf(tree)]
    .filter(node => node.type === 'BASE_TABLE')
    .filter(node => textAt(node, 'schema_name') !== '' || !ctes.has(textAt(node, 'table_name').toLowerCase()))
    .sort((a, b) => byteOffsetOf(a) - byteOffsetOf(b))
}

/** The leftmost table of the outermost FROM, which gives its rows their order and origin; undefined for anything else there. */
export function drivingTable(tree: SqlNode): SqlNode | undefined {
  let from = nodeAt(tree, 'from_table')
  while (from?.type === 'JOIN') from = nodeAt(from, 'left')
  return from?.type === 'BASE_TABLE' ? from : undefined
}
