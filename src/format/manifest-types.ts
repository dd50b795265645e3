/**
 * A partition value or the value of a bound in memory. int, date, float, double: number; long, time, timestamp,
 * timestamptz: bigint (microseconds); decimal: bigint (unscaled); string, uuid (text form): string; boolean; fixed,
 * binary: bytes.
 */
export type PrimitiveValue = number | bigint | string | boolean | Uint8Array

/** Iceberg spec, "Manifests", data_file.content. */
export type FileContent = 'data' | 'position-deletes' | 'equality-deletes'

/** One data or delete file of a table (Iceberg spec, "Manifests", data_file). Ids of columns are field ids. */
export interface DataFile {
  readonly content: FileContent
  readonly filePath: string
  readonly fileFormat: 'PARQUET' | 'AVRO' | 'ORC' | 'PUFFIN'
  /** One value a field of the partition spec, in its order; null where the value is null. */
  readonly partition: readonly (PrimitiveValue | null)[]
  readonly recordCount: number
  readonly fileSizeBytes: number
  readonly columnSizes?: ReadonlyMap<number, number>
  readonly valueCounts?: ReadonlyMap<number, number>
  readonly nullValueCounts?: ReadonlyMap<number, number>
  readonly nanValueCounts?: ReadonlyMap<number, number>
  /** Single-value binary (Iceberg spec, "Appendix D"); bounds, never exact values. */
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>
  readonly keyMetadata?: Uint8Array
  readonly splitOffsets?: readonly bigint[]
  readonly equalityIds?: readonly number[]
  readonly sortOrderId?: number
  readonly referencedDataFile?: string
  readonly contentOffset?: bigint
  readonly contentSizeBytes?: bigint
  readonly firstRowId?: bigint
}

export type EntryStatus = 'existing' | 'added' | 'deleted'

/** One line of a manifest. Sequence numbers and snapshot id are null only in a new manifest's added entries (inherited at read). */
export interface ManifestEntry {
  readonly status: EntryStatus
  readonly snapshotId: bigint | null
  readonly sequenceNumber: number | null
  readonly fileSequenceNumber: number | null
  readonly file: DataFile
}

/** A manifest entry with what it inherits filled in, as every reader sees it. */
export interface LiveEntry {
  readonly snapshotId: bigint
  readonly sequenceNumber: number
  readonly fileSequenceNumber: number
  readonly specId: number
  readonly file: DataFile
}

export interface PartitionFieldSummary {
  readonly containsNull: boolean
  readonly containsNan?: boolean
  readonly lowerBound?: Uint8Array
  readonly upperBound?: Uint8Array
}

/** One line of a manifest list (Iceberg spec, "Manifest Lists"). */
export interface ManifestFile {
  readonly manifestPath: string
  readonly manifestLength: number
  readonly partitionSpecId: number
  readonly content: 'data' | 'deletes'
  readonly sequenceNumber: number
  readonly minSequenceNumber: number
  readonly addedSnapshotId: bigint
  readonly addedFilesCount: number
  readonly existingFilesCount: number
  readonly deletedFilesCount: number
  readonly addedRowsCount: number
  readonly existingRowsCount: number
  readonly deletedRowsCount: number
  readonly partitions: readonly PartitionFieldSummary[]
  readonly keyMetadata?: Uint8Array
  readonly firstRowId?: bigint
}
