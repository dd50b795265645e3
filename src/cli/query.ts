import { createReadStream, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Catalog } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import { IngotError } from '../errors.ts'
import { quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { refusalIn } from '../table/refuse-unreadable.ts'
import { bindQuery, columnNamesOf } from './bind-query.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { exactJsonSql } from './exact-json.ts'
import { prepareLakeQuery } from './lake-query.ts'
import { BRANCH_OPTION, openProject } from './open-project.ts'
import { parseQueryPoint } from './query-point.ts'
import { formatCount, formatNumber, formatTable } from './text-table.ts'

const FORMATS = ['table', 'json', 'csv', 'parquet'] as const
type Format = (typeof FORMATS)[number]

/** How the engine writes each format to a file: bulk rows never pass through this process as objects. */
const COPY_OPTIONS: Readonly<Record<Exclude<Format, 'table'>, string>> = {
  json: 'FORMAT json, ARRAY true',
  csv: 'FORMAT csv, HEADER true',
  parquet: 'FORMAT parquet, COMPRESSION zstd',
}

export const queryCommand: Command = {
  name: 'query',
  summary: 'run one SELECT over the tables',
  positionals: '"<select>"',
  positionalsCount: [1, 1],
  options: {
    format: {
      config: { type: 'string', short: 'f' },
      value: '<table|json|csv|parquet>',
      help: 'how the rows are written (default: table; --json means json). In json, BIGINT, HUGEINT and DECIMAL values are text: exact for every reader',
    },
    output: { config: { type: 'string', short: 'o' }, value: '<file>', help: 'write to this file' },
    at: {
      config: { type: 'string' },
      value: '<point>',
      help: 'read the lake as it was: a time (2026-01-31, 2026-01-31T12:00:00Z), transaction:7, a snapshot id, a branch or tag',
    },
    branch: BRANCH_OPTION,
    limit: {
      config: { type: 'string' },
      value: '<rows>',
      help: 'rows shown by the format table (default: 100)',
    },
  },
  examples: [
    'ingot query "select count(*) from silver.flights"',
    'ingot query "select * from gold.hub_load" --format parquet --output hub_load.parquet',
    'ingot query "select * from gold.hub_load" --at 2026-01-31T12:00:00Z',
    'ingot query "select * from gold.hub_load" --branch audit',
  ],
  run: async input => {
    const format = formatOf(input)
    const point = parseQueryPoint(input.text('at'), '--at')
    const limit = input.count('limit', 100)
    const output = input.text('output')
    if (format === 'parquet' && output === undefined) {
      throw new IngotError('REQUEST_INVALID', 'the format parquet is for a file', {
        hint: 'give --output <file>',
      })
    }
    if (format === 'table' && output !== undefined) {
      throw new IngotError('REQUEST_INVALID', 'the format table is not for a file', {
        hint: 'give --format json, csv or parquet with --output',
      })
    }
    if (output !== undefined && !existsSync(dirname(resolve(output)))) {
      throw new IngotError('REQUEST_INVALID', `there is no folder ${dirname(resolve(output))}`, {
        hint: 'make it, or correct --output',
      })
    }
    await using platform = await openProject(input)
    await requireBranch(platform.context.catalog, input.text('branch'))
    const work = async (session: EngineSession): Promise<void> => {
      const text = await prepareLakeQuery(platform.context, session, input.positionals[0] ?? '', point)
      const columns = await bindQuery(session, text)
      if (format === 'json') requireDistinctNames(await columnNamesOf(session, text))
      const sql = format === 'json' ? exactJsonSql(text, columns) : text
      if (format === 'table') return await showTable(input, session, sql, limit)
      if (output !== undefined) return await copyTo(session, sql, format, resolve(output))
      await streamOut(input, session, sql, format, platform.tempFolder)
    }
    try {
      await platform.engine.session({ signal: input.signal, label: 'query' }, work)
    } catch (error) {
      throw refusalIn(error)
    }
    return EXIT.ok
  },
}

/** In an object of JSON a name has one value. @throws QUERY_INVALID */
function requireDistinctNames(names: readonly string[]): void {
  const folded = names.map(name => name.toLowerCase())
  const twice = names.find((name, index) => folded.indexOf(name.toLowerCase()) < index)
  if (twice === undefined) return
  throw new IngotError('QUERY_INVALID', `two columns of the result are called ${twice}`, {
    hint: `give one another name: select …, ${twice} as other_${twice}`,
    context: { column: twice },
  })
}

/** A branch that no table has would be read as main: most likely its name is misspelt. */
async function requireBranch(catalog: Catalog, branch: string | undefined): Promise<void> {
  if (branch === undefined) return
  const names = new Set<string>()
  for (const identifier of await listAllTables(catalog)) {
    const { refs } = (await catalog.loadTable(identifier)).metadata
    if (refs[branch]?.type === 'branch') return
    for (const [name, { type }] of Object.entries(refs)) if (type === 'branch') names.add(name)
  }
  throw new IngotError('SNAPSHOT_NOT_FOUND', `no table has a branch ${branch}`, {
    hint: `there are these branches: ${[...names].join(', ') || 'none'}; ingot run --branch ${branch} makes one`,
    context: { branch },
  })
}

function formatOf(input: CommandInput): Format {
  const text = input.text('format') ?? (input.json ? 'json' : 'table')
  const format = FORMATS.find(name => name === text)
  if (format !== undefined && input.json && format !== 'json') {
    throw new IngotError('REQUEST_INVALID', `--json and --format ${format} do not go together`, {
      hint: 'leave one of them out',
    })
  }
  if (format) return format
  throw new IngotError('REQUEST_INVALID', `there is no format ${text}`, {
    hint: `use one of ${FORMATS.join(', ')}`,
  })
}

async function showTable(
  input: CommandInput,
  session: EngineSession,
  sql: string,
  limit: number,
): Promise<void> {
  const started = performance.now()
  // Made once and read twice: the rows to show keep their order, and the rest is counted.
  await session.query(`CREATE TEMP TABLE ingot_result AS (${sql}\n)`)
  const shown = await session.query(`SELECT * FROM ingot_result LIMIT ${limit}`)
  const counted = await session.query('SELECT count(*) FROM ingot_result')
  const rowCount = Number(counted.rows[0]?.[0] ?? 0)
  const seconds = (performance.now() - started) / 1000
  const { terminal } = input
  terminal.out(formatTable(shown.columns, shown.rows))
  const more =
    rowCount > shown.rows.length ? `, the first ${formatNumber(shown.rows.length)} shown (--limit)` : ''
  terminal.err(terminal.style.dim(`${formatCount(rowCount, 'row')} in ${seconds.toFixed(2)} s${more}`))
}

async function copyTo(
  session: EngineSession,
  sql: string,
  format: Exclude<Format, 'table'>,
  path: string,
): Promise<void> {
  await session.query(`COPY (${sql}\n) TO ${quoteLiteral(path)} (${COPY_OPTIONS[format]})`)
}

async function streamOut(
  input: CommandInput,
  session: EngineSession,
  sql: string,
  format: Exclude<Format, 'table'>,
  tempFolder: string,
): Promise<void> {
  const folder = await mkdtemp(join(tempFolder, 'query-'))
  try {
    const path = join(folder, 'result')
    await copyTo(session, sql, format, path)
    for await (const chunk of createReadStream(path)) input.terminal.write(chunk as Uint8Array)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
