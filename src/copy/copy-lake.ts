import type { PointerKind } from '../catalog/catalog.ts'
import type { DatabaseStore } from '../catalog/database-store.ts'
import { requireBeginning, type StoreContents } from '../catalog/store-contents.ts'
import { fromStoredInteger, VERSION_STATE } from '../catalog/store-schema.ts'
import { IngotError } from '../errors.ts'
import { parseTableMetadata } from '../format/table-metadata.ts'
import type { Random } from '../random.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { compareRows, type ReadableLake } from './compare-tables.ts'
import { type CopiedFiles, FileCopier } from './file-copier.ts'
import { relocateContents } from './relocate-contents.ts'
import { relocateDeletes } from './relocate-deletes.ts'
import { Relocation } from './relocation.ts'

/** A lake in one configuration. */
export interface CopySide extends ReadableLake {
  /** As storage.root. */
  readonly root: string
  readonly store: DatabaseStore
}

export interface CopyLakeOptions {
  readonly source: CopySide
  /** Holds nothing, or an earlier copy of the same lake. */
  readonly target: CopySide
  readonly random: Random
  readonly tempFolder: string
  readonly signal: AbortSignal
  onEvent(event: CopyEvent): void
}

/** What happens while a lake is copied. */
export type CopyEvent =
  | { readonly type: 'files'; readonly copied: CopiedFiles }
  | { readonly type: 'compared'; readonly table: TableIdentifier; readonly rows: number }

/** What a copy came to. */
export interface CopyReport {
  /** The copy is the source as this transaction left it; 0: the source has none. */
  readonly transactionId: number
  readonly tables: number
  readonly views: number
  /** Of tables and views, current and past ones that can be loaded. */
  readonly versions: number
  /** In the current versions of all tables; each was read on both sides. */
  readonly rows: number
  /** What this run copied: an earlier one that was cut off may have done the rest. */
  readonly copied: CopiedFiles
}

interface Version {
  readonly location: string
  readonly kind: PointerKind
}

/**
 * Copies all tables with their history, and what the catalog remembers, from one configuration to another. The source is only
 * read. The catalog of the target is filled last, in one transaction, with what the source's was at the beginning: until
 * then the target is as it was. Cut off at any instant it can be run again and goes on; run again later it adds what is new.
 * @throws REQUEST_INVALID when the two are one, or the target holds another lake; UNSUPPORTED when something lies outside
 *   of the source's root; DATA_INVALID when a copy differs
 */
export async function copyLake(options: CopyLakeOptions): Promise<CopyReport> {
  const { source, target, signal, random, tempFolder } = options
  const relocation = new Relocation({ from: source.root, to: target.root })
  await requireApart(options, relocation)
  const contents = await source.store.contents()
  requireBeginning(await target.store.contents(), contents)
  const copier = new FileCopier({
    source: source.context.io,
    target: target.context.io,
    relocation,
    signal,
    relocateDeletes: bytes =>
      relocateDeletes(bytes, { engine: source.engine, random, relocation, tempFolder, signal }),
    onFile: copied => options.onEvent({ type: 'files', copied }),
  })
  const past = pastVersions(contents)
  for (const row of contents.pointers) {
    await copyVersion(copier, { location: row.metadata_location, kind: kindOf(row.kind) }, 'whole')
  }
  for (const version of past) await copyVersion(copier, version, 'history')
  const rows = await compareAll(options, contents, relocation)
  await target.store.restore(relocateContents(contents, relocation))
  const tables = contents.pointers.filter(row => kindOf(row.kind) === 'table').length
  return {
    transactionId: fromStoredInteger(contents.last_transaction[0]?.transaction_id ?? 0),
    tables,
    views: contents.pointers.length - tables,
    versions: new Set([...contents.pointers.map(row => row.metadata_location), ...past.map(v => v.location)])
      .size,
    rows,
    copied: copier.copied,
  }
}

async function requireApart({ source, target }: CopyLakeOptions, { from, to }: Relocation): Promise<void> {
  if (`${from}/`.startsWith(`${to}/`) || `${to}/`.startsWith(`${from}/`)) {
    throw new IngotError('REQUEST_INVALID', `the lake in ${from} cannot be copied into ${to}`, {
      hint: 'give the target a storage.root that is neither in the one of this lake nor around it',
    })
  }
  const { place } = await source.store.describe()
  if (place !== (await target.store.describe()).place) return
  throw new IngotError('REQUEST_INVALID', `source and target have the same catalog store, ${place}`, {
    hint: 'give the target a catalog.file or catalog.postgresUrl of its own',
  })
}

/** Newest first: what is likeliest to be whole names most of the files. */
function pastVersions(contents: StoreContents): readonly Version[] {
  return contents.transaction_pointers
    .filter(row => row.state === VERSION_STATE.kept)
    .toSorted((a, b) => fromStoredInteger(b.transaction_id) - fromStoredInteger(a.transaction_id))
    .flatMap(({ metadata_location: location, kind }) =>
      location === null ? [] : [{ location, kind: kindOf(kind) }],
    )
}

const kindOf = (kind: string): PointerKind => (kind === 'view' ? 'view' : 'table')

async function copyVersion(
  copier: FileCopier,
  { location, kind }: Version,
  wholeness: 'whole' | 'history',
): Promise<void> {
  if (kind === 'view') await copier.copyView(location, wholeness)
  else await copier.copyTable(location, wholeness)
}

/** Resolves with the rows of all tables. */
async function compareAll(
  { source, target, signal, onEvent }: CopyLakeOptions,
  { pointers }: StoreContents,
  relocation: Relocation,
): Promise<number> {
  let total = 0
  for (const row of pointers.filter(({ kind }) => kindOf(kind) === 'table')) {
    const identifier = { namespace: JSON.parse(row.namespace) as readonly string[], name: row.name }
    const [before, after] = await Promise.all([
      source.context.io.read(row.metadata_location),
      target.context.io.read(relocation.move(row.metadata_location)),
    ])
    const copy = { identifier, source: parseTableMetadata(before), target: parseTableMetadata(after) }
    const rows = await compareRows(copy, { source, target }, signal)
    onEvent({ type: 'compared', table: identifier, rows })
    total += rows
  }
  return total
}
