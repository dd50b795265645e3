import { listAllTables } from '../catalog/list-all-tables.ts'
import { IngotError } from '../errors.ts'
import { currentSchema } from '../format/schema.ts'
import { isQuarantine, quarantineIdentifier } from '../lake/quarantine.ts'
import type { Platform } from '../platform.ts'
import { quoteLiteral, quoteTable } from '../sql-text.ts'
import type { EngineResult, EngineSession } from '../table/engine.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { prepareLakeQuery } from './lake-query.ts'
import { loadNamedTable } from './named-table.ts'
import { openProject } from './open-project.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

export const quarantineCommand: Command = {
  name: 'quarantine',
  summary: 'list what was refused, and why: all tables by reason, or the rows of one table',
  positionals: 'list [table]',
  positionalsCount: [1, 2],
  options: {
    limit: { config: { type: 'string' }, value: '<rows>', help: 'rows shown of one table (default: 100)' },
  },
  examples: ['ingot quarantine list', 'ingot quarantine list silver.flights'],
  run: async input => {
    const [verb, table] = input.positionals
    if (verb !== 'list') {
      throw new IngotError('REQUEST_INVALID', `ingot quarantine has no ${verb}`, {
        hint: 'use: ingot quarantine list [table]',
      })
    }
    await using platform = await openProject(input)
    const limit = input.count('limit', 100)
    const result = await platform.engine.session({ signal: input.signal, label: 'quarantine' }, session =>
      table === undefined ? listReasons(platform, session) : listRows(platform, session, table, limit),
    )
    print(input, result)
    return EXIT.ok
  },
}

function print({ json, terminal }: CommandInput, { columns, rows }: EngineResult): void {
  if (json) {
    const objects = rows.map(row => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])))
    terminal.out(formatJson(objects))
  } else if (rows.length === 0) {
    terminal.out('nothing is in quarantine')
  } else {
    terminal.out(formatTable(columns, rows, { cellWidthMax: 100 }))
  }
}

async function listReasons({ context }: Platform, session: EngineSession): Promise<EngineResult> {
  const { catalog } = context
  const tables = (await listAllTables(catalog)).filter(isQuarantine)
  const results: EngineResult[] = []
  for (const identifier of tables) {
    const { metadata } = await catalog.loadTable(identifier)
    // Bronze keeps the reason of a refused line, other tables the rules that a row failed.
    const [reason, at] = currentSchema(metadata).fields.some(({ name }) => name === '_rule')
      ? ['_rule', '_quarantined_at']
      : ['reason', '_ingested_at']
    const select = `select ${quoteLiteral(formatIdentifier(identifier))} as "table", ${reason} as reason, count(*) as rows, max(${at}) as last
      from ${quoteTable(identifier)} group by all order by rows desc, reason`
    results.push(await session.query(await prepareLakeQuery(context, session, select, { type: 'now' })))
  }
  return { columns: results[0]?.columns ?? [], rows: results.flatMap(({ rows }) => rows) }
}

async function listRows(
  { context }: Platform,
  session: EngineSession,
  table: string,
  limit: number,
): Promise<EngineResult> {
  const { identifier } = await loadNamedTable(context.catalog, table)
  const quarantine = isQuarantine(identifier) ? identifier : quarantineIdentifier(identifier)
  const tables = await context.catalog.listTables(quarantine.namespace)
  if (!tables.some(({ name }) => name === quarantine.name)) return { columns: [], rows: [] }
  const select = `select * from ${quoteTable(quarantine)} limit ${limit}`
  return await session.query(await prepareLakeQuery(context, session, select, { type: 'now' }))
}
