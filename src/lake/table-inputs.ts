import { nearestName } from '../did-you-mean.ts'
import type { InputEdge, LakeDraft, TableDraft } from './lake-draft.ts'
import { formatSite } from './mistake.ts'
import { tablesRead } from './parse-sql.ts'
import type { Snippet } from './snippet.ts'
import { byteOffsetOf, type SqlNode, textAt } from './sql-tree.ts'

/** The table that a map reads; none, with the mistake added, when it is not exported. */
export function mapInput(
  draft: LakeDraft,
  table: TableDraft,
  from: TableDraft['declaration'],
): readonly InputEdge[] {
  const input = draft.draftOf(from)
  if (input) return [{ table: input, site: table.site }]
  notExported(draft, table, from, table.site)
  return []
}

/** The tables that a query reads, in the order of the text; what is no table of the lake is added as a mistake. */
export function queryInputs(
  draft: LakeDraft,
  table: TableDraft,
  query: Snippet,
  tree: SqlNode,
): readonly InputEdge[] {
  const interpolated = new Map(
    query.references.map(({ table: read, place }) => [read.id.toLowerCase(), { read, place }]),
  )
  const inputs = new Map<TableDraft, InputEdge>()
  for (const node of tablesRead(tree)) {
    const site = query.siteAt(byteOffsetOf(node))
    const written = [textAt(node, 'schema_name'), textAt(node, 'table_name')]
      .filter(part => part !== '')
      .join('.')
    const reference = interpolated.get(written.toLowerCase())
    const input = reference ? draft.draftOf(reference.read) : draft.byId(written)
    if (reference && !input) notExported(draft, table, reference.read, site)
    else if (!reference) notInterpolated(draft, table, written, site, textAt(node, 'schema_name') === '')
    if (input && !inputs.has(input)) inputs.set(input, { table: input, site })
  }
  return [...inputs.values()]
}

function notExported(
  draft: LakeDraft,
  table: TableDraft,
  read: TableDraft['declaration'],
  site: InputEdge['site'],
): void {
  const place = formatSite(draft.project.sources.locate(read.site))
  draft.break(
    table,
    site,
    `${table.declaration.id} reads ${read.id}, which is not exported`,
    `export it: put export before its declaration at ${place}, and re-export it from lake.ts when it is in another file`,
  )
}

function notInterpolated(
  draft: LakeDraft,
  table: TableDraft,
  written: string,
  site: InputEdge['site'],
  isBare: boolean,
): void {
  const named = draft.byId(written) ?? draft.tables.find(({ declaration }) => declaration.name === written)
  if (named) {
    draft.break(
      table,
      site,
      `${written} is written as text, so that it is no dependency`,
      `interpolate the table: \${${named.exportName}}`,
    )
  } else if (isBare && /[./\\*]/.test(written)) {
    draft.break(
      table,
      site,
      `${written} is a file, outside of the lake`,
      'declare a bronze table with files(…) and read that',
    )
  } else {
    const near = nearestName(
      written,
      draft.tables.flatMap(({ declaration, exportName }) => [declaration.id, declaration.name, exportName]),
    )
    const meant = draft.tables.find(({ declaration, exportName }) =>
      [declaration.id, declaration.name, exportName].includes(near ?? ''),
    )
    const fix = meant ? `did you mean \${${meant.exportName}}?` : 'interpolate a table of the lake'
    draft.break(table, site, `there is no table ${written}`, fix)
  }
}
