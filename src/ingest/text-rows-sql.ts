import { isPrimitive, type Type } from '../format/types.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { toSqlType } from '../table/sql-types.ts'
import type { PreparedPart } from './prepared-rows.ts'

/** Types that JSON holds as text: read as such, then cast, so that the engine's own reading of JSON numbers has no part in it. */
const TEXTUAL = /^(?:string|date|time|timestamp|timestamptz|uuid|binary|decimal|fixed)/

export interface TextRowsOptions {
  readonly part: Pick<PreparedPart, 'path' | 'sources' | 'lineBytesMax'>
  /** The table's columns that rows can have; undefined: the JSON text is the row. */
  readonly columns: readonly LakeColumn[] | undefined
  /** SQL for `_ingested_at`. */
  readonly ingestedAtSql: string
}

/** The rows of a prepared part as a SELECT of the bronze table's columns. */
export function textRowsSql({ part, columns, ingestedAtSql }: TextRowsOptions): string {
  const sources = `[${part.sources.map(quoteLiteral).join(', ')}]`
  const system = [
    `${sources}[s] AS _source`,
    '0 AS _partition',
    'p AS _position',
    `${ingestedAtSql} AS _ingested_at`,
    'r AS _rescued',
  ]
  const own = columns?.map(column => `${valueSql(column)} AS ${quoteIdentifier(column.name)}`) ?? [
    'j AS payload',
  ]
  const row = columns === undefined ? '' : `, json_transform(j, ${quoteLiteral(structureOf(columns))}) AS v`
  return `SELECT ${[...own, ...system].join(', ')} FROM (SELECT s, p, j, r${row} FROM ${preparedSql(part)})`
}

function preparedSql({ path, lineBytesMax }: TextRowsOptions['part']): string {
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

/** A column of what was read; the cast to its own type is left to whoever writes the file, but for base64. */
function valueSql(column: LakeColumn): string {
  return fromText(`v.${quoteIdentifier(column.name)}`, column.type, 0)
}

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
