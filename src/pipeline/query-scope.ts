import { fingerprint, nodeAt, rewrite, type SqlNode, textAt, textsAt, walk } from '../lake/sql-tree.ts'

/** One relation that the names of a FROM clause can mean. */
export interface ScopeRelation {
  readonly alias: string
  /** Undefined: not known, so that a name without a qualifier cannot be resolved while it is in scope. */
  readonly columns: readonly string[] | undefined
}

/** What column names mean in one SELECT: the relations of its FROM clause, left to right. */
export interface Scope {
  readonly relations: readonly ScopeRelation[]
  /** Columns joined by USING or NATURAL, in lower case: unqualified they mean the first relation's. */
  readonly shared: ReadonlySet<string>
  /** Expressions of the select list by alias in lower case, which DuckDB lets other clauses use where no column has the name. */
  readonly aliases: ReadonlyMap<string, SqlNode>
}

/** A column of a relation in scope; names as they are in the relation. */
export interface ResolvedColumn {
  readonly relation: ScopeRelation
  readonly column: string
}

function columnNamed(relation: ScopeRelation, name: string): string | undefined {
  return relation.columns?.find(column => column.toLowerCase() === name.toLowerCase())
}

/** The column that `names` (outermost first) mean, or undefined where that is not certain. Names after it are struct fields. */
export function resolveColumn(scope: Scope, names: readonly string[]): ResolvedColumn | undefined {
  const [first, second] = names
  if (first === undefined) return undefined
  const owners = scope.relations.filter(relation => columnNamed(relation, first) !== undefined)
  const qualifier = scope.relations.find(({ alias }) => alias.toLowerCase() === first.toLowerCase())
  if (qualifier !== undefined && second !== undefined) {
    // `a.b` could be a field of a column `a`: with both about, nobody here decides which.
    if (owners.length > 0) return undefined
    const column = columnNamed(qualifier, second)
    return column === undefined ? undefined : { relation: qualifier, column }
  }
  if (scope.relations.some(({ columns }) => columns === undefined)) return undefined
  const [relation] = owners
  if (relation === undefined || (owners.length > 1 && !scope.shared.has(first.toLowerCase())))
    return undefined
  return { relation, column: columnNamed(relation, first) ?? first }
}

/** The same expression with the select list's aliases replaced by what they stand for; parameters of a lambda are not among them. */
export function expandAliases(expression: SqlNode, scope: Scope, within: readonly string[] = []): SqlNode {
  return rewrite(expression, node => {
    if (node.class === 'LAMBDA') return expandInLambda(node, scope, within)
    if (node.class !== 'COLUMN_REF') return undefined
    const names = textsAt(node, 'column_names')
    const name = names[0]?.toLowerCase() ?? ''
    const target = names.length === 1 && !within.includes(name) ? scope.aliases.get(name) : undefined
    if (target === undefined || isColumn(scope, name)) return undefined
    return { ...expandAliases(target, scope, [...within, name]), alias: textAt(node, 'alias') }
  })
}

function expandInLambda(lambda: SqlNode, scope: Scope, within: readonly string[]): SqlNode {
  const parameters: string[] = []
  walk(lambda.lhs, node => {
    const [name] = textsAt(node, 'column_names')
    if (name !== undefined) parameters.push(name.toLowerCase())
    return true
  })
  const body = nodeAt(lambda, 'expr')
  return body === undefined
    ? lambda
    : { ...lambda, expr: expandAliases(body, scope, [...within, ...parameters]) }
}

function isColumn(scope: Scope, name: string): boolean {
  return scope.relations.some(
    relation => relation.columns === undefined || columnNamed(relation, name) !== undefined,
  )
}

/** Whether every column that `expression` reads is one of the scope's, for certain. */
export function resolvesIn(scope: Scope, expression: SqlNode): boolean {
  let certain = true
  walk(expression, node => {
    if (node.class === 'COLUMN_REF' && resolveColumn(scope, textsAt(node, 'column_names')) === undefined)
      certain = false
    return certain
  })
  return certain
}

/** A text that two expressions share only if they mean the same: `f.origin` and `origin` are one column. */
export function meaning(scope: Scope, expression: SqlNode): string {
  const resolved = rewrite(expression, node => {
    if (node.class !== 'COLUMN_REF') return undefined
    const names = textsAt(node, 'column_names')
    const column = resolveColumn(scope, names)
    if (column === undefined) return undefined
    const qualified = names[0]?.toLowerCase() === column.relation.alias.toLowerCase() && names.length > 1
    const fields = names.slice(qualified ? 2 : 1)
    return {
      class: 'COLUMN_REF',
      type: 'COLUMN_REF',
      alias: textAt(node, 'alias'),
      column_names: [
        column.relation.alias.toLowerCase(),
        column.column.toLowerCase(),
        ...fields.map(field => field.toLowerCase()),
      ],
    }
  })
  return fingerprint({ ...resolved, alias: '' })
}
