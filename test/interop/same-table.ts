import assert from 'node:assert/strict'
import type { LoadedTable } from '../../src/catalog/catalog.ts'
import { currentSchema } from '../../src/format/schema.ts'
import type { RunReport } from '../../src/pipeline/run-report.ts'
import { formatIdentifier, parseIdentifier } from '../../src/table-identifier.ts'
import type { InteropLake } from './interop-lake.ts'
import type { PyIceberg } from './pyiceberg.ts'
import { assertSameFacts, type TableFacts } from './table-facts.ts'

/** PyIceberg reads the table as Ingot does, found through the catalog and through its metadata file alone. */
export async function assertSameTable(
  pyiceberg: PyIceberg,
  { identifier, metadata, metadataLocation }: LoadedTable,
  expected: ReadonlyMap<string, TableFacts>,
): Promise<void> {
  const name = formatIdentifier(identifier)
  const { fields } = currentSchema(metadata)
  const facts = expected.get(name)
  assert(facts !== undefined, name)
  for (const place of [[...identifier.namespace, identifier.name], metadataLocation]) {
    assert.deepEqual(plainJson(await pyiceberg.call('schema', { table: place })), plainJson(fields), name)
    assertSameFacts(fields, await pyiceberg.facts(place, fields), facts, name)
  }
}

/** Without the space after the comma of `decimal(9, 2)`, which either may write. */
function plainJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/decimal\((\d+), ?(\d+)\)/g, 'decimal($1,$2)'))
}

/**
 * Runs the lake after somebody else has changed bronze rows: no source gives anything again, and the tables hold what a
 * recompute of them gives. Returns the report of the first run.
 */
export async function assertTakenAndRecomputed(
  lake: InteropLake,
  names: readonly string[],
): Promise<RunReport> {
  const report = await lake.run()
  assert.deepEqual(
    report.tables.filter(({ status }) => status === 'failed'),
    [],
  )
  for (const { table, load, rowsAdded } of report.tables) {
    if (table.startsWith('bronze.')) assert.equal(rowsAdded, 0, `${table}: ${JSON.stringify(load)}`)
  }
  const tables = await Promise.all(names.map(name => lake.catalog.loadTable(parseIdentifier(name))))
  const incremental = await lake.facts(tables)
  await lake.run(...names.flatMap(name => ['--full-refresh', name]))
  const recomputed = await lake.facts(tables)
  for (const { identifier, metadata } of tables) {
    const name = formatIdentifier(identifier)
    const [own, full] = [incremental.get(name), recomputed.get(name)]
    assert(own !== undefined && full !== undefined, name)
    assertSameFacts(currentSchema(metadata).fields, own, full, name)
  }
  return report
}
