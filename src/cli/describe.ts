import { currentSchema } from '../format/schema.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { toSqlType } from '../table/sql-types.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { type Command, EXIT } from './command.ts'
import { loadNamedTable } from './named-table.ts'
import { openProject } from './open-project.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

export const describeCommand: Command = {
  name: 'describe',
  summary: 'show the columns, partitions and newest snapshot of a table',
  positionals: '<table>',
  positionalsCount: [1, 1],
  examples: ['ingot describe silver.flights'],
  run: async input => {
    await using platform = await openProject(input)
    const loaded = await loadNamedTable(platform.context.catalog, input.positionals[0] ?? '')
    const { metadata } = loaded
    const { terminal } = input
    const { style } = terminal
    const schema = currentSchema(metadata)
    const snapshot = currentSnapshot(metadata)
    const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])
    if (input.json) {
      terminal.out(
        formatJson({
          table: formatIdentifier(loaded.identifier),
          location: metadata.location,
          metadataLocation: loaded.metadataLocation,
          schema,
          partitionSpec: spec,
          snapshot,
          properties: metadata.properties,
        }),
      )
      return EXIT.ok
    }
    terminal.out(style.bold(formatIdentifier(loaded.identifier)))
    terminal.out(`location      ${metadata.location}`)
    terminal.out(`metadata      ${loaded.metadataLocation}`)
    terminal.out(`format        iceberg v${metadata['format-version']}`)
    terminal.out(`partitioned   ${spec?.fields.map(field => field.name).join(', ') || 'no'}`)
    terminal.out(
      `snapshot      ${snapshot ? `${snapshot['snapshot-id']} of ${new Date(snapshot['timestamp-ms']).toISOString()}` : 'none'}\n`,
    )
    terminal.out(
      formatTable(
        ['id', 'column', 'type', 'sql type', 'required', 'doc'].map(name => ({
          name,
          type: name === 'id' ? 'INTEGER' : 'VARCHAR',
        })),
        schema.fields.map(field => [
          field.id,
          field.name,
          typeof field.type === 'string' ? field.type : field.type.type,
          toSqlType(field.type),
          field.required ? 'yes' : 'no',
          field.doc ?? '',
        ]),
      ),
    )
    return EXIT.ok
  },
}
