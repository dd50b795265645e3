import type { TableMetadata } from '../format/metadata-types.ts'
import { partitionKey } from '../table/partition-key.ts'
import type { ScanTask } from '../table/scan.ts'

const MIB = 1024 * 1024
const TARGET_BYTES = 128 * MIB

/** Above this share of the target a file counts as full, as in Iceberg's own rewriting. */
const FULL_SHARE = 0.75
/** How many files of about the same size a partition may have. */
const FILES_MAX = 16
/** Sizes are about the same when they are between one power of this many and the next, so that joined files are of the next tier. */
const TIER_FACTOR = 16
const FIRST_TIER_BYTES = 4096
/** Above this share of deleted rows a file is written again without them. */
const DELETED_SHARE_MAX = 0.1
/** So many delete files of one data file cost more to read than they save. */
const DELETE_FILES_MAX = 8
/** What was written more recently is left to its writer, unless the table says otherwise. */
const QUIET_MS = 60_000
/** A partition that nobody has written to for so long is joined as far as it goes. */
const COLD_MS = 60 * 60_000

/** Files of one partition that are to be written again as one, or as few of the target size. */
export interface Rewrite {
  readonly tasks: readonly ScanTask[]
  readonly bytes: number
  /** Equal for rewrites of the same partition. */
  readonly partition: string
  readonly reason: string
}

export interface CompactionFacts {
  readonly metadata: TableMetadata
  /** All files of the newest snapshot. */
  readonly tasks: readonly ScanTask[]
  readonly nowMs: number
}

export interface CompactionPlan {
  /** The most useful first: by how many files are saved. */
  readonly rewrites: readonly Rewrite[]
  /** Files that are left alone for now because they were written a moment ago. */
  readonly recentCount: number
}

/**
 * Finds the files to write again: in each partition more than 16 of about the same size, all small ones once nobody
 * writes to the partition any more, and those of which much is deleted. Joining files of like size only, a row is
 * written again about once for each power of 16 that its file grows by, however often the table is compacted. Pure.
 */
export function planCompaction({ metadata, tasks, nowMs }: CompactionFacts): CompactionPlan {
  // What maintenance itself wrote has no new rows, and no writer who would want it back.
  const writers = metadata.snapshots.filter(({ summary }) => summary.operation !== 'replace')
  const writtenAtMs = new Map(writers.map(found => [found['snapshot-id'], found['timestamp-ms']]))
  const ageOf = ({ entry }: ScanTask): number => nowMs - (writtenAtMs.get(entry.snapshotId) ?? 0)
  const targetBytes = numberIn(metadata, 'write.target-file-size-bytes', 1) ?? TARGET_BYTES
  const quietMs = numberIn(metadata, 'ingot.compaction.quiet-ms', 0) ?? QUIET_MS
  const partitions = new Map<string, ScanTask[]>()
  for (const task of tasks) {
    const key = partitionKey(task.entry)
    const partition = partitions.get(key) ?? []
    partitions.set(key, partition)
    partition.push(task)
  }
  const rewrites: Rewrite[] = []
  let recentCount = 0
  for (const [partition, all] of partitions) {
    const settled = all.filter(task => ageOf(task) >= quietMs)
    recentCount += all.length - settled.length
    const isCold = all.every(task => ageOf(task) >= COLD_MS)
    const chosen = chooseFiles(settled, targetBytes, isCold)
    rewrites.push(...packBins(partition, chosen, targetBytes))
  }
  return { rewrites: rewrites.toSorted((a, b) => b.tasks.length - a.tasks.length), recentCount }
}

/** Undefined when the table does not say, or says nothing sensible. */
function numberIn({ properties }: TableMetadata, key: string, min: number): number | undefined {
  const value = Number(properties[key])
  return properties[key] !== undefined && Number.isFinite(value) && value >= min ? value : undefined
}

interface ChosenFile {
  readonly task: ScanTask
  readonly reason: string
}

function chooseFiles(
  tasks: readonly ScanTask[],
  targetBytes: number,
  isCold: boolean,
): readonly ChosenFile[] {
  const chosen = new Map<ScanTask, string>()
  for (const task of tasks) {
    const reason = deletesReason(task)
    if (reason !== undefined) chosen.set(task, reason)
  }
  const small = tasks.filter(({ entry }) => entry.file.fileSizeBytes < targetBytes * FULL_SHARE)
  if (isCold && small.length > 1) {
    for (const task of small)
      choose(task, `${small.length} small files of a partition that is no longer written to`)
  }
  for (const tier of tiersOf(small)) {
    if (tier.length <= FILES_MAX) continue
    for (const task of tier) choose(task, `${tier.length} files of about the same small size`)
  }
  return [...chosen].map(([task, reason]) => ({ task, reason }))

  function choose(task: ScanTask, reason: string): void {
    if (!chosen.has(task)) chosen.set(task, reason)
  }
}

function deletesReason({ entry, deletes }: ScanTask): string | undefined {
  if (deletes.length === 0) return undefined
  if (deletes.length > DELETE_FILES_MAX) return `${deletes.length} delete files apply to a file`
  if (deletes.some(({ entry: { file } }) => file.content === 'equality-deletes'))
    return 'deletes by key apply to a file'
  // What a delete file has for several data files cannot be told apart without reading it.
  const own = deletes.filter(found => found.entry.file.referencedDataFile === entry.file.filePath)
  const deleted = own.reduce((sum, found) => sum + found.entry.file.recordCount, 0)
  const share = deleted / Math.max(1, entry.file.recordCount)
  return share > DELETED_SHARE_MAX
    ? `${Math.round(share * 100)}% of the rows of a file are deleted`
    : undefined
}

function tiersOf(tasks: readonly ScanTask[]): readonly (readonly ScanTask[])[] {
  const tiers = new Map<number, ScanTask[]>()
  for (const task of tasks) {
    const powers = Math.log(task.entry.file.fileSizeBytes / FIRST_TIER_BYTES) / Math.log(TIER_FACTOR)
    const tier = Math.max(0, Math.floor(powers))
    tiers.set(tier, [...(tiers.get(tier) ?? []), task])
  }
  return [...tiers.values()]
}

/** Fills bins of the target size, in the order in which the rows came; a file alone is worth no rewrite, unless rows go from it. */
function packBins(partition: string, chosen: readonly ChosenFile[], targetBytes: number): readonly Rewrite[] {
  const bins: { files: ChosenFile[]; bytes: number }[] = []
  const inOrder = chosen.toSorted((a, b) => a.task.entry.fileSequenceNumber - b.task.entry.fileSequenceNumber)
  for (const file of inOrder) {
    const { fileSizeBytes } = file.task.entry.file
    const bin = bins.at(-1)
    if (bin === undefined || bin.bytes + fileSizeBytes > targetBytes) {
      bins.push({ files: [file], bytes: fileSizeBytes })
    } else {
      bin.files.push(file)
      bin.bytes += fileSizeBytes
    }
  }
  return bins.flatMap(({ files, bytes }) => {
    const tasks = files.map(({ task }) => task)
    const reasons = [...new Set(files.map(({ reason }) => reason))]
    const isWorthIt = tasks.length > 1 || tasks.some(task => deletesReason(task) !== undefined)
    return isWorthIt ? [{ tasks, bytes, partition, reason: reasons.join('; ') }] : []
  })
}
