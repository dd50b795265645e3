import type { CommitResult } from '../catalog/catalog.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { stageForgetFiles } from '../ingest/forget-files.ts'
import type { Lake } from '../lake/lake.ts'
import { isQuarantine, quarantineIdentifier } from '../lake/quarantine.ts'
import { DROPPED_KEPT_MS } from '../maintenance/history-policy.ts'
import { openLake, type Platform } from '../platform.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { commitStaged } from './commit-staged.ts'
import { loadNamedTable } from './named-table.ts'
import { openProject } from './open-project.ts'
import { quarantineOwner } from './quarantine-owner.ts'
import { tableTotals } from './table-totals.ts'
import { formatJson } from './terminal.ts'
import { formatCount } from './text-table.ts'

/** What a drop did. */
interface Dropped {
  /** The table, and its quarantine when it had one. */
  readonly tables: readonly TableIdentifier[]
  readonly rows: number | null
  readonly transactionId: number
}

/** What the project says of a dropped table; undefined when its declarations are not sound. */
interface Declared {
  readonly isDeclared: boolean
  /** Tables that are made from it, directly or through others. */
  readonly madeFromIt: readonly string[]
}

export const dropCommand: Command = {
  name: 'drop',
  summary: 'drop a table with its quarantine, so that the next run makes it anew; its files stay',
  positionals: '<table>',
  positionalsCount: [1, 1],
  examples: ['ingot drop bronze.flights', 'ingot run'],
  run: async input => {
    await using platform = await openProject(input)
    const { identifier } = await loadNamedTable(platform.context.catalog, input.positionals[0] ?? '')
    await requireDroppable(platform, identifier)
    const dropped = await dropTable(platform, input, identifier)
    report(input, identifier, dropped, await declaredOf(platform, identifier))
    return EXIT.ok
  },
}

async function requireDroppable({ context }: Platform, identifier: TableIdentifier): Promise<void> {
  const name = formatIdentifier(identifier)
  if (identifier.namespace.join('.') === 'system') {
    throw new IngotError('REQUEST_INVALID', `${name} is a record of ingot's own, which runs rely on`, {
      hint: 'drop the table whose record you mean: it goes along',
    })
  }
  const owner = await quarantineOwner(context.catalog, identifier)
  if (owner === undefined) return
  throw new IngotError('REQUEST_INVALID', `${name} is the quarantine of ${formatIdentifier(owner)}`, {
    hint: `it goes along with: ingot drop ${formatIdentifier(owner)}`,
  })
}

/** Whatever others commit meanwhile goes, too: the table is dropped as it is at the end. */
async function dropTable(
  platform: Platform,
  { signal }: CommandInput,
  identifier: TableIdentifier,
): Promise<Dropped> {
  const { context, engine } = platform
  const { result, summary } = await commitStaged(platform, signal, async transaction => {
    const tables = [identifier, ...(isQuarantine(identifier) ? [] : [quarantineIdentifier(identifier)])]
    const staged = await Promise.all(tables.map(table => transaction.table(table)))
    const found = tables.filter((_, index) => staged[index] !== undefined)
    for (const table of found) await transaction.drop(table)
    const filesBefore =
      identifier.namespace.join('.') === 'bronze'
        ? await engine.session({ label: 'drop', signal }, session =>
            stageForgetFiles(context, session, transaction, { table: identifier, keepMs: DROPPED_KEPT_MS }),
          )
        : undefined
    const rows = staged[0] ? tableTotals(staged[0].metadata).rows : null
    return {
      note: { kind: 'drop', drop: formatIdentifier(identifier), ...(filesBefore && { filesBefore }) },
      summary: { tables: found, rows },
    }
  })
  return { ...summary, transactionId: requireCommitted(result, identifier).transactionId }
}

function requireCommitted(result: CommitResult | undefined, identifier: TableIdentifier): CommitResult {
  if (result !== undefined) return result
  throw new IngotError('TABLE_NOT_FOUND', `table ${formatIdentifier(identifier)} is gone already`, {
    hint: 'ingot history shows who dropped it',
  })
}

async function declaredOf(platform: Platform, identifier: TableIdentifier): Promise<Declared | undefined> {
  try {
    const { tables } = await openLake(platform)
    const key = identifierKey(identifier)
    return {
      isDeclared: tables.some(table => identifierKey(table.identifier) === key),
      madeFromIt: namesMadeFrom(tables, key),
    }
  } catch (error) {
    // The drop stands, and may even be what mends the project.
    if (isIngotError(error)) return undefined
    throw error
  }
}

function namesMadeFrom(tables: Lake['tables'], key: string): readonly string[] {
  const keys = new Set([key])
  const names: string[] = []
  // Inputs come before what reads them.
  for (const table of tables) {
    if (table.kind === 'bronze' || !table.inputs.some(input => keys.has(identifierKey(input)))) continue
    keys.add(identifierKey(table.identifier))
    names.push(formatIdentifier(table.identifier))
  }
  return names
}

function report(
  { json, terminal }: CommandInput,
  identifier: TableIdentifier,
  { tables, rows, transactionId }: Dropped,
  declared: Declared | undefined,
): void {
  if (json) {
    const names = tables.map(formatIdentifier)
    terminal.out(formatJson({ tables: names, rows, transactionId, madeFromIt: declared?.madeFromIt ?? null }))
    return
  }
  const [table = '', quarantine] = tables.map(formatIdentifier)
  const along = quarantine === undefined ? '' : ` with ${quarantine}`
  const size = rows === null ? '' : `${formatCount(rows, 'row')}, `
  terminal.out(`${table} is dropped${along} (${size}transaction ${transactionId})`)
  terminal.out(`it comes back, for some days, with: ingot undrop ${table}`)
  terminal.out(
    `its files stay: ingot query "select * from ${table}" --at transaction:${transactionId - 1} still reads it`,
  )
  for (const line of consequences(identifier, declared)) terminal.out(line)
}

function consequences(identifier: TableIdentifier, declared: Declared | undefined): readonly string[] {
  if (declared === undefined) return ['what reads it is not known: lake.ts is not sound, see ingot plan']
  const { isDeclared, madeFromIt } = declared
  const from = identifier.namespace.join('.') === 'bronze' ? 'from all its files' : 'from all its inputs'
  const next = isDeclared
    ? `the next ingot run makes it anew ${from}`
    : 'lake.ts does not declare it: no run makes it again'
  const readers =
    madeFromIt.length === 0 ? 'nothing is made from it' : `made from it: ${madeFromIt.join(', ')}`
  return [next, readers]
}
