import { rm } from 'node:fs/promises'
import { IngotError } from '../errors.ts'
import type { DataFile } from '../format/manifest-types.ts'
import { currentSchema } from '../format/schema.ts'
import { isPrimitive, type NestedField } from '../format/types.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { writeDataFiles } from '../table/data-files.ts'
import type { Engine, EngineSession } from '../table/engine.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { withKeptColumnsSql } from './kept-columns.ts'
import type { PreparedPart } from './prepared-rows.ts'
import { textRowsSql } from './text-rows-sql.ts'

export interface PartLoaderOptions {
  readonly context: TableContext
  readonly engine: Engine
  readonly staged: StagedTable
  readonly columns: readonly LakeColumn[] | undefined
  /** Columns of the table that rows cannot fill. */
  readonly kept: readonly NestedField[]
  readonly ingestedAtSql: string
  readonly signal: AbortSignal | undefined
  readonly onLoaded: (rows: number, bytes: number) => void
}

/**
 * Turns prepared parts into data files, as many at a time as the engine has workers: whoever prepares them waits for a free one,
 * which bounds the temporary files.
 */
export class PartLoader {
  readonly files: DataFile[] = []
  readonly #options: PartLoaderOptions
  readonly #running = new Set<Promise<void>>()
  #failure: unknown

  constructor(options: PartLoaderOptions) {
    this.#options = options
  }

  /** Resolves when the part is being loaded. @throws what loading an earlier part threw */
  async load(part: PreparedPart): Promise<void> {
    await this.run(session => this.#loadPart(session, part))
  }

  /** Runs `work` on a worker of its own, and keeps the files that it wrote. Resolves when it has begun. */
  async run(work: (session: EngineSession) => Promise<readonly DataFile[]>): Promise<void> {
    while (this.#running.size >= this.#options.engine.workersMax) await Promise.race(this.#running)
    this.#throwFailure()
    const { engine, staged, signal } = this.#options
    const label = formatIdentifier(staged.identifier)
    const running: Promise<void> = engine
      .session({ label, ...(signal && { signal }) }, work)
      .then(files => {
        this.files.push(...files)
      })
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Waits for everything that is being loaded; with `swallow`, whatever became of it. */
  async finish(options: { readonly swallow?: boolean } = {}): Promise<void> {
    await Promise.all(this.#running)
    if (options.swallow !== true) this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async #loadPart(session: EngineSession, part: PreparedPart): Promise<readonly DataFile[]> {
    const { context, staged, columns, kept, ingestedAtSql, onLoaded } = this.#options
    const select = withKeptColumnsSql(textRowsSql({ part, columns, ingestedAtSql }), kept)
    const files = await writeDataFiles(context, session, staged.metadata, { select })
    this.files.push(...files)
    requireSameCounts(staged, part, columns, files)
    const texts = [part.prepared, part.plain].filter(text => text !== undefined)
    for (const { path } of texts) await rm(path)
    onLoaded(part.rowCount, sum(texts.map(text => text.sizeBytes)))
    return []
  }
}

/** What the engine read must be what was checked: as many rows, and in each column as many values. */
function requireSameCounts(
  staged: StagedTable,
  part: PreparedPart,
  columns: readonly LakeColumn[] | undefined,
  files: readonly DataFile[],
): void {
  const rowCount = sum(files.map(file => file.recordCount))
  if (rowCount !== part.rowCount) throw miscounted(staged, 'rows', part.rowCount, rowCount)
  for (const [index, column] of (columns ?? []).entries()) {
    const field = currentSchema(staged.metadata).fields.find(({ name }) => name === column.name)
    if (field === undefined || !isPrimitive(field.type)) continue
    const nullCounts = files.map(file => file.nullValueCounts?.get(field.id))
    if (nullCounts.includes(undefined)) continue
    const valueCount = rowCount - sum(nullCounts.map(count => count ?? 0))
    const expected = part.valueCounts[index] ?? 0
    if (valueCount !== expected) throw miscounted(staged, `values of ${column.name}`, expected, valueCount)
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function miscounted(staged: StagedTable, what: string, expected: number, found: number): IngotError {
  const table = formatIdentifier(staged.identifier)
  return new IngotError(
    'DATA_INVALID',
    `${expected} ${what} were checked for ${table}, and the engine read ${found}`,
    {
      hint: 'nothing was loaded; please report this with one of the lines',
      context: { table, expected, found },
    },
  )
}
