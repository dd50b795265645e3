import type { LiveEntry } from '../format/manifest-types.ts'

/** Equal for files of one spec with equal partition values; the zeros differ, NaNs are equal (Iceberg spec, "Scan Planning"). */
export function partitionKey(entry: Pick<LiveEntry, 'specId' | 'file'>): string {
  const values = entry.file.partition.map(value => {
    if (value instanceof Uint8Array) return [Buffer.from(value).toString('hex')]
    // A column that was widened has numbers in old manifests and bigints in new ones.
    if (Object.is(value, -0)) return '-0'
    return typeof value === 'number' || typeof value === 'bigint' ? `${value}` : [typeof value, value]
  })
  return JSON.stringify([entry.specId, values])
}
