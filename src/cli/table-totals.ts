import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'

/** How large a table is; null where its writer did not say. */
export interface TableTotals {
  /** Rows under position deletes are not counted. */
  readonly rows: number | null
  readonly dataFiles: number | null
  readonly bytes: number | null
}

/** From the summary of the table's newest snapshot. */
export function tableTotals(metadata: TableMetadata): TableTotals {
  const snapshot = currentSnapshot(metadata)
  const total = (key: string): number | null => {
    const text = snapshot ? snapshot.summary[key] : '0'
    return text === undefined ? null : Number(text)
  }
  const records = total('total-records')
  const deletes = total('total-position-deletes') ?? 0
  return {
    rows: records === null ? null : records - deletes,
    dataFiles: total('total-data-files'),
    bytes: total('total-files-size'),
  }
}
