import { captureCallSite } from './call-site.ts'
import { type ColumnType, type ColumnTypes, isColumnType, type StructInput } from './column-types.ts'
import {
  type BronzeDeclaration,
  type DeclaredCheck,
  isDeclaration,
  type MapDeclaration,
  type PayloadColumns,
  type QueryDeclaration,
  registerDeclaration,
  type SqlFragment,
  type TableDeclaration,
} from './declaration.ts'
import type { FilesSource, Otherwise, SourceSite } from './lake.ts'
import { OptionReader } from './option-reader.ts'
import type { BronzeSystemColumns, Row, RowOf, TypedTable } from './row-types.ts'
import { isSqlFragment } from './sql.ts'

interface TableOptions {
  /** Iceberg partition transforms over the table's columns: `day(at)`, `bucket(16, id)`, `region`. */
  readonly partitionBy?: string | readonly string[]
  /** Shown wherever the table is. */
  readonly description?: string
}

/** Options of a bronze table. */
export interface BronzeOptions<Columns extends ColumnTypes> extends TableOptions {
  readonly from: FilesSource | readonly FilesSource[]
  /** Left out: one `payload` column holds each record's JSON text. */
  readonly columns?: Columns
  /** What happens to a field that no column is declared for. @default 'rescue' */
  readonly onNewColumn?: BronzeDeclaration['onNewColumn']
}

/** A check: a row passes when it is true. As bare SQL, a row that fails is only counted (`warn`). */
export type CheckOption = SqlFragment | { readonly check: SqlFragment; readonly otherwise?: Otherwise }

interface DerivedOptions extends TableOptions {
  /** Columns of which one row each is kept: deduplication and upsert. */
  readonly key?: string | readonly string[]
  /** Which of the rows of one key is kept: the last by this column or expression, nulls first. Needed with `key`. */
  readonly orderBy?: string | SqlFragment
  /** When the last row of a key fulfils it, the key has no row: a delete arrived. */
  readonly deleteWhen?: SqlFragment
  /** Checks by name, on the rows before the key is applied. */
  readonly expect?: Readonly<Record<string, CheckOption>>
}

/** Options of a table that a query makes. */
export interface QueryOptions extends DerivedOptions {
  readonly query: SqlFragment
}

/** Options of a table that a TypeScript function makes from each row of another. */
export interface MapOptions<Source extends TypedTable, Columns extends ColumnTypes> extends DerivedOptions {
  readonly from: Source
  /** Any number of rows for each row; it must not depend on anything but the row. */
  readonly map: (row: Row<Source>) => MapResult<Columns> | Promise<MapResult<Columns>>
  /** Raise it when the function's meaning changes: the table is rebuilt. */
  readonly version: number
  readonly columns: Columns
}

type MapResult<Columns extends ColumnTypes> = readonly StructInput<Columns>[]

type BronzeRow<Columns extends ColumnTypes> = RowOf<Columns> & BronzeSystemColumns

const ON_NEW_COLUMN = ['rescue', 'add', 'fail', 'ignore'] as const
const OTHERWISE = ['warn', 'drop', 'quarantine', 'fail'] as const
const ROW_COLUMN_EXAMPLE = 'write: columns: { vehicle: t.string(), at: t.timestamp() }'

/** A table of raw rows, as its sources hold them. */
export function bronze<const Name extends string, const Columns extends ColumnTypes = PayloadColumns>(
  name: Name,
  options: BronzeOptions<Columns>,
): BronzeDeclaration<`bronze.${Name}`, BronzeRow<Columns>> {
  const reader = new OptionReader(`bronze table ${name}`, options)
  const sources = readSources(reader)
  const columns = readColumns(reader)
  const onNewColumn = reader.oneOf('onNewColumn', ON_NEW_COLUMN) ?? 'rescue'
  const common = readCommon('bronze', name, reader, captureCallSite(bronze))
  const declaration: BronzeDeclaration = { kind: 'bronze', ...common, sources, columns, onNewColumn }
  return registerDeclaration(declaration) as BronzeDeclaration<`bronze.${Name}`, BronzeRow<Columns>>
}

/** A table of cleaned, conformed rows: one `query`, or a `map` function over one table. */
export function silver<const Name extends string>(
  name: Name,
  options: QueryOptions,
): QueryDeclaration<`silver.${Name}`>
export function silver<
  const Name extends string,
  Source extends TypedTable,
  const Columns extends ColumnTypes,
>(name: Name, options: MapOptions<Source, Columns>): MapDeclaration<`silver.${Name}`, RowOf<Columns>>
export function silver(name: string, options: unknown): QueryDeclaration | MapDeclaration {
  return derivedTable('silver', name, options, captureCallSite(silver))
}

/** A table of answers: one `query`, or a `map` function over one table. */
export function gold<const Name extends string>(
  name: Name,
  options: QueryOptions,
): QueryDeclaration<`gold.${Name}`>
export function gold<const Name extends string, Source extends TypedTable, const Columns extends ColumnTypes>(
  name: Name,
  options: MapOptions<Source, Columns>,
): MapDeclaration<`gold.${Name}`, RowOf<Columns>>
export function gold(name: string, options: unknown): QueryDeclaration | MapDeclaration {
  return derivedTable('gold', name, options, captureCallSite(gold))
}

function derivedTable(
  tier: 'silver' | 'gold',
  name: string,
  options: unknown,
  site: SourceSite,
): QueryDeclaration | MapDeclaration {
  const reader = new OptionReader(`${tier} table ${name}`, options)
  const isMap = reader.has('map') || reader.has('from')
  if (isMap && reader.has('query')) {
    reader.fault(
      `${tier} table ${name} has both query and map`,
      'keep one: query in SQL, or from with map in TypeScript',
    )
  }
  return isMap ? mapTable(tier, name, reader, site) : queryTable(tier, name, reader, site)
}

function queryTable(
  tier: 'silver' | 'gold',
  name: string,
  reader: OptionReader,
  site: SourceSite,
): QueryDeclaration {
  const missing = !reader.has('query')
  const query = reader.fragment('query')
  if (missing) {
    reader.fault(
      `${tier} table ${name} has neither query nor map`,
      'write: query: sql`select … from …`, with the table interpolated',
    )
  }
  return registerDeclaration({
    kind: 'query',
    query,
    ...readDerived(reader),
    ...readCommon(tier, name, reader, site),
  })
}

function mapTable(
  tier: 'silver' | 'gold',
  name: string,
  reader: OptionReader,
  site: SourceSite,
): MapDeclaration {
  reader.raw('query')
  const from = reader.raw('from')
  if (!isDeclaration(from)) {
    reader.fault(
      `the option from of ${tier} table ${name} is not a table`,
      'give the table that the rows come from: from: readings',
    )
  }
  const map = reader.raw('map')
  if (typeof map !== 'function') {
    reader.fault(`the option map of ${tier} table ${name} is not a function`, 'write: map: row => [{ … }]')
  }
  const version = reader.raw('version')
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) {
    reader.fault(
      `the option version of ${tier} table ${name} is ${version === undefined ? 'missing' : 'not a whole number'}`,
      'write: version: 1, and raise it when the meaning of the function changes',
    )
  }
  const columns = readColumns(reader)
  if (!columns) reader.fault(`${tier} table ${name} has a map and no columns`, ROW_COLUMN_EXAMPLE)
  return registerDeclaration({
    kind: 'map',
    from: isDeclaration(from) ? from : undefined,
    map: map as MapDeclaration['map'],
    version: typeof version === 'number' ? version : 0,
    columns: columns ?? {},
    ...readDerived(reader),
    ...readCommon(tier, name, reader, site),
  })
}

/** What every tier has; it also ends the reading, so that it comes last. */
function readCommon<const T extends TableDeclaration['tier']>(
  tier: T,
  name: string,
  reader: OptionReader,
  site: SourceSite,
) {
  const description = reader.text('description')
  const partitionBy = reader.texts('partitionBy')
  if (typeof name !== 'string')
    reader.fault('the name of the table is not a text', `write: ${tier}('readings', { … })`)
  reader.finish()
  return {
    tier,
    name,
    id: `${tier}.${name}` as const,
    description,
    partitionBy,
    site,
    mistakes: reader.mistakes,
  }
}

function readDerived(
  reader: OptionReader,
): Pick<QueryDeclaration, 'key' | 'orderBy' | 'deleteWhen' | 'checks'> {
  const orderBy = reader.raw('orderBy')
  if (orderBy !== undefined && typeof orderBy !== 'string' && !isSqlFragment(orderBy)) {
    reader.fault(
      'the option orderBy is neither a column nor SQL',
      "write: orderBy: 'updated_at', or sql`…` for an expression",
    )
  }
  return {
    key: reader.texts('key'),
    orderBy: typeof orderBy === 'string' || isSqlFragment(orderBy) ? orderBy : undefined,
    deleteWhen: reader.fragment('deleteWhen'),
    checks: readChecks(reader),
  }
}

function readChecks(reader: OptionReader): readonly DeclaredCheck[] {
  const checks = Object.entries(reader.object('expect') ?? {}).map(([name, option]) => {
    if (isSqlFragment(option)) return { name, check: option, otherwise: 'warn' as const }
    const check = new OptionReader(`the check "${name}"`, option, reader.mistakes)
    const fragment = check.fragment('check')
    const otherwise = check.oneOf('otherwise', OTHERWISE) ?? 'warn'
    check.finish()
    if (fragment) return { name, check: fragment, otherwise }
    return check.has('check')
      ? undefined
      : reader.fault(`the check "${name}" has no SQL`, "write: { check: sql`…`, otherwise: 'quarantine' }")
  })
  return Object.freeze(checks.filter(check => check !== undefined))
}

function readColumns(reader: OptionReader): ColumnTypes | undefined {
  const columns = reader.object('columns')
  if (!columns) return undefined
  const entries = Object.entries(columns)
  if (entries.length === 0) reader.fault('columns declares no column', ROW_COLUMN_EXAMPLE)
  const typed = entries.filter((entry): entry is [string, ColumnType] => {
    if (isColumnType(entry[1])) return true
    reader.fault(`the column ${entry[0]} has no type of t`, `write: ${entry[0]}: t.string()`)
    return false
  })
  return Object.freeze(Object.fromEntries(typed))
}

function readSources(reader: OptionReader): readonly FilesSource[] {
  const value = reader.raw('from')
  const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value]
  if (list.length === 0) reader.fault('the table has no source', "write: from: files('inbox/*.ndjson')")
  return Object.freeze(
    list.filter((source): source is FilesSource => {
      if (typeof source === 'object' && source !== null && 'type' in source && source.type === 'files')
        return true
      reader.fault('a source in from is not files(…)', "write: from: files('inbox/*.ndjson')")
      return false
    }),
  )
}
