import type { Engine, EngineSession } from '../table/engine.ts'
import { checkDeclarations } from './check-declarations.ts'
import { qualifySystemColumns } from './check-expressions.ts'
import { checkSyntax } from './check-syntax.ts'
import { definitionHash } from './definition-hash.ts'
import { declaredColumns, describeTables } from './describe-tables.ts'
import { loadEngineFunctions } from './engine-functions.ts'
import type { Expectation, Lake, LakeColumn, LakeTable } from './lake.ts'
import { LakeDraft, type TableDraft } from './lake-draft.ts'
import type { LoadedProject } from './load-project.ts'
import { declarationError, formatSite } from './mistake.ts'
import { type ParsedLake, parseLake } from './parse-lake.ts'
import { byteOffsetOf } from './sql-tree.ts'
import { orderTables } from './table-order.ts'
import { unorderedCalls, unorderedNote } from './unordered-calls.ts'

/**
 * Checks all that can be known before a run, on one session of the engine and without reading a row: names, references, syntax, columns
 * and types, checks, keys, partitioning.
 * @throws DECLARATION_INVALID that shows every mistake of the project with file, line, cause and fix
 */
export async function checkLake(project: LoadedProject, engine: Engine): Promise<Lake> {
  const draft = new LakeDraft(project)
  checkDeclarations(draft)
  const tables = await engine.session({ label: 'check of the project' }, session => checkOn(session, draft))
  if (draft.mistakes.length > 0) throw declarationError(draft.mistakes, project.sources.lines)
  return { projectFolder: project.projectFolder, modulePath: project.modulePath, tables }
}

async function checkOn(session: EngineSession, draft: LakeDraft): Promise<readonly LakeTable[]> {
  const functions = await loadEngineFunctions(session)
  const parsed = await parseLake(session, draft.tables)
  checkSyntax(draft, parsed, functions)
  const ordered = orderTables(draft)
  const columns = await describeTables(session, draft, parsed, ordered)
  return ordered.flatMap(table => {
    const described = columns.get(table)
    return described ? [lakeTable(draft, table, described, parsed, columns)] : []
  })
}

function lakeTable(
  draft: LakeDraft,
  table: TableDraft,
  columns: readonly LakeColumn[],
  parsed: ParsedLake,
  known: ReadonlyMap<TableDraft, readonly LakeColumn[]>,
): LakeTable {
  const { declaration, query } = table
  const { sources } = draft.project
  const base = {
    identifier: table.identifier,
    tier: declaration.tier,
    exportName: table.exportName,
    site: table.site,
    ...(declaration.description !== undefined && { description: declaration.description }),
    partitionBy: declaration.partitionBy,
    columns,
    definitionHash: definitionHash(table, columns, parsed),
  }
  if (declaration.kind === 'bronze') {
    return {
      ...base,
      kind: 'bronze',
      sources: declaration.sources.map(source => ({ ...source, site: sources.locate(source.site) })),
      declared: declaration.columns && declaredColumns(declaration.columns),
      onNewColumn: declaration.onNewColumn,
    }
  }
  const derived = { ...base, ...derivedParts(table, parsed, known) }
  return declaration.kind === 'map'
    ? { ...derived, kind: 'map', version: declaration.version }
    : {
        ...derived,
        kind: 'query',
        sql: embeddable(query?.text ?? ''),
        sqlSite: query?.site ?? table.site,
        notes: queryNotes(table, parsed),
      }
}

function queryNotes(table: TableDraft, parsed: ParsedLake): readonly string[] {
  const [tree] = parsed.queries.get(table)?.statements ?? []
  const { query } = table
  if (tree === undefined || query === undefined) return []
  return unorderedCalls(tree).map(call => unorderedNote(call, formatSite(query.siteAt(byteOffsetOf(call)))))
}

function derivedParts(
  table: TableDraft,
  parsed: ParsedLake,
  known: ReadonlyMap<TableDraft, readonly LakeColumn[]>,
) {
  const { declaration, expressions } = table
  const text = (kind: 'orderBy' | 'deleteWhen'): string | undefined => {
    const expression = expressions.find(item => item.kind === kind)
    return expression && embeddable(qualifySystemColumns(expression, parsed, table, known))
  }
  const orderBy = text('orderBy')
  const deleteWhen = text('deleteWhen')
  return {
    inputs: table.inputs.map(input => input.table.identifier),
    key: declaration.kind === 'bronze' ? [] : declaration.key,
    ...(orderBy !== undefined && { orderBy }),
    ...(deleteWhen !== undefined && { deleteWhen }),
    expectations: expectationsOf(table),
  }
}

function expectationsOf({ declaration, expressions }: TableDraft): readonly Expectation[] {
  const checks = declaration.kind === 'bronze' ? [] : declaration.checks
  return checks.map(({ name, otherwise }) => {
    const expression = expressions.find(item => item.kind === 'check' && item.name === name)
    return {
      name,
      check: embeddable(expression?.text ?? ''),
      otherwise,
      site: expression?.site ?? { file: '', line: 1, column: 1 },
    }
  })
}

/** SQL that may stand within other SQL: a comment at its end must not swallow what follows. */
function embeddable(sql: string): string {
  const text = sql.trim()
  return text.includes('--') ? `${text}\n` : text
}
