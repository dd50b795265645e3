import { quoteIdentifier } from '../sql-text.ts'
import type { SqlFragment } from './declaration.ts'
import type { SourceSite } from './lake.ts'
import type { ExportedTable } from './load-project.ts'
import type { ProjectSources } from './project-sources.ts'
import { type RenderedSql, renderSql } from './sql.ts'

/** SQL of a declaration, with the way back to the project's code. */
export interface Snippet {
  /** What it is, for messages: `the query`, `the check "speed is plausible"`, `orderBy`. */
  readonly role: string
  readonly text: string
  readonly site: SourceSite
  readonly references: RenderedSql['references']
  siteAt(byteOffset: number): SourceSite
}

/** A fragment as a snippet. */
export function snippetOf(role: string, fragment: SqlFragment, sources: ProjectSources): Snippet {
  const { text, references, placeOf } = renderSql(fragment)
  return {
    role,
    text,
    site: sources.locate(fragment.site),
    references,
    siteAt: byteOffset => sources.locateSql(placeOf(byteOffset)),
  }
}

/** The `orderBy` of a table: a column's name is quoted part by part, so that it is never anything else. */
export function orderBySnippet(
  table: ExportedTable,
  orderBy: string | SqlFragment,
  sources: ProjectSources,
): Snippet {
  if (typeof orderBy !== 'string') return snippetOf('orderBy', orderBy, sources)
  const text = orderBy.split('.').map(quoteIdentifier).join('.')
  return { role: 'orderBy', text, site: table.site, references: [], siteAt: () => table.site }
}
