import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IngotError } from '../errors.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { quoteLiteral } from '../sql-text.ts'
import { writeDataFiles } from '../table/data-files.ts'
import type { Engine, EngineValue } from '../table/engine.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import { stageAppend } from '../table/stage-delta.ts'
import { stageNewTable } from '../table/stage-new-table.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'

/** The table that records which files were taken, for all bronze tables. */
export const FILES_TABLE: TableIdentifier = { namespace: ['system'], name: 'files' }

/** What was taken of one file into one table: a row of `system.files`. The one of the highest generation holds. */
export interface TakenFile {
  /** As formatIdentifier prints it. */
  readonly table: string
  /** A table that was dropped and created anew has taken nothing. */
  readonly tableUuid: string
  readonly source: string
  readonly generation: number
  readonly sizeBytes: number
  readonly modifiedAtUs: number
  /** SHA-256 of the first `sizeBytes` bytes. */
  readonly contentHash: string
  /** Lines, elements or rows: the position of the last one, and of a CSV record that the file ends within that of its first line. */
  readonly lineCount: number
  /**
   * Bytes of a last line that has no line end: a row when `isOpenRow`, else refused (it may only be the first part of one). Of a CSV
   * record that the file ends within: all of its lines.
   */
  readonly openBytes: number
  readonly isOpenRow: boolean
  /** Without those of a CSV record that the file ends within: they are read again when it grows. */
  readonly rowCount: number
  readonly quarantinedCount: number
  /** Why the file was refused as a whole; it is tried again when it changes. */
  readonly refusal: string | null
}

interface StoredColumn extends LakeColumn {
  readonly key: keyof TakenFile | 'recordedAt'
}

const COLUMNS: readonly StoredColumn[] = [
  { key: 'table', name: 'table_name', type: 'string' },
  { key: 'tableUuid', name: 'table_uuid', type: 'string' },
  { key: 'source', name: 'source', type: 'string', doc: 'the _source of its rows' },
  { key: 'generation', name: 'generation', type: 'long', doc: 'the highest of a table and source holds' },
  { key: 'sizeBytes', name: 'size_bytes', type: 'long', doc: 'how much of the file was taken' },
  { key: 'modifiedAtUs', name: 'modified_at_us', type: 'long', doc: 'microseconds since 1970' },
  { key: 'contentHash', name: 'content_hash', type: 'string', doc: 'SHA-256 of what was taken' },
  { key: 'lineCount', name: 'line_count', type: 'long' },
  {
    key: 'openBytes',
    name: 'open_bytes',
    type: 'long',
    doc: 'bytes of a last line without line end, or of an open CSV record',
  },
  { key: 'isOpenRow', name: 'is_open_row', type: 'boolean', doc: 'whether that line was a row' },
  { key: 'rowCount', name: 'row_count', type: 'long' },
  { key: 'quarantinedCount', name: 'quarantined_count', type: 'long' },
  { key: 'refusal', name: 'refusal', type: 'string', doc: 'why the file was refused as a whole' },
  { key: 'recordedAt', name: 'recorded_at', type: 'timestamptz' },
]

/** The files taken, by table (as formatIdentifier prints it) and source. */
type TakenFiles = ReadonlyMap<string, ReadonlyMap<string, TakenFile>>

export interface TakenFilesStore {
  /** What the transaction sees; one query for each snapshot of the table. */
  read(transaction: Transaction): Promise<TakenFiles>
  /** Stages one append. `folder` is for a temporary file. */
  record(transaction: Transaction, files: readonly TakenFile[], folder: string): Promise<void>
}

/** Reads and appends to `system.files`. */
export function createTakenFilesStore(context: TableContext, engine: Engine): TakenFilesStore {
  let cached: { snapshotId: bigint; files: Promise<TakenFiles> } | undefined
  const read = async (transaction: Transaction): Promise<TakenFiles> => {
    const staged = await transaction.table(FILES_TABLE)
    const snapshot = staged && currentSnapshot(staged.metadata)
    if (staged === undefined || snapshot === undefined) return new Map()
    const snapshotId = snapshot['snapshot-id']
    if (cached?.snapshotId === snapshotId) return await cached.files
    const files = planScan(context, staged.metadata).then(plan =>
      queryLatest(engine, scanSql(staged.metadata, plan)),
    )
    cached = { snapshotId, files }
    files.catch(() => {
      cached = undefined
    })
    return await files
  }
  return {
    read,
    async record(transaction, files, folder) {
      if (files.length === 0) return
      const path = join(folder, 'taken.ndjson')
      await writeFile(path, files.map(file => `${JSON.stringify(toRow(file))}\n`).join(''))
      const nowSql = `make_timestamptz(${Math.round(context.clock.nowMs() * 1000)})`
      await transaction.update(FILES_TABLE, async staged => {
        const table = staged ?? (await stageNewTable(context, { identifier: FILES_TABLE, columns: COLUMNS }))
        const select = `SELECT *, ${nowSql} AS recorded_at FROM ${storedSql(path)}`
        const written = await engine.session({ label: 'system.files' }, session =>
          writeDataFiles(context, session, table.metadata, { select }),
        )
        return await stageAppend(context, table, written)
      })
    },
  }
}

function toRow(file: TakenFile): Record<string, unknown> {
  const stored = COLUMNS.filter(column => column.key !== 'recordedAt')
  const values: Readonly<Record<string, unknown>> = { ...file }
  return Object.fromEntries(stored.map(column => [column.name, values[column.key]]))
}

function storedSql(path: string): string {
  const types = COLUMNS.filter(column => column.key !== 'recordedAt').map(
    column => `${column.name}: '${SQL_TYPES[String(column.type)] ?? 'VARCHAR'}'`,
  )
  return `read_json(${quoteLiteral(path)}, format = 'newline_delimited', columns = {${types.join(', ')}})`
}

const SQL_TYPES: Readonly<Record<string, string>> = { long: 'BIGINT', boolean: 'BOOLEAN' }

/** More files than that would no longer fit one answer of the engine. */
const FILES_MAX = 5_000_000

async function queryLatest(engine: Engine, sql: string): Promise<TakenFiles> {
  const latest = 'row_number() OVER (PARTITION BY table_name, source ORDER BY generation DESC) = 1'
  const names = COLUMNS.map(column => column.name).join(', ')
  const { rows } = await engine.session({ label: 'system.files' }, session =>
    session.query(`SELECT ${names} FROM (\n${sql}\n) QUALIFY ${latest}`, { rowsMax: FILES_MAX }),
  )
  const taken = new Map<string, Map<string, TakenFile>>()
  for (const row of rows) {
    const file = fromRow(row)
    const files = taken.get(file.table) ?? new Map<string, TakenFile>()
    taken.set(file.table, files.set(file.source, file))
  }
  return taken
}

function fromRow(row: readonly EngineValue[]): TakenFile {
  const values = new Map(COLUMNS.map((column, index) => [column.key, row[index]]))
  const text = (key: StoredColumn['key']): string => String(values.get(key))
  const count = (key: StoredColumn['key']): number => Number(values.get(key))
  const refusal = values.get('refusal')
  return {
    table: text('table'),
    tableUuid: text('tableUuid'),
    source: text('source'),
    generation: count('generation'),
    sizeBytes: count('sizeBytes'),
    modifiedAtUs: count('modifiedAtUs'),
    contentHash: text('contentHash'),
    lineCount: count('lineCount'),
    openBytes: count('openBytes'),
    isOpenRow: values.get('isOpenRow') === true,
    rowCount: count('rowCount'),
    quarantinedCount: count('quarantinedCount'),
    refusal: typeof refusal === 'string' ? refusal : null,
  }
}

/** The error of a file that was replaced where files may only grow. */
export function sourceReplaced(
  table: TableIdentifier,
  taken: TakenFile,
  now: { readonly sizeBytes: number },
  cause: string,
): IngotError {
  return new IngotError(
    'SOURCE_CHANGED',
    `${taken.source} was replaced after ${formatIdentifier(table)} took it: ${cause} (${taken.sizeBytes} bytes then, ${now.sizeBytes} now)`,
    {
      hint: "put the old content back and the new one under another name, or declare files('…', { onChange: 'replace' })",
      context: { source: taken.source, takenBytes: taken.sizeBytes, sizeBytes: now.sizeBytes },
    },
  )
}
