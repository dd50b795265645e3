import type { Catalog } from '../catalog/catalog.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot, resolveSnapshot, type SnapshotSelector } from '../format/snapshot.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { loadNamedTable } from './named-table.ts'
import { POINT_FORMS, type QueryPoint } from './query-point.ts'

/** A table as it was at a point. */
export interface TableAtPoint {
  /** As it is spelled. */
  readonly identifier: TableIdentifier
  readonly metadata: TableMetadata
  /** Undefined: it was empty. */
  readonly snapshot: Snapshot | undefined
  readonly schemaId: number
}

/**
 * The table of this name as a point of the lake has it: times and transactions are those of the catalog, so that several tables
 * are read as of one state; of a snapshot, branch or tag the columns are those that it was written with.
 * @throws TABLE_NOT_FOUND, SNAPSHOT_NOT_FOUND, HISTORY_FORGOTTEN
 */
export async function loadTableAtPoint(
  catalog: Catalog,
  name: TableIdentifier,
  point: QueryPoint,
): Promise<TableAtPoint> {
  const { identifier, metadata } = await loadNamedTable(catalog, name, named => {
    if (point.type === 'time') return catalog.loadTableAt(named, { timeMs: point.timeMs })
    if (point.type === 'transaction') {
      return catalog.loadTableAt(named, { transactionId: point.transactionId })
    }
    return catalog.loadTable(named)
  })
  const selector = selectorOf(point)
  const snapshot = selector === undefined ? currentSnapshot(metadata) : snapshotAt(metadata, selector)
  const ofSnapshot = selector === undefined ? undefined : snapshot?.['schema-id']
  return { identifier, metadata, snapshot, schemaId: ofSnapshot ?? metadata['current-schema-id'] }
}

function selectorOf(point: QueryPoint): SnapshotSelector | undefined {
  if (point.type === 'snapshot') return { snapshotId: point.snapshotId }
  return point.type === 'ref' ? { ref: point.ref } : undefined
}

/** The snapshot of a table that a point names by itself. @throws SNAPSHOT_NOT_FOUND saying what there is, and how points are written */
export function snapshotAt(metadata: TableMetadata, selector: SnapshotSelector): Snapshot {
  try {
    return resolveSnapshot(metadata, selector)
  } catch (error) {
    if (!isIngotError(error, 'SNAPSHOT_NOT_FOUND') || !('ref' in selector)) throw error
    throw new IngotError(error.code, error.message, { cause: error, hint: `${error.hint}; ${POINT_FORMS}` })
  }
}
