import type { LoadedTable } from '../catalog/catalog.ts'
import { nearestName } from '../did-you-mean.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { Snapshot, SnapshotRef } from '../format/metadata-types.ts'
import type { Platform } from '../platform.ts'
import { stageDropRef, stageNewRef } from '../table/stage-refs.ts'
import type { StagedTable } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { CommandInput } from './command.ts'
import { commitStaged } from './commit-staged.ts'
import { parseDuration } from './duration.ts'
import { droppedMeanwhile } from './named-table.ts'
import { parseQueryPoint, type QueryPoint, requireReached } from './query-point.ts'
import { loadSelectedTables, type TableSelection } from './select-tables.ts'
import { loadTableAtPoint } from './table-at-point.ts'
import { formatJson } from './terminal.ts'
import { formatCount } from './text-table.ts'

type RefType = SnapshotRef['type']

/** What a command did to a branch or tag. */
interface ChangedRefs {
  readonly tables: readonly string[]
  /** Tables that were left as they are, each with the reason. */
  readonly skipped: readonly { readonly table: string; readonly reason: string }[]
}

/** What is committed with the change, and said of it. */
interface RefChange {
  readonly type: RefType
  readonly name: string
  readonly done: 'created' | 'dropped' | 'published'
}

/** Makes a branch or tag of the tables that the command names, in one transaction; empty tables are skipped. */
export async function createRefs(platform: Platform, input: CommandInput, type: RefType): Promise<void> {
  const { name, selection } = refArguments(input)
  const point = parseQueryPoint(input.text('at'), '--at')
  const keepFor = input.text('keep-for')
  const keepForMs = keepFor === undefined ? undefined : parseDuration(keepFor, '--keep-for')
  const { catalog, clock } = platform.context
  await requireReached(platform.context, point)
  const tables = await loadSelectedTables(catalog, selection)
  await changeRefs(platform, input, { type, name, done: 'created' }, tables, async (staged, skip) => {
    const snapshot = await snapshotToName(platform, staged.identifier, point)
    if (typeof snapshot === 'string') return skip(snapshot)
    const ref = { name, type, at: { snapshotId: snapshot['snapshot-id'] } }
    if (keepForMs === undefined) return stageNewRef(staged, ref)
    // Iceberg counts the age of a ref from when its snapshot was made, people from when they name it.
    const maxRefAgeMs = Math.round(clock.nowMs() - snapshot['timestamp-ms'] + keepForMs)
    return stageNewRef(staged, { ...ref, maxRefAgeMs })
  })
}

/** Drops a branch or tag of the tables that the command names, in one transaction; those without it are skipped. */
export async function dropRefs(platform: Platform, input: CommandInput, type: RefType): Promise<void> {
  const { name, selection } = refArguments(input)
  if (name === 'main') {
    throw new IngotError('REQUEST_INVALID', 'main cannot be dropped: it is the branch that every table has', {
      hint: `name another ${type}: ingot ${type} list`,
    })
  }
  const tables = await loadSelectedTables(platform.context.catalog, selection)
  requireKnownRef(tables, { type, name })
  await changeRefs(platform, input, { type, name, done: 'dropped' }, tables, async (staged, skip) => {
    const found = staged.metadata.refs[name]?.type
    if (found === type) return stageDropRef(staged, name)
    return skip(found === undefined ? `it has no ${type} ${name}` : `${name} is a ${found} of it`)
  })
}

/** The name of the branch or tag, and the tables, that follow the verb. */
export function refArguments(input: CommandInput): {
  readonly name: string
  readonly selection: TableSelection
} {
  const [, name = '', ...names] = input.positionals
  return { name, selection: { names, all: input.flag('all') } }
}

/** @throws REQUEST_INVALID when none of the tables has the branch or tag, saying which one may have been meant */
export function requireKnownRef(
  tables: readonly LoadedTable[],
  { type, name }: Pick<RefChange, 'type' | 'name'>,
): void {
  const refs = tables.flatMap(({ metadata }) => Object.entries(metadata.refs))
  if (refs.some(([known, ref]) => known === name && ref.type === type)) return
  const list = `ingot ${type} list shows what there is`
  const other = refs.find(([known]) => known === name)?.[1].type
  if (other !== undefined) {
    throw new IngotError('REQUEST_INVALID', `${name} is a ${other}, and no ${type}`, { hint: list })
  }
  const names = refs.filter(([known, ref]) => known !== 'main' && ref.type === type).map(([known]) => known)
  const meant = nearestName(name, names)
  throw new IngotError('REQUEST_INVALID', `there is no ${type} ${name}`, {
    hint: meant === undefined ? list : `did you mean ${meant}? ${list}`,
  })
}

type ChangeRef = (staged: StagedTable, skip: (reason: string) => StagedTable) => Promise<StagedTable>

/**
 * Stages `stage` for each table and commits all of them together; `skip` leaves a table as it is, for a reason.
 * @throws REQUEST_INVALID when every table was skipped
 */
export async function changeRefs(
  platform: Platform,
  input: CommandInput,
  change: RefChange,
  tables: readonly LoadedTable[],
  stage: ChangeRef,
): Promise<void> {
  const { type, name, done } = change
  const { result, summary } = await commitStaged(platform, input.signal, async transaction => ({
    note: { kind: type, name, done },
    summary: await stageAll(transaction, tables, stage),
  }))
  if (summary.tables.length === 0) throw nothingToDo(change, summary)
  report(input, change, summary, result?.transactionId)
}

async function stageAll(
  transaction: Transaction,
  tables: readonly LoadedTable[],
  stage: ChangeRef,
): Promise<ChangedRefs> {
  const skipped: { table: string; reason: string }[] = []
  const changed: string[] = []
  for (const { identifier } of tables) {
    const table = formatIdentifier(identifier)
    await transaction.update(identifier, async staged => {
      if (staged === undefined) throw droppedMeanwhile(identifier)
      const before = skipped.length
      const after = await stage(staged, reason => {
        skipped.push({ table, reason })
        return staged
      })
      if (skipped.length === before) changed.push(table)
      return after
    })
  }
  return { tables: changed, skipped }
}

/** The snapshot to name, or why there is none: of many tables some may be empty, or younger than the point. */
async function snapshotToName(
  { context }: Platform,
  identifier: TableIdentifier,
  point: QueryPoint,
): Promise<Snapshot | string> {
  try {
    const { snapshot } = await loadTableAtPoint(context.catalog, identifier, point)
    return snapshot ?? (point.type === 'now' ? 'it is empty' : 'it was empty then')
  } catch (error) {
    if (isIngotError(error, 'TABLE_NOT_FOUND')) return 'it was not there then'
    throw error
  }
}

function nothingToDo({ type, name, done }: RefChange, { skipped }: ChangedRefs): IngotError {
  const reasons = skipped.map(({ table, reason }) => `${table}: ${reason}`).join('; ')
  return new IngotError(
    'REQUEST_INVALID',
    `${type} ${name} is ${done} of no table${reasons === '' ? '' : ` (${reasons})`}`,
    { hint: `ingot ${type} list shows what there is` },
  )
}

function report(
  { json, terminal }: CommandInput,
  { type, name, done }: RefChange,
  { tables, skipped }: ChangedRefs,
  transactionId: number | undefined,
): void {
  if (json) {
    terminal.out(formatJson({ [type]: name, done, tables, skipped, transactionId: transactionId ?? null }))
    return
  }
  const transaction = transactionId === undefined ? 'nothing changed' : `transaction ${transactionId}`
  terminal.out(`${type} ${name} is ${done}: ${formatCount(tables.length, 'table')} (${transaction})`)
  for (const table of tables) terminal.out(`  ${table}`)
  for (const { table, reason } of skipped) terminal.out(`  ${table} is left as it is: ${reason}`)
}
