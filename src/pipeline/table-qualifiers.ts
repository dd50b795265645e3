import { has, rewrite, type SqlJson, type SqlNode, textAt, textsAt, walk } from '../lake/sql-tree.ts'
import { NotIncremental } from './not-incremental.ts'
import type { ParsedQuery } from './query-analysis.ts'

/**
 * The query with columns named by their table alone: `"bronze"."readings".n`, which an interpolated table writes, is `readings.n`. A
 * rewritten query reads a table of another namespace under the same alias. @throws NotIncremental where several tables have the name
 */
export function shortenQualifiers(parsed: ParsedQuery): ParsedQuery {
  const relations = namedRelations(parsed.select)
  const shorten = (expression: SqlNode): SqlNode =>
    rewrite(expression, node => (node.class === 'COLUMN_REF' ? shortenColumn(node, relations) : undefined))
  return {
    ...parsed,
    select: shorten(parsed.select),
    orderBy: parsed.orderBy && shorten(parsed.orderBy),
    deleteWhen: parsed.deleteWhen && shorten(parsed.deleteWhen),
  }
}

interface NamedRelation {
  /** What other names of the query call it, in lower case. */
  readonly name: string
  /** In lower case; undefined: it goes by an alias, so that its namespace names no column. */
  readonly namespace: string | undefined
}

function namedRelations(tree: SqlJson): readonly NamedRelation[] {
  const relations: NamedRelation[] = []
  walk(tree, node => {
    const isRelation = ['BASE_TABLE', 'SUBQUERY', 'TABLE_FUNCTION'].includes(textAt(node, 'type'))
    if (isRelation && !has(node, 'class')) {
      const alias = textAt(node, 'alias').toLowerCase()
      const namespace = alias === '' ? textAt(node, 'schema_name').toLowerCase() : undefined
      relations.push({ name: alias || textAt(node, 'table_name').toLowerCase(), namespace })
    }
    return true
  })
  return relations
}

function shortenColumn(column: SqlNode, relations: readonly NamedRelation[]): SqlNode | undefined {
  const [first = '', second = '', ...rest] = textsAt(column, 'column_names')
  const called = relations.filter(({ name }) => name === second.toLowerCase())
  if (rest.length === 0 || !called.some(({ namespace }) => namespace === first.toLowerCase()))
    return undefined
  if (called.length > 1)
    throw new NotIncremental(
      `it names a column of ${first}.${second} and has another ${second}: give them aliases`,
      column,
    )
  return { ...column, column_names: [second, ...rest] }
}
