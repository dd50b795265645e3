import { listAllTables } from '../catalog/list-all-tables.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { isQuarantine, quarantineIdentifier } from '../lake/quarantine.ts'
import type { Platform } from '../platform.ts'
import { quoteLiteral, quoteTable } from '../sql-text.ts'
import type { EngineResult, EngineSession } from '../table/engine.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { CommandInput } from './command.ts'
import { prepareLakeQuery } from './lake-query.ts'
import { loadNamedTable } from './named-table.ts'
import { onProject } from './open-project.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'
import { verbCommand } from './verb-command.ts'

export const quarantineCommand = verbCommand({
  name: 'quarantine',
  summary: 'list what was refused or rescued, and why: all tables by reason, or the rows of one table',
  options: {
    limit: { config: { type: 'string' }, value: '<rows>', help: 'rows shown of one table (default: 100)' },
  },
  examples: ['ingot quarantine list', 'ingot quarantine list bronze.flights'],
  verbs: {
    list: {
      positionals: '[table]',
      positionalsCount: [0, 1],
      options: ['limit'],
      run: onProject(listQuarantine),
    },
  },
})

async function listQuarantine(platform: Platform, input: CommandInput): Promise<void> {
  const [, table] = input.positionals
  const limit = input.count('limit', 100)
  const result = await platform.engine.session({ signal: input.signal, label: 'quarantine' }, session =>
    table === undefined ? listReasons(platform, session) : listRows(platform, session, table, limit),
  )
  print(input, result)
}

function print({ json, terminal }: CommandInput, { columns, rows }: EngineResult): void {
  if (json) {
    const objects = rows.map(row => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])))
    terminal.out(formatJson(objects))
  } else if (rows.length === 0) {
    terminal.out('nothing is in quarantine, and nothing was rescued')
  } else {
    terminal.out(formatTable(columns, rows, { cellWidthMax: 100 }))
  }
}

async function listReasons({ context }: Platform, session: EngineSession): Promise<EngineResult> {
  const { catalog } = context
  const results: EngineResult[] = []
  for (const identifier of await listAllTables(catalog)) {
    const { metadata } = await catalog.loadTable(identifier)
    const reasons = reasonsSql(identifier, metadata)
    if (reasons === undefined) continue
    const select = `select ${quoteLiteral(formatIdentifier(identifier))} as "table", reason, count(*) as rows, max(noted_at) as last
      from (${reasons}) group by all order by rows desc, reason`
    results.push(await session.query(await prepareLakeQuery(context, session, select, { type: 'now' })))
  }
  return { columns: results[0]?.columns ?? [], rows: results.flatMap(({ rows }) => rows) }
}

/** Why rows of a table are in quarantine, or what of them was rescued, and when; undefined for a table without such rows. */
function reasonsSql(identifier: TableIdentifier, metadata: TableMetadata): string | undefined {
  const from = `from ${quoteTable(identifier)}`
  if (isQuarantine(identifier)) {
    // Bronze keeps the reason of a refused line, other tables the rules that a row failed.
    const isDerived = currentSchema(metadata).fields.some(({ name }) => name === '_rule')
    return isDerived
      ? `select _rule as reason, _quarantined_at as noted_at ${from}`
      : `select reason, _ingested_at as noted_at ${from}`
  }
  if (!hasRescued(identifier, metadata)) return undefined
  return `select 'rescued field ' || unnest(list_distinct(json_keys(_rescued))) as reason, _ingested_at as noted_at ${from} where _rescued is not null`
}

/** Queries may select the column of a bronze table: its rows are not theirs. */
function hasRescued({ namespace }: TableIdentifier, metadata: TableMetadata): boolean {
  return namespace[0] === 'bronze' && currentSchema(metadata).fields.some(({ name }) => name === '_rescued')
}

async function listRows(
  { context }: Platform,
  session: EngineSession,
  table: string,
  limit: number,
): Promise<EngineResult> {
  const { identifier, metadata } = await loadNamedTable(context.catalog, table)
  const quarantine = isQuarantine(identifier) ? identifier : quarantineIdentifier(identifier)
  const tables = await context.catalog.listTables(quarantine.namespace)
  const selects = [
    ...(tables.some(({ name }) => name === quarantine.name)
      ? [`select * from ${quoteTable(quarantine)}`]
      : []),
    ...(hasRescued(identifier, metadata) && !isQuarantine(identifier) ? [rescuedRowsSql(identifier)] : []),
  ]
  if (selects.length === 0) return { columns: [], rows: [] }
  const select = `${selects.join(' union all by name ')} limit ${limit}`
  return await session.query(await prepareLakeQuery(context, session, select, { type: 'now' }))
}

/** Rows that reached their table without some of their fields, in the columns of a quarantine table. */
function rescuedRowsSql(identifier: TableIdentifier): string {
  return `select _source, _source_partition, _position, _ingested_at,
    'rescued: ' || array_to_string(json_keys(_rescued), ', ') as reason, _rescued as raw
    from ${quoteTable(identifier)} where _rescued is not null`
}
