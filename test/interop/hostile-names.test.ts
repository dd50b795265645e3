import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../src/random.ts'
import { createHttpApp } from '../../src/server/http-app.ts'
import { createIcebergRest } from '../../src/server/iceberg-rest.ts'
import { serveHttp } from '../../src/server/serve-http.ts'
import { quoteIdentifier } from '../../src/sql-text.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { schemaOf, TableLab } from '../support/table-lab.ts'
import { pathOf, pythonTool, skipWithout } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'

const python = await pythonTool()

const NAMES = [
  `it's "quoted" \`thrice\``,
  'a.b.c',
  'select',
  'Größe 表 🚀',
  '100%25 +&?#=;',
  ' spaced ',
  'x'.repeat(300),
  '__proto__',
  '{"a":1}',
  '-- drop table',
  'a/b\\c',
]

async function createTable(lab: TableLab, namespace: readonly string[], name: string): Promise<void> {
  const columns = [...NAMES, 'filename', 'file_row_number']
  const table = await lab.context.catalog.createTable({
    identifier: { namespace, name },
    schema: schemaOf(Object.fromEntries(columns.map(column => [column, 'int'] as const))),
  })
  const values = columns.map((column, index) => `${index} AS ${quoteIdentifier(column)}`)
  await lab.append(table, `SELECT ${values.join(', ')}`)
}

test('PyIceberg finds, loads and reads tables and columns of hostile names', skipWithout(python), async t => {
  const lab = await TableLab.open()
  const log = createLog({ level: 'silent' })
  const { catalog } = lab.context
  const metrics = createMetrics()
  const routes = [createIcebergRest({ catalog, random: systemRandom, metrics })]
  const server = await serveHttp({ app: createHttpApp({ metrics, log, routes }), port: 0 })
  try {
    await using pyiceberg = await PyIceberg.connect(pathOf(python), server.url)
    const namespace = ["o'level", 'two.dots "ü"']
    await catalog.createNamespace(namespace)
    for (const name of NAMES) await createTable(lab, namespace, name)
    const listed = await pyiceberg.call('list_tables_in', { namespace })
    assert.deepEqual(
      listed,
      [...NAMES].sort().map(name => [...namespace, name]),
    )
    for (const name of NAMES) {
      await t.test(name.slice(0, 50), async () => {
        const rows = (await pyiceberg.call('rows', { table: [...namespace, name] })) as [object]
        const columns = [...NAMES, 'filename', 'file_row_number']
        assert.deepEqual(
          Object.entries(rows[0]),
          columns.map((column, index) => [column, index]),
        )
      })
    }
  } finally {
    await server.close()
    await lab.close()
  }
})
