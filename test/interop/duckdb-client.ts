// DuckDB with its iceberg extension, in a process of its own: some metadata makes the extension abort. Answers each line,
// a JSON list of statements, with the rows of each of them. Arguments: the extension files, in the order of loading.
import { createInterface } from 'node:readline'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../../src/sql-text.ts'

async function answer(connection: DuckDBConnection, statements: readonly string[]): Promise<unknown> {
  const results: unknown[] = []
  for (const sql of statements) results.push((await connection.runAndReadAll(sql)).getRowsJson())
  return results
}

const instance = await DuckDBInstance.create()
const connection = await instance.connect()
for (const file of process.argv.slice(2)) await connection.run(`LOAD ${quoteLiteral(file)}`)
for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await answer(connection, JSON.parse(line) as string[]).then(
    result => ({ result }),
    (error: Error) => ({ error: error.message }),
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
connection.closeSync()
