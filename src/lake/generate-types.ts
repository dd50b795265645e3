import { isPrimitive, type PrimitiveType, type Type } from '../format/types.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { BRONZE_SYSTEM_COLUMNS, type Lake, type LakeTable } from './lake.ts'

/** The file that `ingot types` writes beside `lake.ts`. */
export const TYPES_FILE = 'ingot-types.d.ts'

/**
 * The text of `ingot-types.d.ts`: the row type of every table of the lake, added to the interface `LakeRows` of 'ingot', from
 * where `Row<…>` and the argument of `map` take it. The same lake gives the same text.
 */
export function generateTypes(lake: Lake): string {
  const tables = lake.tables.toSorted((a, b) => (name(a) < name(b) ? -1 : 1))
  return [
    '// Written by `ingot types` from the tables of lake.ts: run it again when they change, do not edit.',
    "import 'ingot'",
    '',
    "declare module 'ingot' {",
    '  interface LakeRows {',
    ...tables.flatMap(tableLines),
    '  }',
    '}',
    '',
  ].join('\n')
}

const name = (table: LakeTable): string => formatIdentifier(table.identifier)

function tableLines(table: LakeTable): readonly string[] {
  const neverNull = table.kind === 'bronze' ? BRONZE_SYSTEM_COLUMNS.map(column => column.name) : []
  const columns = table.columns.map(column => {
    const isNullable = column.name === '_rescued' || !neverNull.includes(column.name)
    return `      readonly ${property(column.name)}: ${typeScriptType(column.type)}${isNullable ? ' | null' : ''}`
  })
  const comment = table.description === undefined ? [] : [`    /** ${commentText(table.description)} */`]
  return [...comment, `    ${JSON.stringify(name(table))}: {`, ...columns, '    }']
}

const PRIMITIVES: Readonly<Partial<Record<PrimitiveType, string>>> = {
  boolean: 'boolean',
  int: 'number',
  long: 'bigint',
  float: 'number',
  double: 'number',
  binary: 'Uint8Array',
}

/** What a value of an Iceberg type is in a row, null apart: exact, hence text for decimals and times. */
export function typeScriptType(type: Type): string {
  if (isPrimitive(type)) return type.startsWith('fixed') ? 'Uint8Array' : (PRIMITIVES[type] ?? 'string')
  if (type.type === 'list') return `readonly (${typeScriptType(type.element)} | null)[]`
  if (type.type === 'map') {
    return `readonly (readonly [${typeScriptType(type.key)}, ${typeScriptType(type.value)} | null])[]`
  }
  const fields = type.fields.map(
    field => `readonly ${property(field.name)}: ${typeScriptType(field.type)} | null`,
  )
  return `{ ${fields.join('; ')} }`
}

const property = (text: string): string =>
  /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(text) ? text : JSON.stringify(text)

const commentText = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('*/', '*\\/')
