import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunkWriter,
  DuckDBInstance,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api'
import { quoteIdentifier } from '../sql-text.ts'
import type { S3Access } from '../storage/s3-requests.ts'
import type { EngineColumn, EngineValue } from '../table/engine.ts'
import { toEngineValue } from './engine-values.ts'
import { giveS3Access, loadHttpfs } from './httpfs.ts'
import { registerMurmur3 } from './murmur3-function.ts'
import { StatementFailure } from './statement-failure.ts'
import type { WorkerSettings } from './worker-protocol.ts'

/**
 * One in-memory database with one connection, inside a worker. A session gets an instance of its own rather than a connection:
 * settings, views, the query log and temporary files of an instance are visible to all of its connections.
 */
export class DuckdbSession {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #extensionFolder: string | undefined
  #hasHttpfs = false
  #interrupted = false

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    extensionFolder: string | undefined,
  ) {
    this.#instance = instance
    this.#connection = connection
    this.#extensionFolder = extensionFolder
  }

  static async open(settings: WorkerSettings): Promise<DuckdbSession> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${settings.memoryLimitBytes}B`,
      threads: String(settings.threads),
      temp_directory: settings.tempFolder,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      // The engine's default, stated because tables depend on it: rows leave a scan in file order, and a sorted write stays sorted.
      preserve_insertion_order: 'true',
      errors_as_json: 'true',
      // The default too, and final once the instance is open: no statement can read a secret.
      allow_unredacted_secrets: 'false',
    })
    const connection = await instance.connect()
    await connection.run(`SET TimeZone = 'UTC'`)
    registerMurmur3(connection)
    return new DuckdbSession(instance, connection, settings.extensionFolder)
  }

  /** Lets statements read and write the files below `scope`, an `s3://` folder, until access to it is given anew. */
  async useS3(scope: string, access: S3Access): Promise<void> {
    await this.#attempt(async () => {
      if (!this.#hasHttpfs) await loadHttpfs(this.#connection, this.#extensionFolder)
      this.#hasHttpfs = true
      await giveS3Access(this.#connection, scope, access)
    })
  }

  /**
   * Runs one statement whose rows come in batches of up to 2,048. Another statement on the session ends the stream.
   * @throws StatementFailure, also while rows are read
   */
  async stream(sql: string): Promise<{ columns: EngineColumn[]; batches: AsyncIterable<EngineValue[][]> }> {
    const result = await this.#attempt(() => this.#connection.stream(sql))
    const names = result.columnNames()
    const columns = result
      .columnTypes()
      .map((type, index) => ({ name: names[index] ?? '', type: String(type) }))
    return { columns, batches: this.#readBatches(result) }
  }

  async *#readBatches(result: DuckDBResult): AsyncGenerator<EngineValue[][]> {
    for (;;) {
      this.throwIfInterrupted()
      const chunk = await this.#attempt(() => result.fetchChunk())
      // To DuckDB a stream that is interrupted while it is read has come to its end.
      this.throwIfInterrupted()
      if (!chunk || chunk.rowCount === 0) return
      yield chunk.convertRows(toEngineValue)
    }
  }

  /**
   * Makes the table `name` of what `fill` appends to it, or nothing when it fails. It is written through a connection of its own, so
   * that a stream can be read meanwhile; the table is not temporary, which would tie it to that connection, but ends with the session.
   */
  async writeTable(
    name: string,
    columns: readonly EngineColumn[],
    fill: (append: (row: readonly DuckDBValue[]) => void, types: readonly DuckDBType[]) => Promise<void>,
  ): Promise<void> {
    const list = columns.map(column => `${quoteIdentifier(column.name)} ${column.type}`).join(', ')
    const connection = await this.#instance.connect()
    try {
      await this.#attempt(() => connection.run('BEGIN'))
      await this.#attempt(() => connection.run(`CREATE OR REPLACE TABLE ${quoteIdentifier(name)} (${list})`))
      await fillTable(await connection.createAppender(name), fill)
      await this.#attempt(() => connection.run('COMMIT'))
    } finally {
      connection.closeSync()
    }
  }

  /** Says that a request begins: an interrupt from here on is meant for it. */
  begin(): void {
    this.#interrupted = false
  }

  /** Ends the statement that runs, soon: DuckDB looks between batches, `throwIfInterrupted` wherever it is called. */
  interrupt(): void {
    this.#interrupted = true
    this.#connection.interrupt()
  }

  throwIfInterrupted(): void {
    if (this.#interrupted) throw StatementFailure.interrupted()
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  async #attempt<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      throw StatementFailure.fromDuckdb(error)
    }
  }
}

async function fillTable(
  appender: DuckDBAppender,
  fill: (append: (row: readonly DuckDBValue[]) => void, types: readonly DuckDBType[]) => Promise<void>,
): Promise<void> {
  const types = Array.from({ length: appender.columnCount }, (_, index) => appender.columnType(index))
  const writer = DuckDBDataChunkWriter.forAppender(appender)
  try {
    await fill(row => writer.appendRow(row), types)
    writer.flush()
    appender.flushSync()
  } finally {
    appender.closeSync()
  }
}
