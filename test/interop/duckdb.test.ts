import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { currentSchema } from '../../src/format/schema.ts'
import { formatIdentifier } from '../../src/table-identifier.ts'
import { InteropLake } from './interop-lake.ts'
import { duckdbExtensionsTool, pathOf, skipWithout } from './interop-tools.ts'
import { LineProcess } from './line-process.ts'
import { assertSameFacts, DUCKDB, factsSql, readFacts } from './table-facts.ts'

const extensions = await duckdbExtensionsTool()

/** As the Python packages of the pinned DuckDB lay them out; avro and httpfs first, or iceberg would download them. */
function extensionFiles(folder: string): readonly string[] {
  return ['avro', 'httpfs', 'iceberg'].map(name =>
    join(folder, `duckdb_extension_${name}`, 'extensions', 'v1.5.5', `${name}.duckdb_extension`),
  )
}

test('the iceberg extension of DuckDB reads every table as Ingot does', skipWithout(extensions), async () => {
  await using lake = await InteropLake.open('template')
  await lake.run()
  const client = fileURLToPath(new URL('./duckdb-client.js', import.meta.url))
  await using duckdb = new LineProcess(process.execPath, [client, ...extensionFiles(pathOf(extensions))])
  await duckdb.request([
    "SET TimeZone='UTC'",
    `ATTACH 'lake' AS lake (TYPE iceberg, ENDPOINT '${lake.url}', AUTHORIZATION_TYPE 'none')`,
  ])
  const tables = await lake.tables()
  const expected = await lake.facts(tables)
  for (const table of tables) {
    const { fields } = currentSchema(table.metadata)
    const name = formatIdentifier(table.identifier)
    const select = `SELECT ${factsSql(fields, DUCKDB)} FROM lake.${name}`
    const [[[list]]] = (await duckdb.request([select])) as [[[string]]]
    const facts = expected.get(name)
    assert.ok(facts)
    assertSameFacts(fields, readFacts(fields, JSON.parse(list) as (string | null)[]), facts, name)
  }
})
