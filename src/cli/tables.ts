import { listAllTables } from '../catalog/list-all-tables.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { type Command, EXIT } from './command.ts'
import { openProject } from './open-project.ts'
import { tableTotals } from './table-totals.ts'
import { formatTable } from './text-table.ts'

export const tablesCommand: Command = {
  name: 'tables',
  summary: 'list the tables of the lake with their size',
  examples: ['ingot tables', 'ingot tables --json'],
  run: async input => {
    await using platform = await openProject(input)
    const { catalog } = platform.context
    const identifiers = await listAllTables(catalog)
    const tables = await Promise.all(
      identifiers.map(async identifier => {
        const { metadata } = await catalog.loadTable(identifier)
        return {
          table: formatIdentifier(identifier),
          ...tableTotals(metadata),
          snapshots: metadata.snapshots.length,
          updatedAt: new Date(metadata['last-updated-ms']).toISOString(),
        }
      }),
    )
    if (input.json) {
      input.terminal.out(JSON.stringify(tables))
      return EXIT.ok
    }
    if (tables.length === 0) {
      input.terminal.out('there are no tables yet: ingot run makes them')
      return EXIT.ok
    }
    input.terminal.out(
      formatTable(
        [
          { name: 'table', type: 'VARCHAR' },
          { name: 'rows', type: 'BIGINT' },
          { name: 'data files', type: 'BIGINT' },
          { name: 'bytes', type: 'BIGINT' },
          { name: 'snapshots', type: 'BIGINT' },
          { name: 'updated', type: 'VARCHAR' },
        ],
        tables.map(table => [
          table.table,
          table.rows,
          table.dataFiles,
          table.bytes,
          table.snapshots,
          table.updatedAt,
        ]),
      ),
    )
    return EXIT.ok
  },
}
