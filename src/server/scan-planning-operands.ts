import { IngotError } from '../errors.ts'
import type { LocatedField } from '../format/schema.ts'
import { parseTransform, transformResultType } from '../format/transforms.ts'
import { isPrimitive, type PrimitiveType, type Transform, type Type } from '../format/types.ts'
import type { ScanFields } from './scan-planning-fields.ts'

/** What a predicate is about. */
export type Operand =
  | ColumnOperand
  | { readonly kind: 'constant'; readonly json: unknown; readonly dataType: string | undefined }
  /** Well formed, and nothing that files tell of. */
  | { readonly kind: 'other' }

/** A column, or what a transform yields from it. */
export interface ColumnOperand {
  readonly kind: 'column'
  readonly located: LocatedField
  /** Absent: the value itself. */
  readonly transform?: Transform
  /** Of the values that it has. */
  readonly type: Type
}

const OTHER: Operand = { kind: 'other' }

/** The catalog of the functions that the specification defines. */
const ICEBERG_FUNCTIONS = 'iceberg_functions'

/** What the filter is read with, and where in it. */
export interface FilterPlace {
  readonly fields: ScanFields
  readonly path: string
  /** Reads a predicate inside a function. @throws REQUEST_INVALID */
  readonly readPredicate: (json: unknown, path: string) => unknown
}

/** Those types that the pruning knows the values of; others may be named, and are left to whoever reads the files. */
const KNOWN_TYPE =
  /^(boolean|int|long|float|double|date|time|timestamp|timestamptz|string|uuid|binary|decimal\(\d+, ?\d+\)|fixed\[\d+\])$/

/** Whether values of the type can be compared here. */
export function isKnownType(type: Type): type is PrimitiveType {
  return isPrimitive(type) && KNOWN_TYPE.test(type)
}

/** The error for a part of a request that is not what it should be. */
export function invalidAt(path: string, message: string, hint?: string): IngotError {
  return new IngotError('REQUEST_INVALID', `${path}: ${message}`, {
    hint: hint ?? 'see "Expressions" in the Iceberg REST specification',
    context: { field: path },
  })
}

/** A JSON value for an error. */
export function shown(json: unknown): string {
  if (typeof json === 'bigint') return String(json)
  return (
    JSON.stringify(json, (_key, value) => (typeof value === 'bigint' ? String(value) : value)) ?? 'nothing'
  ).slice(0, 100)
}

/** A JSON object whose `type` is a text. */
export function typedObject(
  json: unknown,
  path: string,
): Readonly<Record<string, unknown>> & { readonly type: string } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalidAt(path, `expected an expression, found ${shown(json)}`)
  }
  const members = json as Readonly<Record<string, unknown>>
  if (typeof members.type !== 'string')
    throw invalidAt(`${path}.type`, `expected a text, found ${shown(members.type)}`)
  return members as Readonly<Record<string, unknown>> & { readonly type: string }
}

/** Refuses members that an expression of this kind does not have. */
export function requireOnly(members: object, names: readonly string[], path: string): void {
  const other = Object.keys(members).find(name => name !== 'type' && !names.includes(name))
  if (other !== undefined) throw invalidAt(`${path}.${other.slice(0, 100)}`, 'there is no such member here')
}

/** A value expression of the newer form (ValueExpression): a text is a constant. @throws REQUEST_INVALID */
export function parseOperand(json: unknown, place: FilterPlace): Operand {
  const isObject = typeof json === 'object' && json !== null
  return isObject ? parseTermObject(json, place) : { kind: 'constant', json, dataType: undefined }
}

/** A term of the older form: a text is the name of a column. @throws REQUEST_INVALID */
export function parseTerm(json: unknown, place: FilterPlace): Operand {
  return typeof json === 'string' ? columnNamed(json, place) : parseTermObject(json, place)
}

function parseTermObject(json: unknown, place: FilterPlace): Operand {
  const members = typedObject(json, place.path)
  switch (members.type) {
    case 'reference':
      return parseReference(members, place)
    case 'literal':
      requireOnly(members, ['value', 'data-type'], place.path)
      return { kind: 'constant', json: members.value, dataType: dataTypeOf(members['data-type'], place.path) }
    case 'transform':
      requireOnly(members, ['transform', 'term'], place.path)
      return transformed(
        members.transform,
        parseTerm(members.term, inside(place, 'term')),
        inside(place, 'transform'),
      )
    case 'apply':
      return parseApply(members, place)
    default:
      throw invalidAt(`${place.path}.type`, `there is no value expression ${shown(members.type)}`)
  }
}

/** The type that a constant says it has. */
export function dataTypeOf(json: unknown, path: string): string | undefined {
  if (json === undefined || typeof json === 'string') return json
  throw invalidAt(`${path}.data-type`, `expected a primitive type, found ${shown(json)}`)
}

function parseReference(members: Readonly<Record<string, unknown>>, place: FilterPlace): Operand {
  requireOnly(members, ['id', 'name', 'term'], place.path)
  const { id, name, term } = members
  if (typeof id === 'number') {
    const located = place.fields.byId(id)
    if (located === undefined) throw invalidAt(`${place.path}.id`, `the table has no column ${id}`)
    return columnOf(located)
  }
  return columnNamed(name ?? term, inside(place, name === undefined ? 'term' : 'name'))
}

function columnNamed(name: unknown, { fields, path }: FilterPlace): Operand {
  if (typeof name !== 'string') throw invalidAt(path, `expected the name of a column, found ${shown(name)}`)
  const located = fields.byName(name, path)
  return located === undefined ? OTHER : columnOf(located)
}

function columnOf(located: LocatedField): Operand {
  return { kind: 'column', located, type: located.field.type }
}

function parseApply(members: Readonly<Record<string, unknown>>, place: FilterPlace): Operand {
  requireOnly(members, ['function', 'arguments'], place.path)
  const list = members.arguments
  if (!Array.isArray(list))
    throw invalidAt(`${place.path}.arguments`, `expected a list, found ${shown(list)}`)
  const operands = list.map((each: unknown, index) =>
    parseArgument(each, inside(place, `arguments[${index}]`)),
  )
  const name = icebergFunction(members.function, `${place.path}.function`)
  const [parameter, value] = operands.length > 1 ? operands : [undefined, operands[0]]
  if (name === undefined || value === undefined || operands.length > 2) return OTHER
  if (name !== 'bucket' && name !== 'truncate') return parameter ? OTHER : transformed(name, value, place)
  if (parameter?.kind !== 'constant') return OTHER
  return transformed(`${name}[${shown(parameter.json)}]`, value, place)
}

/** A value or a predicate: what is a predicate is checked, and tells nothing. */
function parseArgument(json: unknown, place: FilterPlace): Operand {
  const type = typeof json === 'object' && json !== null ? Reflect.get(json, 'type') : undefined
  const isValue = type === undefined || ['reference', 'literal', 'transform', 'apply'].includes(String(type))
  if (isValue) return parseOperand(json, place)
  place.readPredicate(json, place.path)
  return OTHER
}

/** The name of a function of the specification; undefined for others. */
function icebergFunction(json: unknown, path: string): string | undefined {
  if (typeof json === 'string' && json !== '') return undefined
  if (isNames(json)) return undefined
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    const { catalog, identifier } = json as { readonly catalog?: unknown; readonly identifier?: unknown }
    if (isNames(identifier) && (catalog === undefined || catalog === null || typeof catalog === 'string')) {
      return catalog === ICEBERG_FUNCTIONS && identifier.length === 1 ? identifier[0] : undefined
    }
  }
  throw invalidAt(path, `expected the name of a function, found ${shown(json)}`)
}

function isNames(json: unknown): json is readonly string[] {
  return Array.isArray(json) && json.length > 0 && json.every(each => typeof each === 'string')
}

function transformed(name: unknown, of: Operand, { path }: FilterPlace): Operand {
  if (typeof name !== 'string') throw invalidAt(path, `expected a transform, found ${shown(name)}`)
  const transform = attempt(() => parseTransform(name), path)
  if (transform === 'identity') return of
  if (of.kind === 'constant') return OTHER
  if (of.kind === 'other' || of.transform !== undefined || transform === 'void') return OTHER
  const { type } = of
  if (!isPrimitive(type)) throw invalidAt(path, `transform ${transform} takes no ${type.type}`)
  if (!isKnownType(type)) return OTHER
  return { ...of, transform, type: attempt(() => transformResultType(transform, type), path) }
}

function attempt<T>(work: () => T, path: string): T {
  try {
    return work()
  } catch (error) {
    throw invalidAt(path, (error as Error).message)
  }
}

function inside(place: FilterPlace, member: string): FilterPlace {
  return { ...place, path: `${place.path}.${member}` }
}
