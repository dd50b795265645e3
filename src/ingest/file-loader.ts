import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IngotError } from '../errors.ts'
import type { BronzeTable } from '../lake/lake.ts'
import { quarantineIdentifier } from '../lake/quarantine.ts'
import type { Engine } from '../table/engine.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, identifierKey } from '../table-identifier.ts'
import type { Log } from '../telemetry/log.ts'
import { stageBronzeTable } from './bronze-schema.ts'
import { DEFAULT_INGEST_LIMITS, type IngestLimits } from './ingest-limits.ts'
import { keptColumnNotes, keptColumns } from './kept-columns.ts'
import { listFiles } from './list-files.ts'
import { loadTable } from './load-table.ts'
import { type PlannedFile, planFile } from './plan-load.ts'
import type { RescuedField } from './rescued-fields.ts'
import { createTakenFilesStore, type TakenFile } from './taken-files.ts'

export interface FileLoaderOptions {
  readonly context: TableContext
  readonly engine: Engine
  /** What globs are relative to. */
  readonly projectFolder: string
  /** For copies of what is being loaded; the engine's workers read them there. */
  readonly tempFolder: string
  readonly log: Log
  readonly limits?: IngestLimits
}

/** What the files of a bronze table have that was not taken yet. */
interface FileLoadPlan {
  /** Files that are new, grew or were replaced. */
  readonly files: number
  /** What there is to read of them, as they are stored. */
  readonly bytes: number
  /** What is to be known of the table before it is loaded. */
  readonly notes: readonly string[]
  readonly planned: readonly PlannedFile[]
}

/** What one load of a bronze table took. */
export interface FileLoadReport {
  readonly files: number
  readonly rows: number
  readonly quarantined: number
  readonly rescued: number
  /** Which fields these are, those of the most rows first; not all where there are many. */
  readonly rescuedFields: readonly RescuedField[]
  /** What to know of what was loaded. */
  readonly notes: readonly string[]
  readonly bytes: number
}

interface FileLoadOptions {
  readonly signal?: AbortSignal
  /** Called now and then with what was loaded so far. */
  readonly onProgress?: (progress: { readonly rows: number; readonly bytes: number }) => void
}

/**
 * Fills bronze tables from files, each line once: what was taken is recorded in `system.files` in the transaction that adds the
 * rows. Two loads that took the same files at the same time cannot both commit.
 */
export interface FileLoader {
  /**
   * Looks at the files; reads only those that changed since they were taken.
   * @throws FILE_NOT_FOUND for a source that names one file which is not there and was never taken; SOURCE_CHANGED, STORAGE_FAILED;
   *   PLAN_REFUSED for columns that the table cannot get
   */
  plan(table: BronzeTable, transaction: Transaction): Promise<FileLoadPlan>
  /**
   * Stages the rows, and in `<table>__quarantine` what is none; creates the tables that are not there. When it
   * throws, nothing of the table is staged.
   * @throws SOURCE_CHANGED, STORAGE_FAILED, DATA_INVALID, PLAN_REFUSED and what the engine throws
   */
  stage(
    table: BronzeTable,
    plan: FileLoadPlan,
    transaction: Transaction,
    options?: FileLoadOptions,
  ): Promise<FileLoadReport>
  /** Records what was taken for the tables that `reports` has, by identifierKey. To be called once, before the commit. */
  finish(transaction: Transaction, reports: ReadonlyMap<string, unknown>): Promise<void>
}

/** Makes a FileLoader over an engine and the folder of a project. */
export function createFileLoader(options: FileLoaderOptions): FileLoader {
  const { context, engine, tempFolder, log } = options
  const store = createTakenFilesStore(context, engine)
  const limits = options.limits ?? DEFAULT_INGEST_LIMITS
  const staged = new WeakMap<Transaction, Map<string, readonly TakenFile[]>>()
  return {
    async plan(table, transaction) {
      const { files, missing } = await listFiles(table.sources, options.projectFolder)
      const bronze = await transaction.table(table.identifier)
      // What a load would refuse is refused before it.
      if (bronze !== undefined) await stageBronzeTable(context, table, bronze)
      const taken = (await store.read(transaction)).get(formatIdentifier(table.identifier))
      const tableUuid = bronze?.metadata['table-uuid']
      const lost = missing.find(source => taken?.get(source)?.tableUuid !== (tableUuid ?? ''))
      if (lost !== undefined) throw sourceMissing(table, lost)
      const sources = table.sources.map(source => source.glob)
      if (files.length === 0 && missing.length === 0)
        log.warn({ table: formatIdentifier(table.identifier), sources }, 'no file is there')
      const planned: PlannedFile[] = []
      for (const file of files) {
        const plannedFile = await planFile(table, bronze, file, taken?.get(file.source))
        if (plannedFile !== undefined) planned.push(plannedFile)
      }
      const toRead = planned.filter(file => file.change !== 'touched')
      const bytes = toRead.reduce((total, file) => total + file.sizeBytes - (file.growth?.fromByte ?? 0), 0)
      const notes = bronze === undefined ? [] : keptColumnNotes(keptColumns(table, bronze))
      return { files: toRead.length, bytes, notes, planned }
    },
    async stage(table, { planned }, transaction, { signal, onProgress } = {}) {
      try {
        const loaded = await withFolder(tempFolder, folder =>
          loadTable({ context, engine, limits, folder, table, planned, transaction, signal, onProgress }),
        )
        const tables = staged.get(transaction) ?? new Map<string, readonly TakenFile[]>()
        staged.set(transaction, tables.set(identifierKey(table.identifier), loaded.taken))
        return loaded.report
      } catch (error) {
        transaction.discard(table.identifier)
        transaction.discard(quarantineIdentifier(table.identifier))
        throw error
      }
    },
    async finish(transaction, reports) {
      const tables = [...(staged.get(transaction) ?? [])].filter(([key]) => reports.has(key))
      const taken = tables.flatMap(([, files]) => files)
      await withFolder(tempFolder, folder => store.record(transaction, taken, folder))
    },
  }
}

function sourceMissing({ identifier, sources }: BronzeTable, source: string): IngotError {
  const table = formatIdentifier(identifier)
  return new IngotError('FILE_NOT_FOUND', `there is no file ${source}, which ${table} is loaded from`, {
    hint: 'put the file there, or correct its path in from: files(…); a glob may match nothing',
    context: { table, source, sources: sources.map(({ glob }) => glob) },
  })
}

async function withFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, 'load-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
