import { quoteIdentifier } from '../sql-text.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { TableDeclaration } from './declaration.ts'
import type { SourceSite } from './lake.ts'
import type { ExportedTable, LoadedProject } from './load-project.ts'
import type { Mistake } from './mistake.ts'
import { orderBySnippet, type Snippet, snippetOf } from './snippet.ts'

/** A snippet that is one expression over rows. */
export interface ExpressionSnippet extends Snippet {
  readonly kind: 'check' | 'orderBy' | 'deleteWhen'
  /** The check's name. */
  readonly name: string
}

/** A table while it is checked. */
export interface TableDraft extends ExportedTable {
  readonly identifier: TableIdentifier
  readonly query: Snippet | undefined
  readonly expressions: readonly ExpressionSnippet[]
  /** Filled by the check of its syntax, or of its `from`; each once. */
  inputs: readonly InputEdge[]
  /** Whether `orderBy` and `deleteWhen` see the tables of the query's FROM; else only the table's own columns. */
  seesInputs: boolean
  /** Whether something is wrong that makes its columns unknown: what reads it is then not described. */
  isBroken: boolean
}

/** A table that is read, and where that is written. */
export interface InputEdge {
  readonly table: TableDraft
  readonly site: SourceSite
}

/** All of a project while it is checked: mistakes are collected, not thrown. */
export class LakeDraft {
  readonly project: LoadedProject
  readonly tables: readonly TableDraft[]
  readonly mistakes: Mistake[] = []
  readonly #byDeclaration: ReadonlyMap<TableDeclaration, TableDraft>

  constructor(project: LoadedProject) {
    this.project = project
    this.tables = project.tables.map(table => draftOf(table, project))
    this.#byDeclaration = new Map(this.tables.map(table => [table.declaration, table]))
  }

  add(site: SourceSite, cause: string, fix: string): void {
    const isKnown = this.mistakes.some(
      mistake =>
        mistake.cause === cause && mistake.site.line === site.line && mistake.site.column === site.column,
    )
    if (!isKnown) this.mistakes.push({ site, cause, fix })
  }

  /** Adds a mistake after which the table's columns are not known. */
  break(table: TableDraft, site: SourceSite, cause: string, fix: string): void {
    table.isBroken = true
    this.add(site, cause, fix)
  }

  draftOf(declaration: TableDeclaration): TableDraft | undefined {
    return this.#byDeclaration.get(declaration)
  }

  /** By `silver.readings`, letter case ignored. */
  byId(id: string): TableDraft | undefined {
    return this.tables.find(({ declaration }) => declaration.id.toLowerCase() === id.toLowerCase())
  }
}

function draftOf(table: ExportedTable, project: LoadedProject): TableDraft {
  const { declaration } = table
  return {
    ...table,
    identifier: { namespace: [declaration.tier], name: declaration.name },
    query:
      declaration.kind === 'query' && declaration.query
        ? snippetOf('the query', declaration.query, project.sources)
        : undefined,
    expressions: declaration.kind === 'bronze' ? [] : expressionsOf(table, project),
    inputs: [],
    seesInputs: false,
    isBroken: false,
  }
}

function expressionsOf(table: ExportedTable, { sources }: LoadedProject): readonly ExpressionSnippet[] {
  const { declaration } = table
  if (declaration.kind === 'bronze') return []
  const expressions: ExpressionSnippet[] = declaration.checks.map(({ name, check }) => ({
    kind: 'check',
    name,
    ...snippetOf(`the check "${name}"`, check, sources),
  }))
  const { orderBy, deleteWhen } = declaration
  if (orderBy !== undefined) {
    expressions.push({ kind: 'orderBy', name: 'orderBy', ...orderBySnippet(table, orderBy, sources) })
  }
  if (deleteWhen) {
    expressions.push({
      kind: 'deleteWhen',
      name: 'deleteWhen',
      ...snippetOf('deleteWhen', deleteWhen, sources),
    })
  }
  return expressions
}

/** The table's name in SQL. */
export function tableSql({ declaration }: Pick<ExportedTable, 'declaration'>): string {
  return `${quoteIdentifier(declaration.tier)}.${quoteIdentifier(declaration.name)}`
}
