import type { PartitionSpec, Schema, SortOrder } from './types.ts'

/** Iceberg spec, "Snapshots". All summary values are strings. */
export interface Snapshot {
  readonly 'snapshot-id': bigint
  readonly 'parent-snapshot-id'?: bigint
  readonly 'sequence-number': number
  readonly 'timestamp-ms': number
  readonly 'manifest-list': string
  readonly summary: { readonly operation: SnapshotOperation; readonly [key: string]: string }
  readonly 'schema-id'?: number
  /** From version 3 on: the ids of the rows that it was the first to give ids to start here (Iceberg spec, "Snapshot Row IDs"). */
  readonly 'first-row-id'?: number
  readonly 'added-rows'?: number
}

export type SnapshotOperation = 'append' | 'replace' | 'overwrite' | 'delete'

export interface SnapshotRef {
  readonly 'snapshot-id': bigint
  readonly type: 'branch' | 'tag'
  readonly 'min-snapshots-to-keep'?: number
  readonly 'max-snapshot-age-ms'?: number
  readonly 'max-ref-age-ms'?: number
}

/** Iceberg spec, "Table Statistics": a Puffin file about a snapshot. */
export interface StatisticsFile {
  readonly 'snapshot-id': bigint
  readonly 'statistics-path': string
  readonly 'file-size-in-bytes': number
  readonly 'file-footer-size-in-bytes': number
  readonly 'blob-metadata': readonly {
    readonly type: string
    readonly 'snapshot-id': bigint
    readonly 'sequence-number': number
    readonly fields: readonly number[]
    readonly properties?: Readonly<Record<string, string>>
  }[]
}

/** Iceberg spec, "Partition Statistics". */
export interface PartitionStatisticsFile {
  readonly 'snapshot-id': bigint
  readonly 'statistics-path': string
  readonly 'file-size-in-bytes': number
}

/** Iceberg spec, "Encryption Keys"; kept for those who can use it. */
export interface EncryptedKey {
  readonly 'key-id': string
  /** Base64. */
  readonly 'encrypted-key-metadata': string
  readonly 'encrypted-by-id'?: string
  readonly properties?: Readonly<Record<string, string>>
}

interface SnapshotLogEntry {
  readonly 'snapshot-id': bigint
  readonly 'timestamp-ms': number
}

interface MetadataLogEntry {
  readonly 'metadata-file': string
  readonly 'timestamp-ms': number
}

/**
 * Iceberg spec, "Table Metadata", format version 2, in the spec's own JSON names. Snapshot ids are always bigint
 * (63 bits do not fit a JS number), all other integers are numbers. Keys not named here are kept as they were read.
 */
export interface TableMetadata {
  readonly 'format-version': 1 | 2 | 3
  readonly 'table-uuid': string
  readonly location: string
  readonly 'last-sequence-number': number
  readonly 'last-updated-ms': number
  readonly 'last-column-id': number
  readonly schemas: readonly Schema[]
  readonly 'current-schema-id': number
  readonly 'partition-specs': readonly PartitionSpec[]
  readonly 'default-spec-id': number
  readonly 'last-partition-id': number
  readonly 'sort-orders': readonly SortOrder[]
  readonly 'default-sort-order-id': number
  readonly properties: Readonly<Record<string, string>>
  /** Absent while the table is empty. */
  readonly 'current-snapshot-id'?: bigint
  readonly snapshots: readonly Snapshot[]
  readonly 'snapshot-log': readonly SnapshotLogEntry[]
  readonly 'metadata-log': readonly MetadataLogEntry[]
  /** From version 3 on: above all row ids of the table. */
  readonly 'next-row-id'?: number
  readonly refs: Readonly<Record<string, SnapshotRef>>
  readonly statistics?: readonly StatisticsFile[]
  readonly 'partition-statistics'?: readonly PartitionStatisticsFile[]
  /** From version 3 on. */
  readonly 'encryption-keys'?: readonly EncryptedKey[]
}

/** What must hold of a table for a commit to be applied (REST spec, TableRequirement). */
export type Requirement =
  | { readonly type: 'assert-create' }
  | { readonly type: 'assert-table-uuid'; readonly uuid: string }
  /** A null id: the ref must not exist. */
  | { readonly type: 'assert-ref-snapshot-id'; readonly ref: string; readonly 'snapshot-id': bigint | null }
  | { readonly type: 'assert-last-assigned-field-id'; readonly 'last-assigned-field-id': number }
  | { readonly type: 'assert-current-schema-id'; readonly 'current-schema-id': number }
  | { readonly type: 'assert-last-assigned-partition-id'; readonly 'last-assigned-partition-id': number }
  | { readonly type: 'assert-default-spec-id'; readonly 'default-spec-id': number }
  | { readonly type: 'assert-default-sort-order-id'; readonly 'default-sort-order-id': number }

/** One change of a table (REST spec, TableUpdate). An id of -1 means "the one added last in this commit". */
export type Update =
  | { readonly action: 'assign-uuid'; readonly uuid: string }
  | { readonly action: 'upgrade-format-version'; readonly 'format-version': number }
  | { readonly action: 'add-schema'; readonly schema: Schema; readonly 'last-column-id'?: number }
  | { readonly action: 'set-current-schema'; readonly 'schema-id': number }
  | { readonly action: 'add-spec'; readonly spec: PartitionSpec }
  | { readonly action: 'set-default-spec'; readonly 'spec-id': number }
  | { readonly action: 'add-sort-order'; readonly 'sort-order': SortOrder }
  | { readonly action: 'set-default-sort-order'; readonly 'sort-order-id': number }
  | { readonly action: 'add-snapshot'; readonly snapshot: Snapshot }
  | ({ readonly action: 'set-snapshot-ref'; readonly 'ref-name': string } & SnapshotRef)
  | { readonly action: 'remove-snapshots'; readonly 'snapshot-ids': readonly bigint[] }
  | { readonly action: 'remove-snapshot-ref'; readonly 'ref-name': string }
  | { readonly action: 'set-location'; readonly location: string }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: 'remove-properties'; readonly removals: readonly string[] }
  | { readonly action: 'remove-schemas'; readonly 'schema-ids': readonly number[] }
  | { readonly action: 'remove-partition-specs'; readonly 'spec-ids': readonly number[] }
  | { readonly action: 'set-statistics'; readonly statistics: StatisticsFile }
  | { readonly action: 'remove-statistics'; readonly 'snapshot-id': bigint }
  | {
      readonly action: 'set-partition-statistics'
      readonly 'partition-statistics': PartitionStatisticsFile
    }
  | { readonly action: 'remove-partition-statistics'; readonly 'snapshot-id': bigint }
  | { readonly action: 'add-encryption-key'; readonly 'encryption-key': EncryptedKey }
  | { readonly action: 'remove-encryption-key'; readonly 'key-id': string }
