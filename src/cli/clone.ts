import type { CommitResult, LoadedTable } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { includeClone } from '../table/include-clone.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { commitStaged } from './commit-staged.ts'
import { makeNamespace } from './make-namespace.ts'
import { loadNamedTable } from './named-table.ts'
import { nameTaken, parseTableName, requireOrdinaryName } from './new-table-name.ts'
import { openProject } from './open-project.ts'
import { parseQueryPoint, type QueryPoint, requireReached } from './query-point.ts'
import { loadTableAtPoint } from './table-at-point.ts'
import { tableTotals } from './table-totals.ts'
import { formatJson } from './terminal.ts'
import { formatCount } from './text-table.ts'

/** One table to clone, and what the clone is called. */
interface Pair {
  readonly from: TableIdentifier
  readonly to: TableIdentifier
}

interface Cloned {
  readonly clones: readonly { readonly table: string; readonly of: string; readonly rows: number | null }[]
  /** Tables of a namespace that have nothing to clone at that point, each with the reason. */
  readonly skipped: readonly { readonly table: string; readonly reason: string }[]
}

export const cloneCommand: Command = {
  name: 'clone',
  summary: 'make a table, or all of a namespace, anew under another name without copying a file',
  positionals: '<table|namespace> <new table|namespace>',
  positionalsCount: [2, 2],
  options: {
    at: {
      config: { type: 'string' },
      value: '<point>',
      help: 'the state to clone, written as for ingot query (default: now, with the history)',
    },
  },
  examples: [
    'ingot clone silver.flights trial.flights',
    'ingot clone silver trial',
    'ingot clone gold closing --at 2026-02-01',
  ],
  run: async input => {
    await using platform = await openProject(input)
    const point = parseQueryPoint(input.text('at'), '--at')
    await requireReached(platform.context, point)
    const [source = '', target = ''] = input.positionals
    const pairs = await findPairs(platform.context, source, target)
    for (const { from, to } of pairs) requireCloneName(to, from)
    const [first] = pairs
    if (first !== undefined) await makeNamespace(platform.context.catalog, first.to.namespace)
    const { result, summary } = await commitStaged(platform, input.signal, async transaction => ({
      note: { kind: 'clone', clone: source, to: target, at: input.text('at') ?? null },
      summary: await includeAll(platform.context, transaction, pairs, point),
    }))
    if (summary.clones.length === 0) throw nothingToClone(source, summary)
    report(input, target, summary, result)
    return EXIT.ok
  },
}

/** A name of a namespace stands for the tables directly in it. */
async function findPairs(
  { catalog }: TableContext,
  source: string,
  target: string,
): Promise<readonly Pair[]> {
  const inside = (await listAllTables(catalog)).filter(({ namespace }) => namespace.join('.') === source)
  if (inside.length === 0) {
    const { identifier } = await loadNamedTable(catalog, source)
    return [{ from: identifier, to: parseTableName(target) }]
  }
  const namespace = target.split('.')
  if (namespace.includes('')) {
    throw new IngotError('REQUEST_INVALID', `${target || '(nothing)'} is no name of a namespace`, {
      hint: 'write: ingot clone silver trial',
    })
  }
  return inside.map(from => ({ from, to: { namespace, name: from.name } }))
}

function requireCloneName(to: TableIdentifier, from: TableIdentifier): void {
  requireOrdinaryName(to, from)
  if (to.namespace.join('.') !== 'bronze') return
  throw new IngotError(
    'REQUEST_INVALID',
    `${formatIdentifier(to)} would be a table that is loaded from files`,
    {
      hint: 'which files a clone has was recorded for its original alone: choose another namespace than bronze',
    },
  )
}

async function includeAll(
  context: TableContext,
  transaction: Transaction,
  pairs: readonly Pair[],
  point: QueryPoint,
): Promise<Cloned> {
  const clones: Cloned['clones'][number][] = []
  const skipped: Cloned['skipped'][number][] = []
  for (const { from, to } of pairs) {
    const table = await loadNamedTable(context.catalog, from)
    if ((await transaction.table(to)) !== undefined)
      throw nameTaken(to, `drop it first: ingot drop ${formatIdentifier(to)}`)
    const state = await stateAt(context, table, point)
    if ('reason' in state) {
      skipped.push({ table: formatIdentifier(from), reason: state.reason })
      continue
    }
    includeClone(transaction, table, { identifier: to, ...state.at })
    clones.push({ table: formatIdentifier(to), of: formatIdentifier(from), rows: state.rows })
  }
  return { clones, skipped }
}

type State =
  | { readonly at: { readonly snapshotId?: bigint | null }; readonly rows: number | null }
  | { readonly reason: string }

/** What of a table is cloned, or why nothing is: of many tables some may be younger than the point. */
async function stateAt({ catalog }: TableContext, table: LoadedTable, point: QueryPoint): Promise<State> {
  if (point.type === 'now') return { at: {}, rows: tableTotals(table.metadata).rows }
  try {
    const { metadata, snapshot } = await loadTableAtPoint(catalog, table.identifier, point)
    if (metadata['table-uuid'] !== table.metadata['table-uuid']) {
      return { reason: 'it was another table then, which was dropped since' }
    }
    const snapshotId = snapshot?.['snapshot-id'] ?? null
    const { 'current-snapshot-id': _current, ...rest } = metadata
    const then = snapshotId === null ? rest : { ...rest, 'current-snapshot-id': snapshotId }
    return { at: { snapshotId }, rows: tableTotals(then).rows }
  } catch (error) {
    if (isIngotError(error, 'TABLE_NOT_FOUND')) return { reason: 'it was not there then' }
    if (isIngotError(error, 'SNAPSHOT_NOT_FOUND')) return { reason: error.message }
    throw error
  }
}

function nothingToClone(source: string, { skipped }: Cloned): IngotError {
  const reasons = skipped.map(({ table, reason }) => `${table}: ${reason}`).join('; ')
  return new IngotError('REQUEST_INVALID', `there is nothing to clone of ${source} (${reasons})`, {
    hint: 'ingot history shows what there was, and when',
  })
}

function report(
  { json, terminal, positionals }: CommandInput,
  target: string,
  { clones, skipped }: Cloned,
  result: CommitResult | undefined,
): void {
  const transactionId = result?.transactionId ?? null
  if (json) {
    terminal.out(formatJson({ clones, skipped, transactionId }))
    return
  }
  const [only] = clones
  if (clones.length === 1 && only?.table === target) {
    const size = only.rows === null ? '' : `${formatCount(only.rows, 'row')}, `
    terminal.out(`${only.table} is a clone of ${only.of} (${size}transaction ${transactionId})`)
  } else {
    const what = `${formatCount(clones.length, 'table')} of ${positionals[0]}`
    terminal.out(`${target} has clones of ${what} (transaction ${transactionId})`)
    for (const { table } of clones) terminal.out(`  ${table}`)
  }
  for (const { table, reason } of skipped) terminal.out(`  ${table} is left out: ${reason}`)
  terminal.out('no file was copied: maintenance keeps those that either side needs')
}
