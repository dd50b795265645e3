import type { DataFile, PartitionFieldSummary, PrimitiveValue } from './manifest-types.ts'
import { type PartitionColumn, partitionType } from './partition-spec.ts'
import type { ValuePredicate } from './predicate.ts'
import { projectTransform } from './projection.ts'
import { fieldsById, type LocatedField } from './schema.ts'
import type { PartitionSpec, PrimitiveType, StructType, Transform } from './types.ts'
import { isPrimitive } from './types.ts'
import { rangeMightMatch, rangeOfBounds, rangeOfValue, type ValueRange } from './value-range.ts'

/** A condition on the value of one column. */
type ColumnPredicate = ValuePredicate & {
  readonly fieldId: number
  /** What is yielded from the value is meant, and compared with values of that type. @default the value itself */
  readonly transform?: Transform
}

/**
 * A filter of rows, for leaving out files that have none that it lets through. Columns are named by field id; `unknown` is a
 * condition of which files tell nothing.
 */
export type Expression =
  | { readonly type: 'always-true' | 'always-false' | 'unknown' }
  | { readonly type: 'and' | 'or'; readonly operands: readonly Expression[] }
  | { readonly type: 'not'; readonly operand: Expression }
  | ColumnPredicate

/** Whether a predicate might be true of some row. */
type LeafTest = (predicate: ColumnPredicate) => boolean

/**
 * Whether a data file might have a row that the expression lets through, by its bounds and counts. False is certain; true
 * is not. `schema` has the types that the expression's values are of.
 */
export function mightMatch(expression: Expression, file: DataFile, schema: StructType): boolean {
  if (file.recordCount === 0) return false
  const fields = fieldsById(schema)
  return mightBe(expression, true, predicate => {
    const located = predicate.transform === undefined ? fields.get(predicate.fieldId) : undefined
    if (located === undefined || located.repeated || !isPrimitive(located.field.type)) return true
    return rangeMightMatch(predicate, located.field.type, rangeOfColumn(file, located, located.field.type))
  })
}

function rangeOfColumn(file: DataFile, { field, path }: LocatedField, type: PrimitiveType): ValueRange {
  const nullCount = file.nullValueCounts?.get(field.id)
  // Writers differ in whether a field of a struct that is null counts as a null.
  const isNested = path.length > 1
  return rangeOfBounds(type, {
    lowerBound: file.lowerBounds?.get(field.id),
    upperBound: file.upperBounds?.get(field.id),
    mayHaveNull: nullCount !== 0 || isNested,
    mayHaveNan: file.nanValueCounts?.get(field.id) !== 0,
    mayHaveValue: nullCount === undefined || nullCount < file.recordCount,
  })
}

/**
 * Whether a file of a partition, or some file of a manifest with these summaries, might have a row that the expression lets
 * through. False is certain; true is not. Values and summaries are in the order of the spec.
 */
export function mightMatchPartition(
  expression: Expression,
  spec: PartitionSpec,
  schemas: readonly StructType[],
  partition: readonly (PrimitiveValue | null)[] | readonly PartitionFieldSummary[],
): boolean {
  const ranges = partitionType(spec, schemas).map((column, index) => ({
    column,
    range: rangeOfPartition(column.type, partition[index]),
  }))
  return mightBe(expression, true, predicate =>
    ranges.every(({ column, range }) => mightMatchColumn(predicate, column, range)),
  )
}

function mightMatchColumn(
  predicate: ColumnPredicate,
  { field, sourceType, type }: PartitionColumn,
  range: ValueRange | undefined,
): boolean {
  if (range === undefined || field['source-id'] !== predicate.fieldId) return true
  if (predicate.transform !== undefined) {
    return predicate.transform !== field.transform || rangeMightMatch(predicate, type, range)
  }
  const projected = projectTransform(field.transform, sourceType, predicate)
  return projected === undefined || rangeMightMatch(projected, type, range)
}

/** Undefined when nothing is known: some writers leave summaries out. */
function rangeOfPartition(
  type: PrimitiveType,
  value: PrimitiveValue | PartitionFieldSummary | null | undefined,
): ValueRange | undefined {
  if (value === undefined) return undefined
  if (!isSummary(value)) return rangeOfValue(type, value)
  return rangeOfBounds(type, {
    lowerBound: value.lowerBound,
    upperBound: value.upperBound,
    mayHaveNull: value.containsNull,
    mayHaveNan: value.containsNan !== false,
    mayHaveValue: true,
  })
}

function isSummary(value: PrimitiveValue | PartitionFieldSummary | null): value is PartitionFieldSummary {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

/** Whether an expression might be true (or false, by `truth`) of some row, given what each predicate might be. */
function mightBe(expression: Expression, truth: boolean, test: LeafTest): boolean {
  switch (expression.type) {
    case 'always-true':
      return truth
    case 'always-false':
      return !truth
    case 'unknown':
      return true
    case 'not':
      return mightBe(expression.operand, !truth, test)
    case 'and':
    case 'or': {
      const needsAll = (expression.type === 'and') === truth
      return needsAll
        ? expression.operands.every(operand => mightBe(operand, truth, test))
        : expression.operands.some(operand => mightBe(operand, truth, test))
    }
    default:
      return test(truth ? expression : negate(expression))
  }
}

const OPPOSITES = {
  eq: 'not-eq',
  'not-eq': 'eq',
  lt: 'gte',
  gte: 'lt',
  gt: 'lte',
  lte: 'gt',
  in: 'not-in',
  'not-in': 'in',
  'is-null': 'not-null',
  'not-null': 'is-null',
  'is-nan': 'not-nan',
  'not-nan': 'is-nan',
  'starts-with': 'not-starts-with',
  'not-starts-with': 'starts-with',
} as const

/** The predicate that is true exactly where this one is false; where this one is unknown, so is that. */
function negate(predicate: ColumnPredicate): ColumnPredicate {
  return { ...predicate, type: OPPOSITES[predicate.type] } as ColumnPredicate
}
