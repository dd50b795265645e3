import { IngotError } from '../errors.ts'
import { withoutUndefined } from './json-reader.ts'
import { assignFreshIds, childFields, fieldsById, findField, withChildFields } from './schema.ts'
import type { NestedField, PrimitiveType, Schema, Type } from './types.ts'
import { isPrimitive } from './types.ts'

/**
 * One change of a schema (Iceberg spec, "Schema Evolution"). Paths are names from the outside in; `element`, `key` and
 * `value` lead into lists and maps.
 */
export type SchemaChange =
  /** An optional field at the end of its struct; ids inside `fieldType` are assigned anew. */
  | {
      readonly type: 'add'
      readonly path: readonly string[]
      readonly fieldType: Type
      readonly doc?: string
    }
  | { readonly type: 'rename'; readonly path: readonly string[]; readonly name: string }
  | { readonly type: 'drop'; readonly path: readonly string[] }
  /** int to long, float to double, a decimal to more precision. */
  | { readonly type: 'widen'; readonly path: readonly string[]; readonly to: PrimitiveType }
  | { readonly type: 'make-optional'; readonly path: readonly string[] }
  /** Right after the field `after` of the same struct; null: to its beginning. */
  | { readonly type: 'move'; readonly path: readonly string[]; readonly after: string | null }
  /** Undefined takes the doc away. */
  | { readonly type: 'doc'; readonly path: readonly string[]; readonly doc: string | undefined }

/** A schema after changes; its schema id is still the old one, until add-schema assigns the next. */
export interface EvolvedSchema {
  readonly schema: Schema
  readonly lastColumnId: number
}

/**
 * The schema after changes, in their order. Every field keeps its id, so that files written before stay readable.
 * @throws DATA_INVALID when a change does not fit the schema; UNSUPPORTED when it would make old files unreadable
 */
export function evolveSchema(
  schema: Schema,
  changes: readonly SchemaChange[],
  lastColumnId: number,
): EvolvedSchema {
  let evolved: EvolvedSchema = { schema, lastColumnId }
  for (const change of changes) evolved = applyChange(evolved, change)
  return evolved
}

function applyChange({ schema, lastColumnId }: EvolvedSchema, change: SchemaChange): EvolvedSchema {
  if (change.type === 'add') return addField(schema, change, lastColumnId)
  if (change.type === 'drop') refuseIdentifier(schema, change.path, 'dropped')
  if (change.type === 'make-optional') refuseIdentifier(schema, change.path, 'made optional')
  if (change.type !== 'doc') refuseInMapKey(schema, change.path, change.type)
  const edited = editSiblings(schema, change.path, change.path, (fields, index) =>
    editField(fields, index, change),
  )
  return { schema: edited, lastColumnId }
}

function pathText(path: readonly string[]): string {
  return path.join('.')
}

function refused(path: readonly string[], reason: string, hint?: string): IngotError {
  return new IngotError(
    'UNSUPPORTED',
    `column ${pathText(path)} cannot be changed: ${reason}`,
    hint ? { hint } : {},
  )
}

function misfit(path: readonly string[], reason: string): IngotError {
  return new IngotError('DATA_INVALID', `column ${pathText(path)}: ${reason}`)
}

/** Copies `type` with other fields beside the end of `rest`: `edit` gets the siblings and the place among them (-1: not there). */
function editSiblings<T extends Type>(
  type: T,
  path: readonly string[],
  rest: readonly string[],
  edit: (siblings: readonly NestedField[], index: number) => readonly NestedField[],
): T {
  const [name, ...deeper] = rest
  const siblings = childFields(type)
  const index = siblings.findIndex(field => field.name === name)
  if (deeper.length === 0) {
    const edited = edit(siblings, index)
    if (!isStruct(type)) keepShape(siblings, edited, path)
    return withChildFields(type, edited) as T
  }
  const inner = siblings[index]
  if (inner === undefined) throw misfit(path, `there is no ${name}`)
  const changed = { ...inner, type: editSiblings(inner.type, path, deeper, edit) }
  return withChildFields(type, siblings.with(index, changed)) as T
}

function isStruct(type: Type): boolean {
  return !isPrimitive(type) && type.type === 'struct'
}

/** The element, key and value of a list or map are not columns to add, drop, rename or move. */
function keepShape(
  before: readonly NestedField[],
  after: readonly NestedField[],
  path: readonly string[],
): void {
  const isKept =
    before.length === after.length && before.every((field, index) => field.name === after[index]?.name)
  if (!isKept) throw refused(path, 'the element, key and value of a list or map stay as they are')
}

function editField(
  siblings: readonly NestedField[],
  index: number,
  change: Exclude<SchemaChange, { type: 'add' }>,
): readonly NestedField[] {
  const field = siblings[index]
  if (field === undefined) throw misfit(change.path, 'there is no such column')
  switch (change.type) {
    case 'rename':
      return rename(siblings, index, field, change.name, change.path)
    case 'drop':
      if (siblings.length === 1) throw refused(change.path, 'it is the last one')
      return siblings.toSpliced(index, 1)
    case 'widen':
      return siblings.with(index, { ...field, type: widen(field.type, change.to, change.path) })
    case 'make-optional':
      return siblings.with(index, { ...field, required: false })
    case 'move':
      return move(siblings, index, field, change.after, change.path)
    case 'doc':
      return siblings.with(index, withoutUndefined<NestedField>({ ...field, doc: change.doc }))
  }
}

function rename(
  siblings: readonly NestedField[],
  index: number,
  field: NestedField,
  name: string,
  path: readonly string[],
): readonly NestedField[] {
  const isTaken = siblings.some((other, place) => place !== index && other.name === name)
  if (isTaken) throw misfit(path, `there is a column ${name} beside it already`)
  return siblings.with(index, { ...field, name })
}

function move(
  siblings: readonly NestedField[],
  index: number,
  field: NestedField,
  after: string | null,
  path: readonly string[],
): readonly NestedField[] {
  const others = siblings.toSpliced(index, 1)
  const target = after === null ? 0 : others.findIndex(other => other.name === after) + 1
  if (after !== null && target === 0) throw misfit(path, `there is no column ${after} beside it`)
  return others.toSpliced(target, 0, field)
}

const DECIMAL = /^decimal\((\d+), (\d+)\)$/

function widen(from: Type, to: PrimitiveType, path: readonly string[]): Type {
  if (from === to) return from
  if (isPrimitive(from) && isWider(from, to)) return to
  const name = isPrimitive(from) ? from : `a ${from.type}`
  throw refused(
    path,
    `${name} does not become ${to}`,
    'only int to long, float to double and a decimal to more precision of the same scale',
  )
}

/** Whether every value of `from` is one of `to`, another type that a column may get (Iceberg spec, "Schema Evolution"). */
export function isWider(from: PrimitiveType, to: PrimitiveType): boolean {
  if (from === 'int') return to === 'long'
  if (from === 'float') return to === 'double'
  const narrow = DECIMAL.exec(from)
  const wide = DECIMAL.exec(to)
  if (narrow === null || wide === null) return false
  return narrow[2] === wide[2] && Number(wide[1]) > Number(narrow[1]) && Number(wide[1]) <= 38
}

/** The columns of `schema`, each of the wider of its types there and in `other`, so that they hold the values of both. */
export function withWiderTypes(schema: Schema, other: Schema): Schema {
  const others = fieldsById(other)
  const widened = (field: NestedField): NestedField => {
    const { type } = field
    const counterpart = others.get(field.id)?.field.type
    if (!isPrimitive(type)) return { ...field, type: withChildFields(type, childFields(type).map(widened)) }
    const isNarrower = counterpart !== undefined && isPrimitive(counterpart) && isWider(type, counterpart)
    return isNarrower ? { ...field, type: counterpart } : field
  }
  return { ...schema, fields: schema.fields.map(widened) }
}

function addField(
  schema: Schema,
  change: Extract<SchemaChange, { type: 'add' }>,
  lastColumnId: number,
): EvolvedSchema {
  const name = change.path.at(-1)
  if (name === undefined) throw misfit(change.path, 'a path has one name at least')
  refuseInMapKey(schema, change.path, 'add')
  // Numbered as the one field of a struct: first itself, then what is inside it.
  const unnumbered: NestedField = withoutUndefined<NestedField>({
    id: 0,
    name,
    required: false,
    type: change.fieldType,
    doc: change.doc,
  })
  const fresh = assignFreshIds({ type: 'struct', fields: [unnumbered] }, lastColumnId)
  const edited = editSiblings(schema, change.path, change.path, (siblings, index) => {
    if (index >= 0) throw misfit(change.path, 'there is such a column already')
    return [...siblings, ...fresh.type.fields]
  })
  return { schema: edited, lastColumnId: fresh.lastColumnId }
}

/** Keys whose fields change would no longer equal those that were written. */
function refuseInMapKey(schema: Schema, path: readonly string[], change: SchemaChange['type']): void {
  for (let length = 1; length <= path.length; length += 1) {
    const parent = length === 1 ? schema : findField(schema, path.slice(0, length - 1))?.type
    const isMap = parent !== undefined && !isPrimitive(parent) && parent.type === 'map'
    if (isMap && path[length - 1] === 'key') throw refused(path, `${change} inside the key of a map`)
  }
}

/** Rows are told apart by identifier fields: they stay, and stay required. */
function refuseIdentifier(schema: Schema, path: readonly string[], what: string): void {
  const identifiers = new Set(schema['identifier-field-ids'] ?? [])
  const field = findField(schema, path)
  if (field !== undefined && holdsAny(field, identifiers)) {
    throw refused(path, `an identifier field cannot be ${what}`)
  }
}

function holdsAny(field: NestedField, ids: ReadonlySet<number>): boolean {
  return ids.has(field.id) || childFields(field.type).some(inner => holdsAny(inner, ids))
}
