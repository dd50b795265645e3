import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { NestedField } from '../format/types.ts'
import type { BronzeTable, LakeColumn } from '../lake/lake.ts'
import type { Engine } from '../table/engine.ts'
import { stageSchemaChange } from '../table/stage.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { AbsentColumns } from './absent-columns.ts'
import { fillableColumns, stageBronzeTable } from './bronze-schema.ts'
import { ColumnInference } from './infer-columns.ts'
import { inflateFile, UnreadableFile } from './inflate-file.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { JsonChecker, type UndeclaredFields } from './json-checker.ts'
import { keptColumnNotes, keptColumns } from './kept-columns.ts'
import { compressionOf } from './list-files.ts'
import { describeParquet, loadParquetFile, undeclaredColumns } from './load-parquet-file.ts'
import { PartLoader } from './part-loader.ts'
import { type PlannedFile, toTakenFile } from './plan-load.ts'
import { PreparedRows } from './prepared-rows.ts'
import type { RefusedTexts } from './quarantine-table.ts'
import { hashPrefix } from './read-bytes.ts'
import { type ReadText, readTextFile } from './read-text-file.ts'
import { type RescuedField, RescuedFields } from './rescued-fields.ts'
import type { RowSink } from './row-sink.ts'
import { readingSource, writtenWhileRead } from './source-error.ts'
import { stageLoadedRows } from './stage-rows.ts'
import type { TakenFile } from './taken-files.ts'

export interface LoadTableRequest {
  readonly context: TableContext
  readonly engine: Engine
  readonly limits: IngestLimits
  /** An empty folder; the caller removes it. */
  readonly folder: string
  readonly table: BronzeTable
  readonly planned: readonly PlannedFile[]
  readonly transaction: Transaction
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: { readonly rows: number; readonly bytes: number }) => void) | undefined
}

export interface LoadedTableFiles {
  readonly report: {
    readonly files: number
    readonly rows: number
    readonly quarantined: number
    readonly rescued: number
    readonly rescuedFields: readonly RescuedField[]
    readonly notes: readonly string[]
    readonly bytes: number
  }
  readonly taken: readonly TakenFile[]
}

/** A file on its way: where its text is, or why it has none. */
interface OpenFile {
  readonly file: PlannedFile
  readonly path: string
  readonly refusal: string | undefined
}

/** A part is that large at least: some rows groups of a data file, and little enough to wait for. */
const PART_BYTES = 64 * 1024 * 1024

/** Loads the planned files of one bronze table and stages what they gave. */
export async function loadTable(request: LoadTableRequest): Promise<LoadedTableFiles> {
  const { context, table, transaction, planned } = request
  const ingestedAtSql = `make_timestamptz(${Math.round(context.clock.nowMs() * 1000)})`
  const created = await transaction.update(table.identifier, staged =>
    stageBronzeTable(context, table, staged),
  )
  const files = await inflateFiles(request)
  const staged = table.onNewColumn === 'add' ? await addColumns(request, created, files) : created
  const load = new TableLoad(request, staged, ingestedAtSql)
  const loaded = await load.run(files)
  const stagedFiles = { files: loaded.files, planned, refused: load.refused, ingestedAtSql }
  await stageLoadedRows(request, stagedFiles)
  return loaded
}

/** Text files as plain text; those that cannot be are marked so. */
async function inflateFiles({
  engine,
  folder,
  planned,
  signal,
}: LoadTableRequest): Promise<readonly OpenFile[]> {
  const opened: OpenFile[] = []
  for (const [index, file] of planned.entries()) {
    const isText = file.format !== 'parquet' && file.change !== 'touched'
    const compression = isText ? await compressionOf(file.path) : 'none'
    if (compression === 'none') {
      opened.push({ file, path: file.path, refusal: undefined })
      continue
    }
    const path = join(folder, `inflated-${index}`)
    try {
      await inflateFile(engine, file.path, compression, path, signal)
      opened.push({ file, path, refusal: undefined })
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error
      opened.push({ file, path: file.path, refusal: error.message })
    }
  }
  return opened
}

/** Looks through the files for fields that no column is there for, and adds columns for them. */
async function addColumns(
  request: LoadTableRequest,
  staged: StagedTable,
  files: readonly OpenFile[],
): Promise<StagedTable> {
  const known = fillableColumns(request.table, staged)
  if (known === undefined) return staged
  const inference = new ColumnInference(known)
  const checker = createChecker(request, known)
  const read = files.filter(({ file, refusal }) => refusal === undefined && file.change !== 'touched')
  for (const open of read)
    if (open.file.format !== 'parquet') await readText(request, open, checker, inference)
  const added = [...inference.columns]
  for (const open of read)
    if (open.file.format === 'parquet')
      added.push(...(await parquetColumns(request, open, [...known, ...added])))
  const changes = added.map(({ name, type }) => ({ type: 'add', path: [name], fieldType: type }) as const)
  return await request.transaction.update(request.table.identifier, async now =>
    stageSchemaChange(now ?? staged, changes),
  )
}

async function parquetColumns(
  { engine }: LoadTableRequest,
  { path }: OpenFile,
  known: readonly LakeColumn[],
): Promise<readonly LakeColumn[]> {
  return await engine.session({ label: `describe ${path}` }, async session => {
    try {
      return undeclaredColumns(await describeParquet(session, path), known)
    } catch (error) {
      if (error instanceof UnreadableFile) return []
      throw error
    }
  })
}

function createChecker(
  { table, limits }: LoadTableRequest,
  columns: readonly LakeColumn[] | undefined,
): JsonChecker {
  return new JsonChecker({ columns, undeclared: undeclaredOf(table), nestingMax: limits.nestingMax })
}

/** Columns that were to be added are there by now: what is still undeclared has no type. */
function undeclaredOf(table: BronzeTable): UndeclaredFields {
  return table.onNewColumn === 'add' ? 'rescue' : table.onNewColumn
}

async function readText(
  { limits, table }: LoadTableRequest,
  { file, path }: OpenFile,
  checker: JsonChecker,
  sink: RowSink,
): Promise<ReadText> {
  const pathBytes = path === file.path ? file.sizeBytes : (await stat(path)).size
  const undeclared = undeclaredOf(table)
  const declared = declaredNames(table)
  return await readTextFile({ file, path, pathBytes, checker, declared, undeclared, limits, sink })
}

function declaredNames({ declared }: BronzeTable): readonly string[] | undefined {
  return declared?.map(({ name }) => name)
}

/** The load of one table: prepares rows, has them turned into data files, and counts. */
class TableLoad {
  readonly #request: LoadTableRequest
  readonly #staged: StagedTable
  readonly #columns: readonly LakeColumn[] | undefined
  readonly #kept: readonly NestedField[]
  readonly #ingestedAtSql: string
  readonly #checker: JsonChecker
  readonly #rows: PreparedRows
  readonly #parts: PartLoader
  readonly #taken: TakenFile[] = []
  /** Parquet files that the engine could not read. */
  readonly #damaged: { readonly file: PlannedFile; readonly refusal: string }[] = []
  readonly #rescuedFields = new RescuedFields()
  readonly #absentColumns: AbsentColumns
  #parquetRows = 0
  #parquetRescued = 0
  #loadedRows = 0
  #loadedBytes = 0

  constructor(request: LoadTableRequest, staged: StagedTable, ingestedAtSql: string) {
    const { context, engine, signal, folder } = request
    this.#request = request
    this.#staged = staged
    this.#ingestedAtSql = ingestedAtSql
    this.#columns = fillableColumns(request.table, staged)
    this.#kept = keptColumns(request.table, staged)
    this.#absentColumns = new AbsentColumns(declaredNames(request.table) ?? [])
    this.#checker = createChecker(request, this.#columns)
    const columns = this.#columns
    const kept = this.#kept
    const onLoaded = (rows: number, bytes: number): void => this.#progress(rows, bytes)
    this.#parts = new PartLoader({ context, engine, staged, columns, kept, ingestedAtSql, signal, onLoaded })
    const onPart = this.#parts.load.bind(this.#parts)
    const fields = this.#checker.fields
    this.#rows = new PreparedRows({ folder, fields, partBytes: PART_BYTES, onPart })
  }

  /** The texts that are no rows; undefined when there are none. */
  get refused(): RefusedTexts | undefined {
    const { refusedCount, refusedPath, refusedLineBytesMax } = this.#rows
    return refusedCount === 0 ? undefined : { path: refusedPath, lineBytesMax: refusedLineBytesMax }
  }

  async run(
    opened: readonly OpenFile[],
  ): Promise<LoadedTableFiles & { readonly files: PartLoader['files'] }> {
    try {
      for (const open of opened) {
        this.#request.signal?.throwIfAborted()
        await this.#file(open)
      }
      await this.#rows.handOver()
      await this.#parts.finish()
      for (const { file, refusal } of this.#damaged) await this.#refuse(file, refusal)
    } catch (error) {
      await this.#parts.finish({ swallow: true })
      await this.#request.context.io.remove(this.#parts.files.map(file => file.filePath))
      throw error
    } finally {
      await this.#rows.close()
    }
    return { files: this.#parts.files, taken: this.#taken, report: this.#report(opened) }
  }

  #report(opened: readonly OpenFile[]): LoadedTableFiles['report'] {
    const read = opened.filter(({ file }) => file.change !== 'touched').map(({ file }) => file)
    this.#rescuedFields.addFields(this.#checker.fields.all)
    return {
      files: read.length,
      rows: this.#rows.rowCount + this.#parquetRows,
      quarantined: this.#rows.refusedCount,
      rescued: this.#rows.rescuedCount + this.#parquetRescued,
      rescuedFields: this.#rescuedFields.list,
      notes: [...keptColumnNotes(this.#kept), ...this.#absentColumns.notes],
      bytes: read.reduce((total, file) => total + file.sizeBytes - (file.growth?.fromByte ?? 0), 0),
    }
  }

  async #file(open: OpenFile): Promise<void> {
    const { file } = open
    if (file.change === 'touched') this.#touch(file)
    else if (open.refusal !== undefined) await this.#refuse(file, open.refusal)
    else if (file.format === 'parquet') await this.#parquet(file)
    else await this.#text(open)
  }

  #touch(file: PlannedFile): void {
    if (file.taken !== undefined)
      this.#taken.push(toTakenFile(this.#request.table, this.#staged, file, file.taken))
  }

  async #refuse(file: PlannedFile, refusal: string): Promise<void> {
    this.#rows.refuseFile(file.source, refusal)
    await this.#rows.pause()
    const contentHash = (await hashPrefix(file.path, file.sizeBytes)).digest('hex')
    this.#take(file, { contentHash, lineCount: 0, rowCount: 0, quarantinedCount: 1, refusal })
  }

  async #text(open: OpenFile): Promise<void> {
    const { file } = open
    const { rowCount, refusedCount } = this.#rows
    this.#rows.begin(file.source)
    const { objectCount } = this.#checker
    const read = await readText(this.#request, open, this.#checker, this.#rows)
    const isGrowable = open.path === file.path && file.format !== 'json'
    if (!isGrowable) await requireUnchanged(file)
    const isJson = file.format === 'json' || file.format === 'ndjson'
    if (isJson && file.change !== 'grown' && this.#rows.rowCount > rowCount)
      this.#absentColumns.look(file.source, this.#checker, objectCount)
    const rowsBefore = file.growth === undefined ? 0 : (file.taken?.rowCount ?? 0)
    this.#take(file, {
      ...read,
      rowCount: rowsBefore + this.#rows.rowCount - rowCount - read.openRowCount,
      quarantinedCount: this.#rows.refusedCount - refusedCount,
      refusal: null,
    })
  }

  async #parquet(file: PlannedFile): Promise<void> {
    const contentHash = (await hashPrefix(file.path, file.sizeBytes)).digest('hex')
    const { context, table } = this.#request
    await this.#parts.run(async session => {
      try {
        const loaded = await loadParquetFile(session, {
          context,
          staged: this.#staged,
          path: file.path,
          source: file.source,
          columns: this.#columns,
          required: declaredNames(table) ?? [],
          kept: this.#kept,
          undeclared: undeclaredOf(table),
          ingestedAtSql: this.#ingestedAtSql,
        })
        await requireUnchanged(file)
        const { rowCount } = loaded
        this.#parquetRows += rowCount
        this.#parquetRescued += loaded.rescuedCount
        for (const field of loaded.rescuedFields) this.#rescuedFields.add(field)
        this.#take(file, { contentHash, lineCount: rowCount, rowCount, quarantinedCount: 0, refusal: null })
        this.#progress(rowCount, file.sizeBytes)
        return loaded.files
      } catch (error) {
        if (!(error instanceof UnreadableFile)) throw error
        // Refused later: beside other work on what is written for the engine, it would come between its lines.
        this.#damaged.push({ file, refusal: error.message })
        return []
      }
    })
  }

  #take(
    file: PlannedFile,
    result: Pick<TakenFile, 'contentHash' | 'lineCount' | 'rowCount' | 'quarantinedCount' | 'refusal'> &
      Partial<Pick<TakenFile, 'openBytes' | 'isOpenRow'>>,
  ): void {
    const {
      contentHash,
      lineCount,
      rowCount,
      quarantinedCount,
      refusal,
      openBytes = 0,
      isOpenRow = false,
    } = result
    const taken = { contentHash, lineCount, rowCount, quarantinedCount, refusal, openBytes, isOpenRow }
    this.#taken.push(toTakenFile(this.#request.table, this.#staged, file, taken))
  }

  #progress(rows: number, bytes: number): void {
    this.#loadedRows += rows
    this.#loadedBytes += bytes
    this.#request.onProgress?.({ rows: this.#loadedRows, bytes: this.#loadedBytes })
  }
}

/** The content that was hashed must be the one that was read. */
async function requireUnchanged(file: PlannedFile): Promise<void> {
  const { size, mtimeMs } = await readingSource(file.path, () => stat(file.path))
  if (size === file.sizeBytes && Math.round(mtimeMs * 1000) === file.modifiedAtUs) return
  throw writtenWhileRead(file.source, file.path)
}
