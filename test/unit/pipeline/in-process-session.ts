import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { IngotError } from '../../../src/errors.ts'
import type { EngineSession, EngineValue } from '../../../src/table/engine.ts'

function toValue(value: DuckDBValue): EngineValue {
  if (value === null || ['boolean', 'number', 'bigint', 'string'].includes(typeof value))
    return value as EngineValue
  return String(value)
}

/** A session on a DuckDB in this process: enough for what runs plain SQL, without the cost of a worker. */
export async function openInProcessSession(): Promise<EngineSession & { close(): void }> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return {
    async query(sql) {
      try {
        const reader = await connection.runAndReadAll(sql)
        const types = reader.columnTypes()
        return {
          columns: reader.columnNames().map((name, index) => ({ name, type: String(types[index]) })),
          rows: reader.getRows().map(row => row.map(toValue)),
        }
      } catch (cause) {
        throw new IngotError('ENGINE_FAILED', `${(cause as Error).message}\n${sql}`, { cause })
      }
    },
    map: () => Promise.reject(new Error('this session runs no functions')),
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
