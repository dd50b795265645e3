import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { TableMetadata } from '../../src/format/metadata-types.ts'
import { resolveSnapshot } from '../../src/format/snapshot.ts'
import { parseTableMetadata } from '../../src/format/table-metadata.ts'
import type { FileIO } from '../../src/storage/file-io.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import type { EngineValue } from '../../src/table/engine.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import { planScan } from '../../src/table/scan.ts'
import { scanSql } from '../../src/table/scan-sql.ts'
import { TableLab } from '../support/table-lab.ts'

interface ExpectedRows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

interface Expected {
  readonly current: ExpectedRows
  readonly snapshots: readonly (ExpectedRows & { readonly id: string; readonly operation: string })[]
}

// The tests run compiled, in a folder beside test/; the golden files are not copied there.
const TABLES = fileURLToPath(new URL('../../../test/golden/spark-tables/', import.meta.url))

function readTable(table: string): { readonly metadata: TableMetadata; readonly expected: Expected } {
  const expected = JSON.parse(readFileSync(`${TABLES}${table}/expected.json`, 'utf8')) as Expected
  return { metadata: parseTableMetadata(readFileSync(`${TABLES}${table}/metadata.json`)), expected }
}

/** Spark writes one folder as `file:///a`, `file:/a` or `/a`. */
const pathOf = (location: string): string => location.replace(/^(file:)?\/+/, '/')

/** Reads the files of a table where they are now, under the locations that its metadata knows them by. */
function movedFileIO(from: string, to: string): Pick<FileIO, 'read' | 'toEnginePath'> {
  const local = createLocalFileIO()
  const move = (location: string): string => {
    const path = pathOf(location)
    assert(path.startsWith(`${pathOf(from)}/`), location)
    return `file://${to}${path.slice(pathOf(from).length)}`
  }
  return {
    read: location => local.read(move(location)),
    toEnginePath: location => local.toEnginePath(move(location)),
  }
}

async function rowsOf(
  lab: TableLab,
  table: string,
  metadata: TableMetadata,
  snapshotId?: bigint,
): Promise<ExpectedRows> {
  const io = { ...createLocalFileIO(), ...movedFileIO(metadata.location, `${TABLES}${table}`) }
  const context = { io, manifests: createManifestCache() }
  const plan = await planScan(context, metadata, snapshotId === undefined ? {} : { snapshotId })
  const schemaId =
    snapshotId === undefined ? undefined : resolveSnapshot(metadata, { snapshotId })['schema-id']
  const select = scanSql(metadata, plan, {
    ...(schemaId === undefined ? {} : { schemaId }),
    // Spark shows row ids of every snapshot once the table is of version 3.
    ...(metadata['format-version'] < 3 ? {} : { lineage: LINEAGE }),
  })
  const { columns, rows } = await lab.session.query(`SELECT * FROM (${select}) ORDER BY id`)
  return { columns: columns.map(({ name }) => name), rows: rows.map(row => row.map(plain)) }
}

const LINEAGE = { rowId: '_row_id', lastUpdated: '_last_updated_sequence_number' }

/** As make-spark-golden.py prints values. */
function plain(value: EngineValue): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Number.isNaN(value)) return 'nan'
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
  }
  return value
}

for (const table of [
  'deleted',
  'evolved',
  'repartitioned',
  'vectors',
  'upgraded',
  'first_version',
  'defaulted',
  'keyed',
]) {
  test(`every snapshot of Spark's table ${table} has the rows that Spark reads`, async () => {
    const { metadata, expected } = readTable(table)
    const lab = await TableLab.open()
    try {
      assert.equal(expected.snapshots.length, metadata.snapshots.length)
      for (const { id, operation, ...rows } of expected.snapshots) {
        const snapshot = resolveSnapshot(metadata, { snapshotId: BigInt(id) })
        assert.equal(snapshot.summary.operation, operation)
        assert.deepEqual(await rowsOf(lab, table, metadata, snapshot['snapshot-id']), rows, `snapshot ${id}`)
      }
      assert.deepEqual(await rowsOf(lab, table, metadata), expected.current)
    } finally {
      await lab.close()
    }
  })
}
