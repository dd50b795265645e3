import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'

/**
 * Decoded manifests. A manifest is immutable, but its entries inherit sequence number, snapshot id and row ids from the line of
 * the list that names it; implementations keep entries per such line.
 */
export interface ManifestCache {
  get(manifest: ManifestFile): readonly LiveEntry[] | undefined
  set(manifest: ManifestFile, entries: readonly LiveEntry[]): void
}

export interface ManifestCacheOptions {
  /** Entries kept over all manifests, those used last. One is about 1 KB. @default 200_000 */
  readonly entriesMax?: number
}

/** A cache in memory that forgets the manifests used least recently. */
export function createManifestCache(options: ManifestCacheOptions = {}): ManifestCache {
  const entriesMax = options.entriesMax ?? 200_000
  // A Map iterates in the order of insertion: what is used is inserted again, so the first is the oldest.
  const kept = new Map<string, readonly LiveEntry[]>()
  let entriesKept = 0
  const forget = (key: string): void => {
    entriesKept -= weight(kept.get(key) ?? [])
    kept.delete(key)
  }
  return {
    get(manifest) {
      const key = keyOf(manifest)
      const entries = kept.get(key)
      if (entries === undefined) return undefined
      kept.delete(key)
      kept.set(key, entries)
      return entries
    },
    set(manifest, entries) {
      const key = keyOf(manifest)
      if (kept.has(key)) forget(key)
      if (weight(entries) > entriesMax) return
      kept.set(key, entries)
      entriesKept += weight(entries)
      for (const oldest of kept.keys()) {
        if (entriesKept <= entriesMax) break
        forget(oldest)
      }
    },
  }
}

function keyOf(manifest: ManifestFile): string {
  const { sequenceNumber, addedSnapshotId, firstRowId, manifestPath } = manifest
  return `${sequenceNumber} ${addedSnapshotId} ${firstRowId ?? '-'} ${manifestPath}`
}

/** An empty manifest takes room too. */
function weight(entries: readonly LiveEntry[]): number {
  return entries.length + 1
}
