import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Append, Appender, AppendResult } from '../catalog/appender.ts'
import type { Catalog, CommitMember, CommitResult, LoadedTable } from '../catalog/catalog.ts'
import { resolvedInside } from '../catalog/table-location.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { DataFile } from '../format/manifest-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { ORPHANS_REMOVED_BEFORE } from '../format/table-updates.ts'
import { stringifyJson } from '../json.ts'
import { randomUuid } from '../random.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { CONFLICT_RETRIES_MAX, pauseBeforeRetry } from './conflict-retries.ts'
import { specById } from './partition-columns.ts'
import { type Progress, progressSummary, readProgress } from './progress.ts'
import { openTable } from './stage.ts'
import { stageAppend } from './stage-delta.ts'
import type { StagedTable, TableContext } from './staged-table.ts'
import { filesWrittenBy } from './uncommitted-files.ts'

/** An append as it waits: what it is to find of the table that its files were written for. */
export interface AppendRequest extends Append {
  readonly identifier: TableIdentifier
  /** Another table may have the name by now. */
  readonly tableUuid: string
  readonly schemaId: number
  readonly specId: number
  /** Who asks, for the audit log. */
  readonly principal?: string
}

/** How many files one snapshot takes; more wait for the next one. */
const GROUP_FILES_MAX = 10_000
/** How many appends to one table may wait. */
const WAITING_MAX = 4096

/** An append that nobody has answered yet. */
interface Waiting {
  readonly request: AppendRequest
  readonly member: CommitMember
  readonly result: Promise<AppendResult>
  resolve(result: AppendResult): void
  reject(error: unknown): void
}

/**
 * Groups the appends that arrive while a commit is on its way into the next snapshot of their table. Several queues over
 * one catalog are right, but slower than one: their groups race like any two writers.
 */
export class AppendQueue implements Appender {
  readonly #context: TableContext
  /** By table. A list that is there means that somebody works it off. */
  readonly #waiting = new Map<string, Waiting[]>()
  /** By idempotency key: a repetition of what is on its way gets the same answer. */
  readonly #unanswered = new Map<string, Waiting>()

  constructor(context: TableContext) {
    this.#context = context
  }

  append({ identifier, metadata }: LoadedTable, append: Append): Promise<AppendResult> {
    return this.enqueue({
      ...append,
      identifier,
      tableUuid: metadata['table-uuid'],
      schemaId: metadata['current-schema-id'],
      specId: metadata['default-spec-id'],
    })
  }

  /** `append` for a writer in another process, who has the table there. @throws as `append` does */
  async enqueue(request: AppendRequest): Promise<AppendResult> {
    const member = memberOf(request)
    const same = this.#unanswered.get(request.idempotencyKey)
    if (same !== undefined) {
      if (same.member.requestHash !== member.requestHash) throw otherRequest(request)
      return same.result
    }
    const table = identifierKey(request.identifier)
    const queue = this.#waiting.get(table)
    if (queue !== undefined && queue.length >= WAITING_MAX) throw tooMany(request)
    const waiting = { request, member, ...withResolvers<AppendResult>() }
    this.#unanswered.set(request.idempotencyKey, waiting)
    try {
      if (queue === undefined) void this.#workOff(table, [waiting])
      else queue.push(waiting)
      return await waiting.result
    } finally {
      this.#unanswered.delete(request.idempotencyKey)
    }
  }

  async #workOff(table: string, queue: Waiting[]): Promise<void> {
    this.#waiting.set(table, queue)
    while (queue.length > 0) {
      // Whoever was just answered, or comes at this moment with the first one, gets into this group, not the next.
      await setImmediate()
      const group = queue.splice(0, groupSize(queue))
      try {
        await commitGroup(this.#context, group)
      } catch (error) {
        // Those that were answered before stay so.
        for (const { reject } of group) reject(error)
      }
    }
    this.#waiting.delete(table)
  }
}

function groupSize(queue: readonly Waiting[]): number {
  let files = 0
  const end = queue.findIndex(({ request }) => {
    files += request.files.length
    return files > GROUP_FILES_MAX
  })
  return end === -1 ? queue.length : Math.max(1, end)
}

/** Answers every append of a group: what is refused leaves it, and what stays is committed as one snapshot. */
async function commitGroup(context: TableContext, group: readonly Waiting[]): Promise<void> {
  let left = group
  for (let attempt = 0; ; attempt += 1) {
    left = await answerRepeated(context.catalog, left)
    const [first] = left
    if (first === undefined) return
    const table = await context.catalog.loadTable(first.request.identifier)
    left = refuseOutdated(table, left)
    if (left.length === 0) return
    const staged = await stageGroup(context, table, left)
    const outcome = await tryCommit(context, staged, left)
    if (outcome.type === 'committed') {
      for (const { resolve } of left) resolve(toAppendResult(outcome.result))
      return
    }
    if (attempt === CONFLICT_RETRIES_MAX) throw outcome.error
    await pauseBeforeRetry(context, attempt)
  }
}

/** Answers those whose key was used before; returns the others. */
async function answerRepeated(catalog: Catalog, group: readonly Waiting[]): Promise<readonly Waiting[]> {
  const isNew = await Promise.all(
    group.map(async ({ member, resolve, reject }) => {
      try {
        const before = await catalog.findMember(member)
        if (before !== undefined) resolve(toAppendResult(before))
        return before === undefined
      } catch (error) {
        reject(error)
        return false
      }
    }),
  )
  return group.filter((_, index) => isNew[index])
}

/** Refuses those that started from another state than the table has; each sees the progress of those before it. */
function refuseOutdated(table: LoadedTable, group: readonly Waiting[]): readonly Waiting[] {
  const progress = new Map(Object.entries(readProgress(table.metadata) ?? {}))
  return group.filter(({ request, reject }) => {
    const reason = whyOutdated(table, request, progress)
    const foreign = request.files.find(file => !isFileOf(table, file))
    if (reason !== undefined || foreign !== undefined) {
      reject(reason === undefined ? foreignFile(request, foreign?.filePath) : outdated(request, reason))
      return false
    }
    for (const { key, next } of request.progress ?? []) progress.set(key, next)
    return true
  })
}

function whyOutdated(
  { metadata }: LoadedTable,
  request: AppendRequest,
  progress: ReadonlyMap<string, unknown>,
): string | undefined {
  if (metadata['table-uuid'] !== request.tableUuid) return 'another table has its name now'
  if (metadata['current-schema-id'] !== request.schemaId) return 'its columns have changed'
  if (metadata['default-spec-id'] !== request.specId) return 'its partitioning has changed'
  const horizonMs = Number(metadata.properties[ORPHANS_REMOVED_BEFORE] ?? 0)
  if (request.beganAtMs < horizonMs)
    return `its files are from ${request.beganAtMs}, and orphans from before ${horizonMs} are removed by now`
  const moved = request.progress?.find(({ key, expected }) => !isDeepStrictEqual(progress.get(key), expected))
  return moved && `its progress of ${moved.key} is ${stringifyJson(progress.get(moved.key))} by now`
}

/** Anything else could name the files of a table that the writer may not read. */
function isFileOf({ metadata }: LoadedTable, { content, filePath, partition }: DataFile): boolean {
  const { fields } = specById(metadata, metadata['default-spec-id'])
  const isInside = resolvedInside(metadata.location, filePath) !== undefined && !/\/\.{1,2}\//.test(filePath)
  return content === 'data' && isInside && partition.length === fields.length
}

/** One snapshot with the files of all, and their progress on top of that of the others. */
async function stageGroup(
  context: TableContext,
  table: LoadedTable,
  group: readonly Waiting[],
): Promise<StagedTable> {
  const steps = group.flatMap(({ request }) => request.progress ?? [])
  const progress: Progress = {
    ...readProgress(table.metadata),
    ...Object.fromEntries(steps.map(({ key, next }) => [key, next])),
  }
  return await stageAppend(
    context,
    // The oldest of them: orphans that are removed until this is committed may be its files.
    openTable(table, Math.min(...group.map(({ request }) => request.beganAtMs))),
    group.flatMap(({ request }) => request.files),
    steps.length === 0 ? {} : { summary: progressSummary(progress) },
  )
}

type Outcome =
  | { readonly type: 'committed'; readonly result: CommitResult }
  /** Certainly not applied: somebody else was faster. */
  | { readonly type: 'lost'; readonly error: unknown }

async function tryCommit(
  context: TableContext,
  staged: StagedTable,
  group: readonly Waiting[],
): Promise<Outcome> {
  const idempotencyKey = randomUuid(context.random)
  const { identifier, requirements, updates } = staged
  try {
    const result = await context.catalog.commit([{ identifier, requirements, updates }], {
      idempotencyKey,
      members: group.map(({ member }) => member),
    })
    return { type: 'committed', result }
  } catch (error) {
    if (isIngotError(error, 'COMMIT_STATE_UNKNOWN')) {
      const result = await findOut(context.catalog, idempotencyKey, error)
      if (result !== undefined) return { type: 'committed', result }
    } else if (!isIngotError(error, 'COMMIT_CONFLICT')) throw error
    await removeStaged(context, staged, group)
    return { type: 'lost', error }
  }
}

/** What became of the commit; when it was not applied, it never will be. @throws `unknown` when that cannot be known now */
async function findOut(
  catalog: Catalog,
  idempotencyKey: string,
  unknown: IngotError,
): Promise<CommitResult | undefined> {
  try {
    return await catalog.findCommit(idempotencyKey)
  } catch {
    throw unknown
  }
}

/** Best effort: a file that stays is only a file too many. The files that were handed in stay, for the next attempt. */
async function removeStaged(
  context: TableContext,
  staged: StagedTable,
  group: readonly Waiting[],
): Promise<void> {
  const handedIn = new Set(group.flatMap(({ request }) => request.files.map(file => file.filePath)))
  const written = await filesWrittenBy(context, staged).catch(() => [])
  await context.io.remove(written.filter(location => !handedIn.has(location))).catch(() => undefined)
}

function toAppendResult({ transactionId, tables }: CommitResult): AppendResult {
  const [table] = tables
  const snapshot = table && currentSnapshot(table.metadata)
  if (snapshot === undefined) {
    throw new IngotError('METADATA_INVALID', `transaction ${transactionId} left its table without a snapshot`)
  }
  return { transactionId, snapshotId: snapshot['snapshot-id'] }
}

/** Equal for the same files and the same progress: file names are never used again. */
function memberOf(request: AppendRequest): CommitMember {
  const { idempotencyKey, identifier, tableUuid, files, progress = [], principal } = request
  const paths = files.map(file => file.filePath)
  const steps = progress.map(({ key, expected, next }) => [key, expected ?? null, next])
  const requestHash = createHash('sha256')
    .update(stringifyJson(['append', identifierKey(identifier), tableUuid, paths, steps]))
    .digest('hex')
  return { idempotencyKey, requestHash, ...(principal !== undefined && { principal }) }
}

function withResolvers<T>(): {
  result: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
} {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const result = new Promise<T>((onResult, onError) => {
    resolve = onResult
    reject = onError
  })
  return { result, resolve, reject }
}

function outdated({ identifier, idempotencyKey }: AppendRequest, reason: string): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('COMMIT_CONFLICT', `append to table ${name} was not applied: ${reason}`, {
    hint: 'load the table again, and write what it does not have yet',
    context: { identifier, idempotencyKey },
  })
}

function foreignFile({ identifier }: AppendRequest, filePath: string | undefined): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('REQUEST_INVALID', `${filePath} is no data file of table ${name}`, {
    hint: "an append adds data files in the table's folder, with a value for each of its partition fields",
    context: { identifier, file: filePath },
  })
}

function tooMany({ identifier }: AppendRequest): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('CATALOG_UNAVAILABLE', `${WAITING_MAX} appends to table ${name} are waiting`, {
    retryable: true,
    hint: 'append more rows less often',
    context: { identifier },
  })
}

function otherRequest({ identifier, idempotencyKey }: AppendRequest): IngotError {
  return new IngotError(
    'IDEMPOTENCY_MISMATCH',
    `idempotency key ${idempotencyKey} is in use by another append`,
    {
      hint: 'use a new key for every append that is not a repetition',
      context: { identifier, idempotencyKey },
    },
  )
}
