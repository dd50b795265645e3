import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { QUARANTINE_COLUMNS, quarantineIdentifier } from '../lake/quarantine.ts'
import { writeDataFiles } from '../table/data-files.ts'
import { stageAppend } from '../table/stage-delta.ts'
import { stageOverwrite, stageReplaceKeys } from '../table/stage-overwrite.ts'
import type { StagedTable } from '../table/staged-table.ts'
import { checkedRowsSql, countExpectations, passingRowsSql, quarantinedRowsSql } from './checked-rows.ts'
import { keepRows } from './kept-rows.ts'
import { hasQuarantine, quarantineSnapshot } from './quarantine-table.ts'
import type { RefreshContext, RefreshOutcome } from './refresh-context.ts'
import { inputName, refreshProgressSummary } from './refresh-progress.ts'
import { stageQuarantine, stageTarget } from './target-table.ts'
import { KEY_NAMES_VIEW } from './touched-keys.ts'
import { winningRowsSql } from './winning-rows.ts'

/** Where computed rows go: instead of all rows, beside them, or instead of those of the keys in KEY_NAMES_VIEW. */
type Placement =
  | { readonly type: 'all' }
  | { readonly type: 'append' }
  | {
      readonly type: 'keys'
      readonly keyColumns: readonly string[]
    }

/** Rows to be checked and put into the table. */
export interface ComputedRows {
  /** A SELECT of the table's columns, and of those that choose one row a key. */
  readonly rows: string
  /** Which of the columns that choose one row a key there are. */
  readonly helpers: readonly string[]
  readonly placement: Placement
  /** For rows that take part in the choice of one row a key without being checked again: a SELECT of the same columns. */
  readonly alreadyKept?: (passing: string) => Promise<string>
}

type Counts = Pick<
  RefreshOutcome,
  'rowsAdded' | 'rowsDeleted' | 'rowsQuarantined' | 'rowsSuperseded' | 'expectations'
>

const CHECKED_TABLE = 'ingot_checked'
const KEPT_TABLE = 'ingot_kept'

/** Checks computed rows, sets aside those for quarantine, chooses one a key, and stages the result with the progress it has. */
export async function stageRows(refresh: RefreshContext, computed: ComputedRows): Promise<Counts> {
  const { session, examined } = refresh
  const { table } = examined
  // A quarantine table of before keeps rows until it is made empty together with a table that is computed anew.
  const isPlain =
    table.key.length === 0 &&
    table.expectations.length === 0 &&
    liveRowCount(examined.quarantine?.metadata) === 0
  if (isPlain)
    return {
      ...(await stageKept(refresh, computed, computed.rows, null)),
      rowsQuarantined: 0,
      expectations: [],
    }

  const total = await keepRows(session, CHECKED_TABLE, checkedRowsSql(table, computed.rows))
  const counted = await countExpectations(session, table, CHECKED_TABLE, total)
  const { expectations, quarantined } = counted
  const quarantine = await stageQuarantined(refresh, computed, quarantined)
  const passing = passingRowsSql(table, CHECKED_TABLE)
  const candidates = computed.alreadyKept === undefined ? passing : await computed.alreadyKept(passing)
  const kept = winningRowsSql(table, `(${candidates})`, computed.helpers)
  const counts = await stageKept(refresh, computed, kept, quarantine)
  // Where rows of before take part in the choice, how many there were is not counted.
  const isCounted = table.key.length > 0 && computed.alreadyKept === undefined
  const superseded = isCounted ? { rowsSuperseded: counted.passing - counts.rowsAdded } : {}
  return { ...counts, ...superseded, rowsQuarantined: quarantined, expectations }
}

/** Stages that the table is up to date with its inputs as it is: their files changed, their rows did not. */
export async function stageProgress(refresh: RefreshContext): Promise<Counts> {
  const { context, transaction, examined } = refresh
  const summary = progressOf(refresh, quarantineSnapshot(examined.quarantine?.metadata))
  await transaction.update(examined.table.identifier, async staged =>
    stageAppend(context, await stageTarget(refresh, staged), [], { summary }),
  )
  return { rowsAdded: 0, rowsDeleted: 0, rowsQuarantined: 0, expectations: [] }
}

function progressOf(
  { examined }: RefreshContext,
  quarantine: bigint | null,
): Readonly<Record<string, string>> {
  const { table, inputs } = examined
  return refreshProgressSummary({
    definition: table.definitionHash,
    inputs: new Map(inputs.map(({ identifier, snapshotId }) => [inputName(identifier), snapshotId])),
    quarantine,
  })
}

async function stageKept(
  refresh: RefreshContext,
  { placement }: ComputedRows,
  kept: string,
  quarantine: bigint | null,
): Promise<Pick<Counts, 'rowsAdded' | 'rowsDeleted'>> {
  const { session, transaction, examined } = refresh
  const { table } = examined
  const summary = progressOf(refresh, quarantine)
  let before = 0
  let added: number | undefined
  let select = kept
  if (placement.type === 'keys') {
    // A table of their own, so that they can be counted: the staged files may hold rows that were only written again.
    added = await keepRows(session, KEPT_TABLE, kept)
    select = `SELECT * FROM ${KEPT_TABLE}`
  }
  const after = await transaction.update(table.identifier, async staged => {
    before = liveRowCount(staged?.metadata)
    return place(refresh, await stageTarget(refresh, staged), placement, select, summary)
  })
  const live = liveRowCount(after.metadata)
  const rowsAdded = added ?? (placement.type === 'append' ? live - before : live)
  return { rowsAdded, rowsDeleted: before + rowsAdded - live }
}

/** Puts the rows that go there into the quarantine table. Returns the table's snapshot, null when it has none. */
async function stageQuarantined(
  refresh: RefreshContext,
  { placement, alreadyKept }: ComputedRows,
  quarantined: number,
): Promise<bigint | null> {
  const { context, transaction, examined, run } = refresh
  const { table } = examined
  const before = examined.quarantine?.metadata
  // A table that lost its last such expectation is made empty when it is computed anew, and then left alone.
  if (!hasQuarantine(table) && before === undefined) return null
  const isUntouched = quarantined === 0 && before !== undefined && liveRowCount(before) === 0
  if (isUntouched && placement.type !== 'all') return quarantineSnapshot(before)
  const select = quarantinedRowsSql(table, CHECKED_TABLE, run)
  const columns = [...table.columns, ...QUARANTINE_COLUMNS]
  const identifier = quarantineIdentifier(table.identifier)
  const staged = await transaction.update(identifier, async found => {
    const target = await stageQuarantine(context, identifier, columns, found)
    return place(refresh, target, alreadyKept === undefined ? placement : { type: 'append' }, select, {})
  })
  return quarantineSnapshot(staged.metadata)
}

async function place(
  { context, session }: RefreshContext,
  staged: StagedTable,
  placement: Placement,
  select: string,
  summary: Readonly<Record<string, string>>,
): Promise<StagedTable> {
  if (placement.type === 'keys') {
    const { keyColumns } = placement
    return stageReplaceKeys(context, session, staged, {
      keyColumns,
      keysTable: KEY_NAMES_VIEW,
      select,
      summary,
    })
  }
  if (placement.type === 'all' && currentSnapshot(staged.metadata) !== undefined)
    return stageOverwrite(context, session, staged, { all: true, select, summary })
  return stageAppend(context, staged, await writeDataFiles(context, session, staged.metadata, { select }), {
    summary,
  })
}

/** Rows of the newest snapshot, as its summary counts them. */
function liveRowCount(metadata: TableMetadata | undefined): number {
  const summary = metadata === undefined ? undefined : currentSnapshot(metadata)?.summary
  return Number(summary?.['total-records'] ?? 0) - Number(summary?.['total-position-deletes'] ?? 0)
}
