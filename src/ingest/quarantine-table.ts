import type { LakeColumn } from '../lake/lake.ts'
import { quoteLiteral } from '../sql-text.ts'

/** The columns of a bronze table's quarantine: where each text that was no row came from, why, and the text. */
export const BRONZE_QUARANTINE_COLUMNS: readonly LakeColumn[] = [
  { name: '_source', type: 'string' },
  { name: '_source_partition', type: 'int' },
  { name: '_position', type: 'long', doc: 'null for a file that was refused as a whole' },
  { name: '_ingested_at', type: 'timestamptz' },
  { name: 'reason', type: 'string' },
  { name: 'raw', type: 'string', doc: 'the text, cut at the limit of a line; null for a file' },
  { name: 'raw_bytes', type: 'binary', doc: 'instead of raw, where the bytes are not UTF-8' },
]

/** A file that PreparedRows wrote of what it refused. */
export interface RefusedTexts {
  readonly path: string
  /** Of its longest line. */
  readonly lineBytesMax: number
}

/** The rows of a file that PreparedRows wrote of what it refused. */
export function refusedRowsSql({ path, lineBytesMax }: RefusedTexts, ingestedAtSql: string): string {
  const columns =
    "{source: 'VARCHAR', position: 'BIGINT', reason: 'VARCHAR', raw: 'VARCHAR', raw_bytes: 'VARCHAR'}"
  const objectBytes = Math.max(OBJECT_BYTES_LEAST, lineBytesMax)
  const refused = `read_json(${quoteLiteral(path)}, format = 'newline_delimited', columns = ${columns}, maximum_object_size = ${objectBytes})`
  return `SELECT source AS _source, 0 AS _source_partition, position AS _position, ${ingestedAtSql} AS _ingested_at,
    reason, raw, from_base64(raw_bytes) AS raw_bytes FROM ${refused}`
}

const OBJECT_BYTES_LEAST = 16 * 1024 * 1024
