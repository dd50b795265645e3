import type { LiveEntry } from '../format/manifest-types.ts'

/** Decoded manifests by path: manifests are immutable, so an entry is never stale. */
export interface ManifestCache {
  get(manifestPath: string): readonly LiveEntry[] | undefined
  set(manifestPath: string, entries: readonly LiveEntry[]): void
}
