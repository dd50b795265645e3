import type { BronzeTable } from '../lake/lake.ts'
import type { StagedTable } from '../table/staged-table.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { compressionOf, type ListedFile } from './list-files.ts'
import { hashPrefix, readBytes } from './read-bytes.ts'
import { sourceReplaced, type TakenFile } from './taken-files.ts'
import { CARRIAGE_RETURN, LINE_FEED } from './text-bytes.ts'

/** Where reading starts in a file that grew. */
interface Growth {
  readonly fromByte: number
  readonly fromPosition: number
  /** What is in quarantine from this position on is read again, and rows of CSV are; undefined: nothing is. */
  readonly retractsFrom: number | undefined
}

/** What has to be done about one file. */
export interface PlannedFile extends ListedFile {
  /** `touched`: written again with the same content, which is only recorded. */
  readonly change: 'new' | 'grown' | 'replaced' | 'touched'
  readonly taken: TakenFile | undefined
  readonly generation: number
  readonly growth: Growth | undefined
}

/**
 * What has to be done about a file that is there now. Size and time of change tell whether it changed at all; then its
 * content is compared with what was taken, whole.
 * @returns undefined when there is nothing to do
 * @throws SOURCE_CHANGED when it was replaced and its source says that files only grow
 */
export async function planFile(
  table: BronzeTable,
  staged: StagedTable | undefined,
  file: ListedFile,
  latest: TakenFile | undefined,
): Promise<PlannedFile | undefined> {
  const generation = (latest?.generation ?? 0) + 1
  const taken = latest?.tableUuid === staged?.metadata['table-uuid'] ? latest : undefined
  const planned = { ...file, taken, generation, growth: undefined }
  if (taken === undefined) return { ...planned, change: 'new' }
  if (taken.sizeBytes === file.sizeBytes && taken.modifiedAtUs === file.modifiedAtUs) return undefined
  const isPrefix = file.sizeBytes >= taken.sizeBytes && (await hasPrefix(file, taken))
  if (isPrefix && file.sizeBytes === taken.sizeBytes) return { ...planned, change: 'touched' }
  if (taken.refusal !== null) return { ...planned, change: 'replaced' }
  const growth = isPrefix && (await isGrowable(file)) ? await findGrowth(file, taken) : undefined
  if (growth !== undefined) return { ...planned, change: 'grown', growth }
  if (file.declaration.onChange === 'replace') return { ...planned, change: 'replaced' }
  throw sourceReplaced(table.identifier, taken, file, whyReplaced(file, isPrefix))
}

function whyReplaced(file: ListedFile, isPrefix: boolean): string {
  if (!isPrefix) return 'its content is another'
  if (file.format !== 'ndjson' && file.format !== 'csv') return `${file.format} cannot grow line by line`
  return 'its last line, which had no line end, goes on'
}

async function hasPrefix(file: ListedFile, taken: TakenFile): Promise<boolean> {
  return (await hashPrefix(file.path, taken.sizeBytes)).digest('hex') === taken.contentHash
}

/** Text that is read line by line; a compressed file is one piece. */
async function isGrowable(file: ListedFile): Promise<boolean> {
  return (file.format === 'ndjson' || file.format === 'csv') && (await compressionOf(file.path)) === 'none'
}

/** Undefined when a last line that was taken as a row goes on: the row was another. */
async function findGrowth(file: ListedFile, taken: TakenFile): Promise<Growth | undefined> {
  const { sizeBytes, openBytes, lineCount } = taken
  if (openBytes === 0) return { fromByte: sizeBytes, fromPosition: lineCount + 1, retractsFrom: undefined }
  if (!taken.isOpenRow) {
    return { fromByte: sizeBytes - openBytes, fromPosition: lineCount, retractsFrom: lineCount }
  }
  const lineEnd = await lineEndAt(file, sizeBytes)
  if (lineEnd === 0) return undefined
  return { fromByte: sizeBytes + lineEnd, fromPosition: lineCount + 1, retractsFrom: undefined }
}

/** The length of the line end at `start`; 0 when there is none. */
async function lineEndAt(file: ListedFile, start: number): Promise<number> {
  const end = Math.min(start + 2, file.sizeBytes)
  const bytes: number[] = []
  for await (const chunk of readBytes(file.path, start, end)) bytes.push(...chunk)
  if (bytes[0] === LINE_FEED) return 1
  return bytes[0] === CARRIAGE_RETURN && bytes[1] === LINE_FEED ? 2 : 0
}

/** The record of a file that was taken as planned. */
export function toTakenFile(
  table: BronzeTable,
  staged: StagedTable,
  file: PlannedFile,
  result: Omit<TakenFile, 'table' | 'tableUuid' | 'source' | 'generation' | 'sizeBytes' | 'modifiedAtUs'>,
): TakenFile {
  return {
    ...result,
    table: formatIdentifier(table.identifier),
    tableUuid: staged.metadata['table-uuid'],
    source: file.source,
    generation: file.generation,
    sizeBytes: file.sizeBytes,
    modifiedAtUs: file.modifiedAtUs,
  }
}
