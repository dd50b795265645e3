import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot, summarizeSnapshot } from '../format/snapshot.ts'
import { randomSnapshotId } from '../random.ts'
import { createManifestWriter, existingEntry, type ManifestWriter } from '../table/manifest-writer.ts'
import { loadManifests, mayHaveLiveFiles } from '../table/manifests.ts'
import { partitionKey } from '../table/partition-key.ts'
import { stageSnapshot } from '../table/stage-delta.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'

/** How many small manifests of a kind a scan may have to read. */
const SMALL_MANIFESTS_MAX = 32
/** Above which a manifest counts as full, and up to which small ones are joined. */
const TARGET_BYTES = 8 * 1024 * 1024

/** Small manifests of one content and partition spec, to be joined. */
export interface ManifestGroup {
  readonly manifests: readonly ManifestFile[]
  readonly bytes: number
}

/** The groups of a snapshot's manifests that are worth being joined. Pure. */
export function planManifests(manifests: readonly ManifestFile[]): readonly ManifestGroup[] {
  const groups = new Map<string, ManifestFile[]>()
  for (const manifest of manifests) {
    if (manifest.manifestLength >= TARGET_BYTES / 2) continue
    const key = `${manifest.content} ${manifest.partitionSpecId}`
    groups.set(key, [...(groups.get(key) ?? []), manifest])
  }
  return [...groups.values()]
    .filter(group => group.length > SMALL_MANIFESTS_MAX)
    .map(group => ({
      manifests: group,
      bytes: group.reduce((sum, manifest) => sum + manifest.manifestLength, 0),
    }))
}

/**
 * Stages a snapshot of the same files whose small manifests are joined, entries of one partition side by side, so that a filter rules
 * out whole manifests. Returns `staged` itself when there are not enough. Staged again when others commit meanwhile.
 */
export async function stageManifests(context: TableContext, staged: StagedTable): Promise<StagedTable> {
  const { metadata } = staged
  const parent = currentSnapshot(metadata)
  const manifests = (await loadManifests(context, parent)).filter(mayHaveLiveFiles)
  const groups = planManifests(manifests)
  if (parent === undefined || groups.length === 0) return staged
  const writer = createManifestWriter(context, metadata, {
    snapshotId: randomSnapshotId(context.random),
    sequenceNumber: metadata['last-sequence-number'] + 1,
  })
  const joined = new Set(groups.flatMap(group => group.manifests))
  const written: ManifestFile[] = []
  for (const group of groups) written.push(...(await joinGroup(writer, group)))
  const next = await stageSnapshot(context, staged, {
    writer,
    manifests: [...written, ...manifests.filter(manifest => !joined.has(manifest))],
    summary: summaryOf(parent.summary, written.length, joined.size),
  })
  const restage = async (fresh: StagedTable): Promise<StagedTable | undefined> => {
    const again = await stageManifests(context, fresh)
    return again === fresh ? undefined : again
  }
  return { ...next, restage }
}

async function joinGroup(
  writer: ManifestWriter,
  { manifests, bytes }: ManifestGroup,
): Promise<ManifestFile[]> {
  const entries: LiveEntry[] = []
  for (const manifest of manifests) entries.push(...(await writer.read(manifest)))
  const sorted = entries
    .map(entry => ({ entry, key: partitionKey(entry) }))
    .sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)))
    .map(({ entry }) => entry)
  const perManifest = Math.max(1, Math.ceil((sorted.length * TARGET_BYTES) / Math.max(bytes, TARGET_BYTES)))
  const [first] = manifests
  const written: ManifestFile[] = []
  for (let from = 0; first !== undefined && from < sorted.length; from += perManifest) {
    const kind = { specId: first.partitionSpecId, content: first.content }
    written.push(await writer.write(kind, sorted.slice(from, from + perManifest).map(existingEntry)))
  }
  return written
}

/** Names as Iceberg's own rewriting of manifests gives them. */
function summaryOf(parent: TableMetadata['snapshots'][number]['summary'], created: number, replaced: number) {
  return summarizeSnapshot({
    operation: 'replace',
    parent,
    added: [],
    removed: [],
    extra: { 'manifests-created': String(created), 'manifests-replaced': String(replaced) },
  })
}
