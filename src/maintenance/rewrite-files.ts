import type { DataFile, LiveEntry } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { writeDataFiles } from '../table/data-files.ts'
import type { Engine, EngineSession } from '../table/engine.ts'
import { fileKey } from '../table/file-key.ts'
import { loadEntries, loadManifests, mayHaveLiveFiles } from '../table/manifests.ts'
import { lineageColumnsFor } from '../table/row-lineage.ts'
import { planScan, type ScanPlan, type ScanTask } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import { stageDelta } from '../table/stage-delta.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { Rewrite } from './plan-compaction.ts'
import { sortingOf } from './sort-columns.ts'

/** Rewrites that one commit makes, and what they are read from. */
export interface RewriteStep {
  readonly plan: ScanPlan
  readonly rewrites: readonly Rewrite[]
}

/**
 * Stages a snapshot in which the files of a step are replaced by fewer with the same rows, less what is deleted, and without delete
 * files that no longer apply to any. When others commit meanwhile it is staged on top of that, unless they touched the
 * very files.
 */
export async function stageRewrite(
  context: TableContext,
  engine: Engine,
  staged: StagedTable,
  step: RewriteStep,
  signal: AbortSignal | undefined,
): Promise<StagedTable> {
  const { metadata } = staged
  const label = `maintain ${formatIdentifier(staged.identifier)}`
  const add = await engine.session({ label, ...(signal && { signal }) }, session =>
    writeRewrites(context, session, metadata, step),
  )
  const tasks = step.rewrites.flatMap(rewrite => rewrite.tasks)
  // Rows stay as old as they were: a delete by key that is committed meanwhile is newer, and applies to them.
  const dataSequenceNumber = step.plan.snapshot?.['sequence-number'] ?? 0
  const restage = async (base: StagedTable): Promise<StagedTable | undefined> => {
    if (!isSameDefinition(metadata, base.metadata)) return undefined
    const plan = await planScan(context, base.metadata)
    const removed = findUnchanged(tasks, plan)
    if (removed === undefined) return undefined
    const dangling = await findDangling(context, base.metadata, plan, { removed, upTo: dataSequenceNumber })
    const remove = [...removed.map(({ entry }) => entry), ...dangling]
    const next = await stageDelta(context, base, { operation: 'replace', add, remove, dataSequenceNumber })
    return { ...next, restage }
  }
  return (await restage(staged)) ?? staged
}

/** A session writes one rewrite after the other: each is a bin of the target size, and becomes a file. */
async function writeRewrites(
  context: TableContext,
  session: EngineSession,
  metadata: TableMetadata,
  { plan, rewrites }: RewriteStep,
): Promise<readonly DataFile[]> {
  const sorting = sortingOf(metadata)
  const schema = currentSchema(metadata)
  const keepsLineage = metadata['format-version'] >= 3
  const files: DataFile[] = []
  for (const { tasks } of rewrites) {
    const options = keepsLineage ? { lineage: lineageColumnsFor(schema) } : {}
    const rows = scanSql(metadata, { ...plan, tasks }, options)
    const select = sorting === undefined ? rows : `SELECT * FROM (\n${rows}\n) ORDER BY ${sorting.orderBy}`
    const written = await writeDataFiles(context, session, metadata, { select, lineage: keepsLineage })
    const sortOrderId = sorting?.sortOrderId
    files.push(...written.map(file => (sortOrderId === undefined ? file : { ...file, sortOrderId })))
  }
  return files
}

function isSameDefinition(before: TableMetadata, now: TableMetadata): boolean {
  return (
    before['table-uuid'] === now['table-uuid'] &&
    before['current-schema-id'] === now['current-schema-id'] &&
    before['default-spec-id'] === now['default-spec-id']
  )
}

/** The files as they are now; undefined when one is gone, or has position deletes that were not applied to the rewritten rows. */
function findUnchanged(tasks: readonly ScanTask[], plan: ScanPlan): readonly ScanTask[] | undefined {
  const now = new Map(plan.tasks.map(task => [task.entry.file.filePath, task]))
  const found = tasks.map(task => {
    const current = now.get(task.entry.file.filePath)
    return current !== undefined && deletesKey(current) === deletesKey(task) ? current : undefined
  })
  return found.every(task => task !== undefined) ? found : undefined
}

/** Deletes by key that came since are not of the file: they apply to the rewritten rows as to the old ones. */
function deletesKey(task: ScanTask): string {
  return task.deletes
    .filter(({ entry }) => entry.file.content === 'position-deletes')
    .map(({ entry: { file } }) => `${file.filePath} ${file.contentOffset ?? ''}`)
    .sort()
    .join('\n')
}

/** Delete files that apply to none of the files that are left; newer ones than the rewritten rows apply to those. */
async function findDangling(
  context: TableContext,
  metadata: TableMetadata,
  plan: ScanPlan,
  { removed, upTo }: { readonly removed: readonly ScanTask[]; readonly upTo: number },
): Promise<readonly LiveEntry[]> {
  const gone = new Set(removed.map(task => task.entry.file.filePath))
  const left = plan.tasks.filter(task => !gone.has(task.entry.file.filePath))
  const used = new Set(left.flatMap(task => task.deletes.map(({ entry }) => fileKey(entry.file))))
  const dangling: LiveEntry[] = []
  for (const manifest of await loadManifests(context, currentSnapshot(metadata))) {
    if (manifest.content === 'data' || !mayHaveLiveFiles(manifest)) continue
    for (const entry of await loadEntries(context, metadata, manifest)) {
      if (!used.has(fileKey(entry.file)) && entry.sequenceNumber <= upTo) dangling.push(entry)
    }
  }
  return dangling
}
