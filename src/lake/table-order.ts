import type { InputEdge, LakeDraft, TableDraft } from './lake-draft.ts'

/**
 * The tables with inputs before what reads them, otherwise in the order of the code. A circle is reported once, with its path, and
 * its tables are left out.
 */
export function orderTables(draft: LakeDraft): readonly TableDraft[] {
  const ordered = new Set<TableDraft>()
  const path: TableDraft[] = []
  const visit = (table: TableDraft, edge?: InputEdge): void => {
    if (ordered.has(table)) return
    const start = path.indexOf(table)
    if (start >= 0) {
      reportCircle(draft, [...path.slice(start), table], edge)
      return
    }
    path.push(table)
    for (const input of table.inputs) visit(input.table, input)
    path.pop()
    ordered.add(table)
  }
  for (const table of draft.tables) visit(table)
  return [...ordered]
}

function reportCircle(draft: LakeDraft, circle: readonly TableDraft[], edge: InputEdge | undefined): void {
  for (const table of circle) table.isBroken = true
  const names = circle.map(({ declaration }) => declaration.id)
  if (edge)
    draft.add(
      edge.site,
      `the tables read one another in a circle: ${names.join(' → ')}`,
      'take one of these references out',
    )
}
