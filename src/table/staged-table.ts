import type { Catalog, LoadedTable } from '../catalog/catalog.ts'
import type { Clock } from '../clock.ts'
import type { Requirement, TableMetadata, Update } from '../format/metadata-types.ts'
import type { Random } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { ManifestCache } from './manifest-cache.ts'
import type { ParquetSchemaCache } from './parquet-schemas.ts'

/** What every operation on a table needs from outside. */
export interface TableContext {
  readonly io: FileIO
  readonly catalog: Catalog
  readonly clock: Clock
  readonly random: Random
  readonly manifests: ManifestCache
  /** @default each scan reads the footers that it needs */
  readonly parquetSchemas?: ParquetSchemaCache
}

/**
 * A table with changes that are written but not committed: immutable, each operation returns a new one. Its `metadata`
 * is readable already (time travel to its newest snapshot works), which is how one transaction's tables read one another.
 */
export interface StagedTable {
  readonly identifier: TableIdentifier
  /** What the changes stand on; null when this transaction creates the table. */
  readonly base: LoadedTable | null
  readonly requirements: readonly Requirement[]
  readonly updates: readonly Update[]
  /** The base with `updates` applied. */
  readonly metadata: TableMetadata
  /** When the table was loaded, before any file for these changes was written; snapshots say so. @default they do not */
  readonly beganAtMs?: number
  /**
   * Stages the same changes on what the table is by now, with the data files that are written already; undefined when they no
   * longer hold there. @default appends alone can be
   */
  readonly restage?: (fresh: StagedTable) => Promise<StagedTable | undefined>
}
