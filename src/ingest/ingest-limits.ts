/** What a file may ask of the loader; whatever is beyond goes to quarantine. */
export interface IngestLimits {
  /** The longest line (or CSV record, or element of a JSON array). Of a longer one, this many bytes are kept. @default 1 MiB */
  readonly lineBytesMax: number
  /** How deep JSON may nest: engines crash on what nests without end. @default 64 */
  readonly nestingMax: number
}

export const DEFAULT_INGEST_LIMITS: IngestLimits = { lineBytesMax: 1024 * 1024, nestingMax: 64 }
