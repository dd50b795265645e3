import type { Catalog, LoadedTable } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import { nearestName } from '../did-you-mean.ts'
import { IngotError, isIngotError } from '../errors.ts'
import {
  formatIdentifier,
  identifierKey,
  parseIdentifier,
  type TableIdentifier,
} from '../table-identifier.ts'

type Load = (identifier: TableIdentifier) => Promise<LoadedTable>

/**
 * The table that a person names. Letter case is ignored where no table is spelled exactly so, as in SQL.
 * @throws TABLE_NOT_FOUND saying which one may have been meant
 */
export async function loadNamedTable(
  catalog: Catalog,
  name: string | TableIdentifier,
  load: Load = identifier => catalog.loadTable(identifier),
): Promise<LoadedTable> {
  const wanted = typeof name === 'string' ? parseIdentifier(name) : name
  const exact = await loadIfThere(load, wanted)
  if (exact !== undefined) return exact
  const known = await listAllTables(catalog)
  const [alike, ...others] = known.filter(identifier => isAlike(identifier, wanted))
  const table = alike && others.length === 0 ? await loadIfThere(load, alike) : undefined
  if (table !== undefined) return table
  throw new IngotError('TABLE_NOT_FOUND', `table ${formatIdentifier(wanted)} is not there`, {
    hint: hintFor(wanted, known),
    context: { identifier: wanted },
  })
}

async function loadIfThere(load: Load, identifier: TableIdentifier): Promise<LoadedTable | undefined> {
  // A name without a tier is no table's; catalogs refuse to be asked for it.
  const { namespace, name } = identifier
  if (namespace.length === 0 || [...namespace, name].includes('')) return undefined
  try {
    return await load(identifier)
  } catch (error) {
    if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
    throw error
  }
}

const isAlike = (a: TableIdentifier, b: TableIdentifier): boolean =>
  identifierKey(a).toLowerCase() === identifierKey(b).toLowerCase()

const LIST_ALL = 'ingot tables lists all'

function hintFor(wanted: TableIdentifier, known: readonly TableIdentifier[]): string {
  if (known.filter(identifier => isAlike(identifier, wanted)).length === 1) {
    return 'it is there now, but was not at that point: ingot history shows when it came'
  }
  const meant = namesMeant(wanted, known)
  return meant.length > 0 ? `did you mean ${meant.join(' or ')}? ${LIST_ALL}` : LIST_ALL
}

/** Tables of that very name in other tiers; else the one that is spelled most like it. */
function namesMeant(wanted: TableIdentifier, known: readonly TableIdentifier[]): readonly string[] {
  const namesakes = known.filter(({ name }) => name.toLowerCase() === wanted.name.toLowerCase())
  if (namesakes.length > 0) return namesakes.map(formatIdentifier)
  const nearest = nearestName(formatIdentifier(wanted), known.map(formatIdentifier))
  if (nearest !== undefined) return [nearest]
  const nearestBare = nearestName(
    wanted.name,
    known.map(({ name }) => name),
  )
  return known.filter(({ name }) => name === nearestBare).map(formatIdentifier)
}

/** For a table that was there when the command looked first. */
export function droppedMeanwhile(identifier: TableIdentifier): IngotError {
  return new IngotError('TABLE_NOT_FOUND', `table ${formatIdentifier(identifier)} was dropped meanwhile`, {
    hint: 'ingot history shows by whom',
    context: { identifier },
  })
}
