import { test } from 'node:test'
import { DuckdbIceberg } from './duckdb-iceberg.ts'
import { DUCKDB_OPERATIONS } from './duckdb-operations.ts'
import { duckdbExtensionsTool, pathOf, skipWithout } from './interop-tools.ts'
import { tryOperations } from './try-operations.ts'

const extensions = await duckdbExtensionsTool()

test('DuckDB', skipWithout(extensions), t =>
  tryOperations(t, {
    engine: 'DuckDB',
    operations: DUCKDB_OPERATIONS,
    connect: async ({ url, store }) => {
      const duckdb = await DuckdbIceberg.connect({ extensions: pathOf(extensions), url, bucket: store.s3 })
      return {
        nameOf: table => `lake.${table}`,
        run: (...statements) => duckdb.run(...statements),
        facts: table => duckdb.facts(table),
        close: () => duckdb[Symbol.asyncDispose](),
      }
    },
  }),
)
