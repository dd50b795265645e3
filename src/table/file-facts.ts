import type { LiveEntry } from '../format/manifest-types.ts'
import { quoteLiteral } from '../sql-text.ts'
import { partitionKey } from './partition-key.ts'

/** Numbers for partitions, each of one spec: files of equal number are in one partition. */
export type Scopes = ReadonlyMap<string, number>

interface FileOfTable {
  readonly entry: LiveEntry
  readonly enginePath: string
}

/** Numbers the partitions of these files. */
export function numberScopes(files: readonly FileOfTable[]): Scopes {
  const scopes = new Map<string, number>()
  for (const { entry } of files) {
    const key = partitionKey(entry)
    if (!scopes.has(key)) scopes.set(key, scopes.size)
  }
  return scopes
}

/** What manifests say of files, as a relation `f` (path, scope, sequence_number, first_row_id) that is joined to the files, `d`. */
export function fileFactsSql(files: readonly FileOfTable[], scopes: Scopes): string {
  const facts = files.map(({ enginePath, entry }) => {
    const scope = scopes.get(partitionKey(entry)) ?? 'NULL'
    const firstRowId = entry.file.firstRowId ?? 'NULL'
    return `(${quoteLiteral(enginePath)}, ${scope}, ${entry.sequenceNumber}::BIGINT, ${firstRowId}::BIGINT)`
  })
  return `JOIN (VALUES ${facts.join(', ')}) AS f(path, scope, sequence_number, first_row_id) ON f.path = d.filename`
}
