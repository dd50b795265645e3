import type { CommitResult } from '../catalog/catalog.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { stageRestoreFiles } from '../ingest/restore-files.ts'
import { FILES_TABLE } from '../ingest/taken-files.ts'
import { isQuarantine, quarantinedIdentifier, quarantineIdentifier } from '../lake/quarantine.ts'
import type { Platform } from '../platform.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { commitStaged } from './commit-staged.ts'
import { findLastDrop, isDropped, type LastDrop } from './last-drop.ts'
import { listDropped } from './list-dropped.ts'
import { makeNamespace } from './make-namespace.ts'
import { nameTaken, parseTableName, requireOrdinaryName } from './new-table-name.ts'
import { openProject } from './open-project.ts'
import { tableTotals } from './table-totals.ts'
import { formatJson } from './terminal.ts'
import { formatCount } from './text-table.ts'

/** A table that comes back, and what it is called from now on. */
interface Return {
  readonly from: TableIdentifier
  readonly to: TableIdentifier
}

interface Returned {
  /** The table, and its quarantine when that was dropped along. */
  readonly tables: readonly TableIdentifier[]
  readonly rows: number | null
}

export const undropCommand: Command = {
  name: 'undrop',
  summary: 'bring back a table that was dropped, as it was last; without a table: list what can come back',
  positionals: '[table]',
  positionalsCount: [0, 1],
  options: {
    as: { config: { type: 'string' }, value: '<table>', help: 'under another name' },
  },
  examples: [
    'ingot undrop',
    'ingot undrop bronze.flights',
    'ingot undrop silver.flights --as rescued.flights',
  ],
  run: async input => {
    await using platform = await openProject(input)
    const [name] = input.positionals
    if (name === undefined) {
      await listDropped(platform, input)
      return EXIT.ok
    }
    const from = parseTableName(name)
    const wanted = { from, to: parseTableName(input.text('as') ?? name) }
    requireOrdinaryName(wanted.to, from)
    await requireDropped(platform, from)
    await makeNamespace(platform.context.catalog, wanted.to.namespace)
    const { result, summary } = await commitStaged(platform, input.signal, async transaction => ({
      note: { kind: 'undrop', undrop: name, as: formatIdentifier(wanted.to) },
      summary: await stageReturn(platform, input, transaction, wanted),
    }))
    report(input, wanted, summary, result)
    return EXIT.ok
  },
}

async function requireDropped({ context }: Platform, table: TableIdentifier): Promise<LastDrop> {
  const name = formatIdentifier(table)
  const drop = await findLastDrop(context.catalog, table)
  if (drop === undefined) {
    throw new IngotError('TABLE_NOT_FOUND', `no table ${name} was dropped`, {
      hint: 'ingot undrop lists those that can come back',
      context: { identifier: table },
    })
  }
  const owner = quarantinedIdentifier(table)
  if (owner === undefined || !isDropped(drop.record, owner)) return drop
  throw new IngotError('REQUEST_INVALID', `${name} is the quarantine of ${formatIdentifier(owner)}`, {
    hint: `it comes back along with: ingot undrop ${formatIdentifier(owner)}`,
  })
}

async function stageReturn(
  platform: Platform,
  { signal }: CommandInput,
  transaction: Transaction,
  wanted: Return,
): Promise<Returned> {
  const { context, engine } = platform
  const { from, to } = wanted
  const drop = await requireDropped(platform, from)
  const { metadata } = await loadDropped(platform, from, drop)
  const quarantine = { from: quarantineIdentifier(from), to: quarantineIdentifier(to) }
  const returns = [
    wanted,
    ...(isDropped(drop.record, quarantine.from) && !isQuarantine(from) ? [quarantine] : []),
  ]
  for (const each of returns) await includeVersion(transaction, each, drop)
  if (isBronze(from) && isBronze(to)) {
    const tag = tagOfFiles(drop, from)
    const files = { from, to, tableUuid: metadata['table-uuid'], tag }
    const isKept = tag === undefined && identifierKey(from) === identifierKey(to)
    const restore = (): Promise<boolean> =>
      engine.session({ label: 'undrop', signal }, session =>
        stageRestoreFiles(context, session, transaction, files),
      )
    if (!isKept && !(await restore())) throw filesUnknown(from)
  }
  return { tables: returns.map(each => each.to), rows: tableTotals(metadata).rows }
}

async function includeVersion(
  transaction: Transaction,
  { from, to }: Return,
  { transactionId }: LastDrop,
): Promise<void> {
  if ((await transaction.table(to)) !== undefined) {
    throw nameTaken(to, 'bring it back under another: --as rescued.<name>')
  }
  transaction.include({
    identifier: to,
    requirements: [{ type: 'assert-create' }],
    updates: [],
    origin: { type: 'version', of: from, transactionId },
  })
}

async function loadDropped(
  { context }: Platform,
  table: TableIdentifier,
  { record, transactionId }: LastDrop,
) {
  try {
    return await context.catalog.loadTableAt(table, { transactionId })
  } catch (error) {
    if (!isIngotError(error, 'HISTORY_FORGOTTEN')) throw error
    const at = new Date(record.committedAtMs).toISOString()
    throw new IngotError(
      error.code,
      `${formatIdentifier(table)} was dropped at ${at}, and is no longer kept`,
      {
        cause: error,
        hint: 'a dropped table is kept for five days, one whose drop asked for its files to go until the next maintenance; ingot run makes anew what lake.ts declares',
        context: error.context,
      },
    )
  }
}

const isBronze = ({ namespace }: TableIdentifier): boolean => namespace.join('.') === 'bronze'

/** Undefined: the drop was none of ingot's, and left the record of the files as it is. */
function tagOfFiles({ record }: LastDrop, table: TableIdentifier): string | undefined {
  const { note, idempotencyKey, pointers } = record
  if (typeof note?.filesBefore === 'string') return note.filesBefore
  const filesKey = identifierKey(FILES_TABLE)
  const isForgotten = pointers.some(({ identifier }) => identifierKey(identifier) === filesKey)
  // Of a transaction that somebody may not see whole they get neither note nor key.
  const isHidden = note === undefined && idempotencyKey === undefined
  if (isForgotten || isHidden) throw filesUnknown(table)
  return undefined
}

/** Without it a run would load all files again, on top of their rows. */
function filesUnknown(table: TableIdentifier): IngotError {
  const name = formatIdentifier(table)
  return new IngotError(
    'HISTORY_FORGOTTEN',
    `which files ${name} had taken is no longer kept, or not shown to you`,
    {
      hint: `bring it back to where no run loads files: ingot undrop ${name} --as rescued.${table.name}`,
      context: { identifier: table },
    },
  )
}

function report(
  { json, terminal }: CommandInput,
  { from, to }: Return,
  { tables, rows }: Returned,
  result: CommitResult | undefined,
): void {
  const [name = '', quarantine] = tables.map(formatIdentifier)
  const [before, transactionId] = [formatIdentifier(from), result?.transactionId ?? null]
  if (json) {
    terminal.out(formatJson({ tables: tables.map(formatIdentifier), of: before, rows, transactionId }))
    return
  }
  const as = name === before ? '' : ` as ${name}`
  const along = quarantine === undefined ? '' : ` with ${quarantine}`
  const size = rows === null ? '' : `${formatCount(rows, 'row')}, `
  terminal.out(`${before} is back${as}${along} (${size}transaction ${transactionId})`)
  if (isBronze(from) && !isBronze(to)) {
    terminal.out('no run loads files into it; which it had taken is not recorded there')
  } else {
    terminal.out(`ingot run goes on from where it was, where lake.ts declares ${name}`)
  }
}
