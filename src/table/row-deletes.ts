import type { LiveEntry } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { EngineSession } from './engine.ts'
import { type FileInSpec, type Hits, writePositionDeletes } from './position-deletes.ts'
import type { ScanTask } from './scan.ts'
import type { TableContext } from './staged-table.ts'
import { writeDeletionVectors } from './write-deletion-vectors.ts'

/** Deletes of rows by position: what a snapshot is to add, and what of others it replaces. */
export interface RowDeletes {
  readonly add: readonly FileInSpec[]
  readonly remove: readonly LiveEntry[]
}

/**
 * Writes deletes for the hits in the given files, durable: position delete files for tables of format version 2, deletion vectors from
 * version 3 on, which forbids the former.
 */
export async function writeRowDeletes(
  context: TableContext,
  session: EngineSession,
  metadata: TableMetadata,
  tasks: readonly ScanTask[],
  hits: Hits,
): Promise<RowDeletes> {
  if (metadata['format-version'] < 3) {
    return { add: await writePositionDeletes(context, session, metadata, tasks, hits), remove: [] }
  }
  return {
    add: await writeDeletionVectors(context, session, metadata.location, tasks, hits),
    remove: tasks.flatMap(deletesByPositionOf),
  }
}

/** The deletes by position that are of this data file alone; a position delete file may be of several. */
export function deletesByPositionOf(task: ScanTask): LiveEntry[] {
  return task.deletes
    .map(({ entry }) => entry)
    .filter(({ file }) => file.referencedDataFile === task.entry.file.filePath)
}
