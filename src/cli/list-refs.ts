import type { LoadedTable } from '../catalog/catalog.ts'
import type { SnapshotRef, TableMetadata } from '../format/metadata-types.ts'
import { ancestorsOf, snapshotById } from '../format/snapshot.ts'
import type { Platform } from '../platform.ts'
import { listRefs } from '../table/stage-refs.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { CommandInput } from './command.ts'
import { loadSelectedTables } from './select-tables.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

const MAIN = 'main'

/** One branch or tag of one table, beside main. */
interface ShownRef {
  readonly name: string
  readonly table: string
  readonly snapshotId: bigint
  /** When the snapshot was made. */
  readonly atMs: number | null
  readonly rows: number | null
  /** How it stands to main: `2 ahead`. */
  readonly toMain: string
  readonly keptUntilMs: number | null
}

/** Shows the branches or tags of the tables that the command names, of all where it names none. */
export async function showRefs(
  platform: Platform,
  input: CommandInput,
  type: SnapshotRef['type'],
): Promise<void> {
  const [, ...names] = input.positionals
  const selection = { names, all: input.flag('all') || names.length === 0 }
  const tables = await loadSelectedTables(platform.context.catalog, selection)
  const refs = tables.flatMap(table => refsOf(table, type)).sort(byNameThenTable)
  if (input.json) return input.terminal.out(formatJson(refs))
  if (refs.length === 0)
    return input.terminal.out(`there is no ${type}${type === 'branch' ? ' but main' : ''}`)
  const columns = [type, 'table', 'snapshot', 'at', 'rows', 'to main', 'kept until']
  input.terminal.out(
    formatTable(
      columns.map(name => ({ name, type: name === 'rows' ? 'BIGINT' : 'VARCHAR' })),
      refs.map(ref => [
        ref.name,
        ref.table,
        String(ref.snapshotId),
        isoTime(ref.atMs),
        ref.rows,
        ref.toMain,
        isoTime(ref.keptUntilMs),
      ]),
    ),
  )
}

function refsOf({ identifier, metadata }: LoadedTable, type: SnapshotRef['type']): readonly ShownRef[] {
  return listRefs(metadata)
    .filter(ref => ref.type === type && ref.name !== MAIN)
    .map(ref => {
      const snapshot = snapshotById(metadata, ref['snapshot-id'])
      const rows = snapshot?.summary['total-records']
      const atMs = snapshot?.['timestamp-ms'] ?? null
      const age = ref['max-ref-age-ms']
      return {
        name: ref.name,
        table: formatIdentifier(identifier),
        snapshotId: ref['snapshot-id'],
        atMs,
        rows: rows === undefined ? null : Number(rows),
        toMain: standingToMain(metadata, ref['snapshot-id']),
        keptUntilMs: atMs === null || age === undefined ? null : atMs + age,
      }
    })
}

function standingToMain(metadata: TableMetadata, snapshotId: bigint): string {
  const head = metadata.refs[MAIN]?.['snapshot-id']
  if (head === snapshotId) return 'the same'
  const own = ancestorsOf(metadata, snapshotId).map(snapshot => snapshot['snapshot-id'])
  if (head === undefined) return `${own.length} ahead`
  const ofMain = ancestorsOf(metadata, head).map(snapshot => snapshot['snapshot-id'])
  const [ahead, behind] = [own.indexOf(head), ofMain.indexOf(snapshotId)]
  if (ahead > 0) return `${ahead} ahead`
  return behind > 0 ? `${behind} behind` : 'diverged'
}

function byNameThenTable(a: ShownRef, b: ShownRef): number {
  const [left, right] = [`${a.name}\n${a.table}`, `${b.name}\n${b.table}`]
  return left < right ? -1 : Number(left > right)
}

const isoTime = (timeMs: number | null): string | null =>
  timeMs === null ? null : new Date(timeMs).toISOString()
