import assert from 'node:assert/strict'
import { inheritEntries, summarizeManifest, writeManifest } from '../format/manifest.ts'
import type { LiveEntry, ManifestEntry, ManifestFile } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { randomUuid } from '../random.ts'
import { fileKey } from './file-key.ts'
import { loadEntries } from './manifests.ts'
import { specById } from './partition-columns.ts'
import type { TableContext } from './staged-table.ts'
import { writableVersion } from './writable-version.ts'

const SMALL_MANIFESTS_MAX = 100
const SMALL_MANIFEST_BYTES = 8 * 1024 * 1024

/** What all files of one manifest have in common. */
interface ManifestKind {
  readonly specId: number
  readonly content: ManifestFile['content']
}

/** Writes manifests of one new snapshot, and reads those it stands on. */
export interface ManifestWriter {
  readonly snapshotId: bigint
  readonly sequenceNumber: number
  /** The live entries of a manifest of the parent snapshot. */
  read(manifest: ManifestFile): Promise<readonly LiveEntry[]>
  write(kind: ManifestKind, entries: readonly ManifestEntry[]): Promise<ManifestFile>
}

/** A writer for the snapshot that will have this id and sequence number. */
export function createManifestWriter(
  context: TableContext,
  metadata: TableMetadata,
  snapshot: Pick<ManifestWriter, 'snapshotId' | 'sequenceNumber'>,
): ManifestWriter {
  return {
    ...snapshot,
    read: manifest => loadEntries(context, metadata, manifest),
    async write({ specId, content }, entries) {
      const spec = specById(metadata, specId)
      const bytes = writeManifest({
        entries,
        spec,
        schema: currentSchema(metadata),
        schemas: metadata.schemas,
        content,
        formatVersion: writableVersion(metadata),
      })
      const manifestPath = `${metadata.location}/metadata/${randomUuid(context.random)}-m0.avro`
      await context.io.create(manifestPath, bytes)
      const line = summarizeManifest({
        ...snapshot,
        entries,
        spec,
        schemas: metadata.schemas,
        content,
        manifestPath,
        manifestLength: bytes.length,
      })
      // What is staged is read next, by the tables downstream.
      context.manifests.set(line, inheritEntries(line, entries))
      return line
    },
  }
}

/**
 * The manifests of a snapshot without `removed`: those that list one of them are written again, with it as deleted.
 * Every removed file must be live.
 */
export async function removeFromManifests(
  writer: ManifestWriter,
  manifests: readonly ManifestFile[],
  removed: readonly LiveEntry[],
): Promise<ManifestFile[]> {
  if (removed.length === 0) return [...manifests]
  const keys = new Set(removed.map(({ file }) => fileKey(file)))
  const found = new Set<string>()
  const kept: ManifestFile[] = []
  for (const manifest of manifests) {
    const entries = await writer.read(manifest)
    const isListed = entries.some(({ file }) => keys.has(fileKey(file)))
    if (!isListed) {
      kept.push(manifest)
      continue
    }
    const rewritten = entries.map(entry => {
      const key = fileKey(entry.file)
      if (!keys.has(key)) return existingEntry(entry)
      found.add(key)
      return { ...existingEntry(entry), status: 'deleted', snapshotId: writer.snapshotId } as const
    })
    kept.push(await writer.write(kindOf(manifest), rewritten))
  }
  assert.equal(found.size, keys.size, 'a file to remove is not live')
  return kept
}

/** Replaces the small manifests of a kind by one when there are many, so that planning reads few files. */
export async function mergeManifests(
  writer: ManifestWriter,
  manifests: readonly ManifestFile[],
): Promise<ManifestFile[]> {
  if (manifests.length <= SMALL_MANIFESTS_MAX) return [...manifests]
  const groups = new Map<string, ManifestFile[]>()
  for (const manifest of manifests) {
    // Deleted entries must stay for the snapshot that deleted them.
    if (manifest.manifestLength >= SMALL_MANIFEST_BYTES || manifest.addedSnapshotId === writer.snapshotId)
      continue
    const key = `${manifest.content} ${manifest.partitionSpecId}`
    groups.set(key, [...(groups.get(key) ?? []), manifest])
  }
  let result = [...manifests]
  for (const group of groups.values()) {
    if (group.length < SMALL_MANIFESTS_MAX) continue
    const [first] = group
    if (first === undefined) continue
    const entries = (await Promise.all(group.map(manifest => writer.read(manifest)))).flat()
    const merged = await writer.write(kindOf(first), entries.map(existingEntry))
    const replaced = new Set(group)
    result = [merged, ...result.filter(manifest => !replaced.has(manifest))]
  }
  return result
}

function kindOf(manifest: ManifestFile): ManifestKind {
  return { specId: manifest.partitionSpecId, content: manifest.content }
}

/** A file that stays. Sequence numbers are stated: only added entries inherit theirs (Iceberg spec, "Sequence Number Inheritance"). */
export function existingEntry(entry: LiveEntry): ManifestEntry {
  const { snapshotId, sequenceNumber, fileSequenceNumber, file } = entry
  return { status: 'existing', snapshotId, sequenceNumber, fileSequenceNumber, file }
}
