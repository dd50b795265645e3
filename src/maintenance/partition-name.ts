import type { LiveEntry, PrimitiveValue } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { partitionType } from '../format/partition-spec.ts'
import { specById } from '../table/partition-columns.ts'

const HOUR_MS = 60 * 60_000
const DAY_MS = 24 * HOUR_MS

/** A partition as a person reads it, such as `day=2026-01-06, depot=north`; undefined in a table without partitions. */
export function partitionName(
  metadata: TableMetadata,
  { specId, file }: Pick<LiveEntry, 'specId' | 'file'>,
): string | undefined {
  const columns = partitionType(specById(metadata, specId), metadata.schemas)
  if (columns.length === 0) return undefined
  return columns
    .map(({ field, type }, index) => {
      const value = file.partition[index] ?? null
      return `${field.name}=${value === null ? 'null' : valueText(field.transform, type, value)}`
    })
    .join(', ')
}

/** Dates and times as Iceberg's implementations write them in the names of folders. */
function valueText(transform: string, type: string, value: PrimitiveValue): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (transform === 'year') return isoText(Date.UTC(1970 + Number(value), 0), 4)
  if (transform === 'month') return isoText(Date.UTC(1970, Number(value)), 7)
  if (transform === 'hour') return isoText(Number(value) * HOUR_MS, 13).replace('T', '-')
  if (type === 'date') return isoText(Number(value) * DAY_MS, 10)
  if (type.startsWith('timestamp')) return isoText(Number(value) / 1000, 19)
  return String(value)
}

/** Times outside of the years of four digits are left as their number. */
function isoText(timeMs: number, length: number): string {
  const isPlain = timeMs >= Date.UTC(-1, 12) && timeMs < Date.UTC(10_000, 0)
  return isPlain ? new Date(timeMs).toISOString().slice(0, length) : String(timeMs)
}
