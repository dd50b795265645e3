import {
  type AvroComplexSchema,
  type AvroField,
  type AvroSchema,
  type AvroValue,
  avroError,
  isUnion,
} from './avro-schema.ts'

/**
 * Finds values in records by their Iceberg field ids: writers differ in the order of fields, in names, and in which
 * optional ones they write (Iceberg spec, "Appendix A: Avro", field ids).
 */
export class RecordReader {
  private readonly positions: ReadonlyMap<number, number>
  private readonly fields: readonly AvroField[]

  /** @param schema a record, or a union of null and one */
  constructor(schema: AvroSchema) {
    this.fields = recordOf(schema).fields ?? []
    this.positions = new Map(
      this.fields.flatMap((field, index) =>
        field['field-id'] === undefined ? [] : [[field['field-id'], index]],
      ),
    )
  }

  /** The field with an id, or undefined when the writer left it out. */
  field(id: number): AvroField | undefined {
    const position = this.positions.get(id)
    return position === undefined ? undefined : this.fields[position]
  }

  /** The ids of all fields, in the order of the writer. */
  ids(): readonly number[] {
    return [...this.positions.keys()]
  }

  /** A function that picks the value of a field from a record: null where the writer left it out. */
  picker(id: number): (record: AvroValue) => AvroValue {
    const position = this.positions.get(id)
    if (position === undefined) return () => null
    return record => (record as readonly AvroValue[])[position] ?? null
  }

  /** A function that answers a record with another value for a field; the same record where the writer left the field out. */
  setter(id: number): (record: AvroValue, value: AvroValue) => AvroValue {
    const position = this.positions.get(id)
    if (position === undefined) return record => record
    return (record, value) => (record as readonly AvroValue[]).with(position, value)
  }

  /** As picker, of a field that must be there. @throws METADATA_INVALID at once when it is not, later when it is null */
  requiredPicker(id: number): (record: AvroValue) => NonNullable<AvroValue> {
    if (!this.positions.has(id)) throw avroError(`its records have no field ${id}`)
    const pick = this.picker(id)
    return record => {
      const value = pick(record)
      if (value === null) throw avroError(`field ${id} is null`)
      return value
    }
  }
}

function recordOf(schema: AvroSchema): AvroComplexSchema {
  const branches = isUnion(schema) ? schema : [schema]
  const record = branches.find(
    branch => typeof branch === 'object' && !isUnion(branch) && branch.type === 'record',
  )
  if (record === undefined || typeof record === 'string' || isUnion(record))
    throw avroError('a record was expected')
  return record
}

/** The schema of list items. @throws METADATA_INVALID when it is not an array */
export function itemsOf(schema: AvroSchema): AvroSchema {
  const branches = isUnion(schema) ? schema : [schema]
  for (const branch of branches) {
    if (
      typeof branch === 'object' &&
      !isUnion(branch) &&
      branch.type === 'array' &&
      branch.items !== undefined
    ) {
      return branch.items
    }
  }
  throw avroError('an array was expected')
}

/** A field of a record to write, and how its value is had from what is written. */
export interface FieldWriter<T> {
  readonly id: number
  readonly name: string
  readonly type: AvroSchema
  /** Null is written for undefined. */
  readonly optional?: boolean
  readonly valueOf: (subject: T) => AvroValue | undefined
}

/** The record schema of field writers. */
export function recordSchema<T>(name: string, writers: readonly FieldWriter<T>[]): AvroComplexSchema {
  return {
    type: 'record',
    name,
    fields: writers.map(writer => ({
      name: writer.name,
      type: writer.optional ? ['null', writer.type] : writer.type,
      ...(writer.optional ? { default: null } : {}),
      'field-id': writer.id,
    })),
  }
}

/** The record of one subject. */
export function recordOfSubject<T>(writers: readonly FieldWriter<T>[], subject: T): readonly AvroValue[] {
  return writers.map(writer => writer.valueOf(subject) ?? null)
}
