import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import type { DerivedTable } from './winning-rows.ts'

export function hasQuarantine(table: DerivedTable): boolean {
  return table.expectations.some(({ otherwise }) => otherwise === 'quarantine')
}

/**
 * The snapshot that last changed the rows of a quarantine table: what only wrote them again (`replace`) is passed over. Null when
 * there is none.
 */
export function quarantineSnapshot(metadata: TableMetadata | undefined): bigint | null {
  if (metadata === undefined) return null
  const snapshots = new Map(metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  let snapshot = currentSnapshot(metadata)
  while (snapshot !== undefined && snapshot.summary.operation === 'replace') {
    const parent = snapshot['parent-snapshot-id']
    snapshot = parent === undefined ? undefined : snapshots.get(parent)
  }
  return snapshot?.['snapshot-id'] ?? null
}
