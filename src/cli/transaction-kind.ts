import type { TransactionRecord } from '../catalog/catalog.ts'
import { formatIdentifier } from '../table-identifier.ts'

/** What a transaction was, in a few words: who made it says so in its note. */
export function transactionKind({ note, pointers }: TransactionRecord): string {
  switch (note?.kind) {
    case 'run':
      return 'run'
    case 'rollback':
      return `rollback to ${note.to} (${note.undone})`
    case 'drop':
      return 'drop'
    case 'clone':
      return `clone of ${note.clone}`
    case 'undrop':
      return `undrop of ${note.undrop}`
    case 'maintenance':
      return `maintenance: ${note.step}`
    case 'properties':
      return Array.isArray(note.properties) ? `properties: ${note.properties.join(', ')}` : 'properties'
    case 'branch':
    case 'tag':
      return `${note.kind} ${note.name} ${note.done}`
    default:
      // Engines that commit over the REST catalog leave no note.
      return pointers.every(({ metadataLocation }) => metadataLocation === null)
        ? 'drop by another program'
        : 'another program'
  }
}

/** The tables that a transaction touched, each with what was done to it where that is known: `silver.orders (append)`. */
export function tablesTouched({ note, pointers }: TransactionRecord): readonly string[] {
  return pointers.map(({ identifier, metadataLocation }) => {
    const table = formatIdentifier(identifier)
    const done = metadataLocation === null ? 'dropped' : actionOf(note, table)
    return done === undefined ? table : `${table} (${done})`
  })
}

/** What a run says that it did with a table; the shape of a note is its writer's, so nothing is taken for granted. */
function actionOf(note: TransactionRecord['note'], table: string): string | undefined {
  if (!Array.isArray(note?.tables)) return undefined
  const reports: readonly unknown[] = note.tables
  for (const report of reports) {
    if (typeof report !== 'object' || report === null) continue
    if (!('table' in report) || report.table !== table) continue
    if ('action' in report && typeof report.action === 'string') return report.action
  }
  return undefined
}
