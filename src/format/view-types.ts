import type { Schema } from './types.ts'

/** One way to express a view (Iceberg view spec, "Representations"); a version has at most one a dialect. */
export interface ViewRepresentation {
  readonly type: 'sql'
  readonly sql: string
  readonly dialect: string
}

/** The state of a view at some time (Iceberg view spec, "Versions"). Immutable once it is added. */
export interface ViewVersion {
  readonly 'version-id': number
  /** In an update: -1 is the schema that this commit added last. */
  readonly 'schema-id': number
  readonly 'timestamp-ms': number
  readonly summary: Readonly<Record<string, string>>
  readonly representations: readonly ViewRepresentation[]
  /** Absent: the catalog that the view is in. */
  readonly 'default-catalog'?: string
  readonly 'default-namespace': readonly string[]
}

interface ViewLogEntry {
  readonly 'version-id': number
  readonly 'timestamp-ms': number
}

/** Iceberg view spec, "View Metadata", in the spec's own JSON names. Keys not named here are kept as they were read. */
export interface ViewMetadata {
  readonly 'view-uuid': string
  readonly 'format-version': 1
  readonly location: string
  readonly schemas: readonly Schema[]
  readonly 'current-version-id': number
  readonly versions: readonly ViewVersion[]
  readonly 'version-log': readonly ViewLogEntry[]
  readonly properties: Readonly<Record<string, string>>
}

/** What must hold of a view for a commit to be applied (REST spec, ViewRequirement). */
export type ViewRequirement = { readonly type: 'assert-view-uuid'; readonly uuid: string }

/** One change of a view (REST spec, ViewUpdate). An id of -1 means "the one added last in this commit". */
export type ViewUpdate =
  | { readonly action: 'assign-uuid'; readonly uuid: string }
  | { readonly action: 'upgrade-format-version'; readonly 'format-version': number }
  | { readonly action: 'add-schema'; readonly schema: Schema }
  | { readonly action: 'set-location'; readonly location: string }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: 'remove-properties'; readonly removals: readonly string[] }
  | { readonly action: 'add-view-version'; readonly 'view-version': ViewVersion }
  | { readonly action: 'set-current-view-version'; readonly 'view-version-id': number }
