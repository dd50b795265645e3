import { IngotError } from '../errors.ts'
import type { NestedField, PrimitiveType, Type } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'

const PRIMITIVE_TO_SQL: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
}

/** Types of format version 3 that queries read and nothing writes. Of `unknown` every value is null, whatever the type. */
const READ_ONLY_TO_SQL: Readonly<Record<string, string>> = {
  unknown: 'INTEGER',
  timestamp_ns: 'TIMESTAMP_NS',
}

// Types that have no counterpart in Iceberg are widened to one that holds every value: unsigned and small integers to
// the next larger signed one. A HUGEINT beyond 38 digits fails its cast, it is never rounded.
const SQL_TO_PRIMITIVE: Readonly<Record<string, PrimitiveType>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'int',
  UTINYINT: 'int',
  SMALLINT: 'int',
  USMALLINT: 'int',
  INTEGER: 'int',
  UINTEGER: 'long',
  BIGINT: 'long',
  UBIGINT: 'decimal(20, 0)',
  HUGEINT: 'decimal(38, 0)',
  UHUGEINT: 'decimal(38, 0)',
  FLOAT: 'float',
  DOUBLE: 'double',
  DATE: 'date',
  TIME: 'time',
  TIMESTAMP: 'timestamp',
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  TIMESTAMPTZ: 'timestamptz',
  VARCHAR: 'string',
  JSON: 'string',
  UUID: 'uuid',
  BLOB: 'binary',
}

/** The engine's type for an Iceberg type, as text for a CAST; struct fields keep their names. */
export function toSqlType(type: Type): string {
  if (isPrimitive(type)) return primitiveToSql(type)
  if (type.type === 'list') return `${toSqlType(type.element)}[]`
  if (type.type === 'map') return `MAP(${toSqlType(type.key)}, ${toSqlType(type.value)})`
  return `STRUCT(${type.fields.map(field => `${quoteIdentifier(field.name)} ${toSqlType(field.type)}`).join(', ')})`
}

/** Whether Ingot reads and writes values of the type; of format version 3 there are others, such as `variant`. */
export function isWritableType(type: PrimitiveType): boolean {
  return type in PRIMITIVE_TO_SQL || type.startsWith('decimal(') || type.startsWith('fixed[')
}

/** Whether queries read values of the type. */
export function isReadableType(type: PrimitiveType): boolean {
  return isWritableType(type) || type in READ_ONLY_TO_SQL
}

function primitiveToSql(type: PrimitiveType): string {
  const sql = PRIMITIVE_TO_SQL[type] ?? READ_ONLY_TO_SQL[type]
  if (sql !== undefined) return sql
  if (type.startsWith('decimal(')) return type.toUpperCase().replaceAll(' ', '')
  if (type.startsWith('fixed[')) return 'BLOB'
  throw new IngotError('UNSUPPORTED', `type ${type} is not supported`, {
    hint: 'tables with this type can be read by the engine that wrote them; leave the column out here',
    context: { type },
  })
}

/**
 * The Iceberg type that holds every value of an engine type as the engine prints it (`STRUCT(a INTEGER)[]`).
 * Nested field ids are 0: whoever creates or evolves the table assigns them. ENUM and JSON become string; TIMESTAMP_NS
 * becomes timestamp, which keeps microseconds.
 * @throws UNSUPPORTED for INTERVAL, BIT, UNION and the like, naming `column` and the cast to write
 */
export function fromSqlType(text: string, column?: string): Type {
  const parser = new TypeParser(text, column)
  return parser.parseWhole()
}

/** Recursive descent over the type grammar: base, then any number of `[]` or `[n]`. */
class TypeParser {
  #position = 0
  readonly #text: string
  readonly #column: string | undefined

  constructor(text: string, column: string | undefined) {
    this.#text = text
    this.#column = column
  }

  parseWhole(): Type {
    const type = this.#parseType()
    if (this.#position !== this.#text.length) this.#refuse(this.#text)
    return type
  }

  #parseType(): Type {
    let type = this.#parseBase()
    for (let suffix = this.#match(/\[\d*\]/y); suffix !== undefined; suffix = this.#match(/\[\d*\]/y)) {
      type = { type: 'list', 'element-id': 0, element: type, 'element-required': false }
    }
    return type
  }

  #parseBase(): Type {
    if (this.#match(/STRUCT\(/y) !== undefined) return this.#parseStruct()
    if (this.#match(/MAP\(/y) !== undefined) return this.#parseMap()
    if (this.#match(/ENUM\('(?:[^']|'')*'(?:, '(?:[^']|'')*')*\)/y) !== undefined) return 'string'
    const decimal = this.#match(/DECIMAL\(\d+, ?\d+\)/y)
    if (decimal !== undefined) {
      const [precision = 0, scale = 0] = (decimal.match(/\d+/g) ?? []).map(Number)
      return `decimal(${precision}, ${scale})`
    }
    const name = this.#match(/[A-Z_]+(?: WITH TIME ZONE)?/y)
    return (name === undefined ? undefined : SQL_TO_PRIMITIVE[name]) ?? this.#refuse(name ?? this.#text)
  }

  #parseStruct(): Type {
    const fields: NestedField[] = []
    do {
      const name = this.#parseName()
      this.#expect(/ /y)
      fields.push({ id: 0, name, required: false, type: this.#parseType() })
    } while (this.#match(/, /y) !== undefined)
    this.#expect(/\)/y)
    return { type: 'struct', fields }
  }

  #parseMap(): Type {
    const key = this.#parseType()
    this.#expect(/, /y)
    const value = this.#parseType()
    this.#expect(/\)/y)
    return { type: 'map', 'key-id': 0, key, 'value-id': 0, value, 'value-required': false }
  }

  #parseName(): string {
    const quoted = this.#match(/"(?:[^"]|"")*"/y)
    if (quoted !== undefined) return quoted.slice(1, -1).replaceAll('""', '"')
    return this.#match(/[^\s"(),[\]]+/y) ?? this.#refuse(this.#text)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#position += found.length
    return found
  }

  #expect(pattern: RegExp): void {
    if (this.#match(pattern) === undefined) this.#refuse(this.#text)
  }

  #refuse(type: string): never {
    const where = this.#column === undefined ? '' : ` of column ${this.#column}`
    const cast = quoteIdentifier(this.#column ?? 'column')
    throw new IngotError('UNSUPPORTED', `type ${type}${where} has no counterpart in an Iceberg table`, {
      hint: `cast it in the query, for example cast(${cast} as varchar) as ${cast}`,
      context: { column: this.#column, type: this.#text },
    })
  }
}
