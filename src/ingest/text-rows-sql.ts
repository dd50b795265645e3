import { isPrimitive, type Type } from '../format/types.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { toSqlType } from '../table/sql-types.ts'
import type { PlainFile } from './plain-lines.ts'
import type { PreparedFile, PreparedPart } from './prepared-rows.ts'

/** Types that JSON holds as text: read as such, then cast, so that the engine's own reading of JSON numbers has no part in it. */
const TEXTUAL = /^(?:string|date|time|timestamp|timestamptz|uuid|binary|decimal|fixed)/

export interface TextRowsOptions {
  readonly part: Pick<PreparedPart, 'prepared' | 'plain' | 'sources'>
  /** The table's columns that rows can have; undefined: the JSON text is the row. */
  readonly columns: readonly LakeColumn[] | undefined
  /** SQL for `_ingested_at`. */
  readonly ingestedAtSql: string
}

/** The rows of a prepared part as a SELECT of the bronze table's columns. */
export function textRowsSql({ part, columns, ingestedAtSql }: TextRowsOptions): string {
  const { prepared, plain, sources } = part
  const system = (source: string, position: string, rescued: string): string[] => [
    `${source} AS _source`,
    '0 AS _source_partition',
    `${position} AS _position`,
    `${ingestedAtSql} AS _ingested_at`,
    `${rescued} AS _rescued`,
  ]
  const selects: string[] = []
  if (plain !== undefined && columns !== undefined) {
    const { from, source, position } = plainSql(plain, columns, sources)
    const own = columns.map(column => ownSql(`v.${quoteIdentifier(column.name)}`, column))
    selects.push(`SELECT ${[...own, ...system(source, position, 'NULL')].join(', ')} FROM ${from}`)
  }
  if (prepared !== undefined) {
    const own = columns?.map(column => ownSql(`v.${quoteIdentifier(column.name)}`, column)) ?? [
      'j AS payload',
    ]
    const row = columns === undefined ? '' : `, json_transform(j, ${quoteLiteral(structureOf(columns))}) AS v`
    const rows = `SELECT s, p, j, r${row} FROM ${preparedSql(prepared)}`
    const of = system(`${listSql(sources)}[s]`, 'p', 'r')
    selects.push(`SELECT ${[...own, ...of].join(', ')} FROM (${rows})`)
  }
  return selects.join(' UNION ALL ')
}

function ownSql(sql: string, column: LakeColumn): string {
  return `${fromText(sql, column.type, 0)} AS ${quoteIdentifier(column.name)}`
}

function listSql(texts: readonly string[]): string {
  return `[${texts.map(quoteLiteral).join(', ')}]`
}

interface PlainSql {
  readonly from: string
  readonly source: string
  readonly position: string
}

/** Lines as they are, numbered by their place in the file: the engine keeps their order. */
function plainSql(
  { path, runs }: PlainFile,
  columns: readonly LakeColumn[],
  sources: readonly string[],
): PlainSql {
  const types = columns.map(
    column => `${quoteIdentifier(column.name)}: ${quoteLiteral(structureSql(column.type))}`,
  )
  const limits = `maximum_object_size = ${PLAIN_LINE_BYTES_MAX}, compression = 'uncompressed'`
  const lines = `read_json(${quoteLiteral(path)}, format = 'newline_delimited', columns = {${types.join(', ')}}, ${limits}) AS v`
  const [first] = runs
  if (first !== undefined && runs.length === 1) {
    return {
      from: lines,
      source: quoteLiteral(sources[first.source - 1] ?? ''),
      position: `row_number() OVER () + ${first.firstPosition - 1}`,
    }
  }
  const values = runs.map(run => `(${run.source}, ${run.firstPosition}, ${run.count})`).join(', ')
  const places = `SELECT s, unnest(range(f, f + c)) AS p FROM (VALUES ${values}) AS runs(s, f, c)`
  return {
    from: `${lines} POSITIONAL JOIN (${places}) AS place`,
    source: `${listSql(sources)}[place.s]`,
    position: 'place.p',
  }
}

/** More than a chunk of a file has; the engine's buffers are twice as large. */
const PLAIN_LINE_BYTES_MAX = 2 * 1024 * 1024

function preparedSql({ path, lineBytesMax }: PreparedFile): string {
  const lineBytes = Math.max(LINE_BYTES_LEAST, lineBytesMax)
  const columns = "columns = {s: 'INTEGER', p: 'BIGINT', j: 'VARCHAR', r: 'VARCHAR'}"
  const dialect = `delim = '\x1f', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n'`
  const limits = `max_line_size = ${lineBytes}, buffer_size = ${2 * lineBytes}, nullstr = '', strict_mode = false, compression = 'none'`
  return `read_csv(${quoteLiteral(path)}, ${columns}, ${dialect}, ${limits})`
}

/** The engine's reader takes buffers of at least two lines (by itself it would take 16 times the longest). */
const LINE_BYTES_LEAST = 4 * 1024 * 1024

function structureOf(columns: readonly LakeColumn[]): string {
  return JSON.stringify(Object.fromEntries(columns.map(column => [column.name, structure(column.type)])))
}

/** The type that JSON is read as, in the form that json_transform takes. */
function structure(type: Type): unknown {
  if (isPrimitive(type)) return TEXTUAL.test(type) ? 'VARCHAR' : toSqlType(type)
  if (type.type === 'list') return [structure(type.element)]
  if (type.type === 'struct') {
    return Object.fromEntries(type.fields.map(field => [field.name, structure(field.type)]))
  }
  return `MAP(VARCHAR, ${structureSql(type.value)})`
}

/** As `structure`, as the text of a type. */
function structureSql(type: Type): string {
  if (isPrimitive(type)) return TEXTUAL.test(type) ? 'VARCHAR' : toSqlType(type)
  if (type.type === 'list') return `${structureSql(type.element)}[]`
  if (type.type === 'map') return `MAP(VARCHAR, ${structureSql(type.value)})`
  const fields = type.fields.map(field => `${quoteIdentifier(field.name)} ${structureSql(field.type)}`)
  return `STRUCT(${fields.join(', ')})`
}

/** A value of what was read; the cast to its own type is left to whoever writes the file, but for base64. */
function fromText(sql: string, type: Type, depth: number): string {
  if (!holdsBinary(type)) return sql
  if (isPrimitive(type)) return `from_base64(${sql})`
  const item = `x${depth}`
  if (type.type === 'list') {
    return `list_transform(${sql}, ${item} -> ${fromText(item, type.element, depth + 1)})`
  }
  if (type.type === 'map') {
    const key = fromText(`${item}.key`, type.key, depth + 1)
    const value = fromText(`${item}.value`, type.value, depth + 1)
    return `map_from_entries(list_transform(map_entries(${sql}), ${item} -> {key: ${key}, value: ${value}}))`
  }
  const fields = type.fields.map(field => {
    const name = quoteIdentifier(field.name)
    return `${name}: ${fromText(`${sql}.${name}`, field.type, depth + 1)}`
  })
  return `CASE WHEN ${sql} IS NOT NULL THEN {${fields.join(', ')}} END`
}

function holdsBinary(type: Type): boolean {
  if (isPrimitive(type)) return type === 'binary' || type.startsWith('fixed')
  if (type.type === 'list') return holdsBinary(type.element)
  if (type.type === 'map') return holdsBinary(type.key) || holdsBinary(type.value)
  return type.fields.some(field => holdsBinary(field.type))
}
