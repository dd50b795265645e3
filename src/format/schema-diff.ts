import { isDeepStrictEqual } from 'node:util'
import { fieldsById, type LocatedField } from './schema.ts'
import { isPrimitive, type NestedField, type Schema } from './types.ts'

/** A field that two schemas of one table have both, and not alike. */
interface ChangedField {
  readonly from: LocatedField
  readonly to: LocatedField
}

/** How two schemas of one table differ. Fields are the same by their ids, whatever they are called. */
export interface SchemaDiff {
  /** Of fields inside an added or removed one the outermost alone. */
  readonly added: readonly LocatedField[]
  readonly removed: readonly LocatedField[]
  readonly renamed: readonly ChangedField[]
  /** Of another type, or required and now nullable. */
  readonly retyped: readonly ChangedField[]
}

/** Compares two schemas of one table. */
export function diffSchemas(from: Schema, to: Schema): SchemaDiff {
  const [before, after] = [fieldsById(from), fieldsById(to)]
  const shared = [...after].flatMap(([id, field]): ChangedField[] => {
    const counterpart = before.get(id)
    return counterpart === undefined ? [] : [{ from: counterpart, to: field }]
  })
  return {
    added: onlyIn(after, before),
    removed: onlyIn(before, after),
    renamed: shared.filter(pair => pair.from.field.name !== pair.to.field.name),
    retyped: shared.filter(pair => !isSameKind(pair.from.field, pair.to.field)),
  }
}

/** Whether two schemas of one table are the same to readers. */
export function isSameForReaders({ added, removed, renamed, retyped }: SchemaDiff): boolean {
  return [added, removed, renamed, retyped].every(fields => fields.length === 0)
}

/** The fields of one schema that the other lacks, but for those inside of such a field. */
function onlyIn(
  fields: ReadonlyMap<number, LocatedField>,
  others: ReadonlyMap<number, LocatedField>,
): readonly LocatedField[] {
  const found: LocatedField[] = []
  for (const [id, located] of fields) {
    const isInside = found.some(({ path }) => isDeepStrictEqual(path, located.path.slice(0, path.length)))
    // Outer fields come before what is inside them.
    if (!others.has(id) && !isInside) found.push(located)
  }
  return found
}

/** What is inside of nested types has fields of its own. */
function isSameKind(a: NestedField, b: NestedField): boolean {
  if (a.required !== b.required) return false
  return isPrimitive(a.type) || isPrimitive(b.type) ? a.type === b.type : a.type.type === b.type.type
}
