import { decodeValue } from './bounds.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import type { Comparison, ValuePredicate } from './predicate.ts'
import type { PrimitiveType } from './types.ts'
import { type Comparable, comparableOf, compareComparable } from './values.ts'

/** What is known of the values of a column: where they lie, and which special ones there may be. */
export interface ValueRange {
  /** Nothing but NaN and null is outside; undefined: no limit. */
  readonly lower: Comparable | undefined
  readonly upper: Comparable | undefined
  readonly mayHaveNull: boolean
  readonly mayHaveNan: boolean
  /** Some value that is not null. */
  readonly mayHaveValue: boolean
}

/** Bounds as single-value binary, and what else is known. */
export interface BoundedValues {
  readonly lowerBound: Uint8Array | undefined
  readonly upperBound: Uint8Array | undefined
  readonly mayHaveNull: boolean
  readonly mayHaveNan: boolean
  readonly mayHaveValue: boolean
}

/** The range that stored bounds give. Bounds that are no values of the type, or the wrong way round, are no bounds. */
export function rangeOfBounds(type: PrimitiveType, values: BoundedValues): ValueRange {
  const lower = comparableBound(type, values.lowerBound)
  const upper = comparableBound(type, values.upperBound)
  const isReversed = lower !== undefined && upper !== undefined && compareComparable(lower, upper) > 0
  const isFloating = type === 'float' || type === 'double'
  return {
    lower: isReversed ? undefined : lower,
    upper: isReversed ? undefined : upper,
    mayHaveNull: values.mayHaveNull,
    mayHaveNan: isFloating && values.mayHaveNan,
    mayHaveValue: values.mayHaveValue,
  }
}

function comparableBound(type: PrimitiveType, bound: Uint8Array | undefined): Comparable | undefined {
  if (bound === undefined) return undefined
  // Its bytes are compared as they are: a bound that was cut inside a character is no valid text.
  if (type === 'string' || type === 'binary' || type.startsWith('fixed')) return bound
  try {
    const value = decodeValue(type, bound)
    return Number.isNaN(value) ? undefined : comparableOf(type, value)
  } catch {
    // Bounds only save work: one that cannot be read saves none.
    return undefined
  }
}

/** The range of one known value. */
export function rangeOfValue(type: PrimitiveType, value: PrimitiveValue | null): ValueRange {
  const isNan = Number.isNaN(value)
  const point = value === null || isNan ? undefined : comparableOf(type, value)
  return {
    lower: point,
    upper: point,
    mayHaveNull: value === null,
    mayHaveNan: isNan,
    mayHaveValue: value !== null,
  }
}

/** Whether a value of the range might fulfil the predicate. False is certain. */
export function rangeMightMatch(predicate: ValuePredicate, type: PrimitiveType, range: ValueRange): boolean {
  if (predicate.type === 'is-null') return range.mayHaveNull
  if (!range.mayHaveValue) return false
  switch (predicate.type) {
    case 'not-null':
    case 'not-eq':
    case 'not-in':
      return true
    case 'in':
      return predicate.values.some(value => rangeMightHave(range, 'eq', type, value))
    default:
      return rangeMightHave(range, predicate.type, type, predicate.value)
  }
}

function rangeMightHave(
  range: ValueRange,
  comparison: Comparison,
  type: PrimitiveType,
  value: PrimitiveValue,
): boolean {
  // NaN is above all numbers: only what is below something certainly leaves it out.
  if (Number.isNaN(value)) return true
  const comparable = comparableOf(type, value)
  const toLower = range.lower === undefined ? undefined : compareComparable(comparable, range.lower)
  const toUpper = range.upper === undefined ? undefined : compareComparable(comparable, range.upper)
  switch (comparison) {
    case 'eq':
      return !(toLower !== undefined && toLower < 0) && !(toUpper !== undefined && toUpper > 0)
    case 'lt':
      return toLower === undefined || toLower > 0
    case 'lte':
      return toLower === undefined || toLower >= 0
    case 'gt':
      return range.mayHaveNan || toUpper === undefined || toUpper < 0
    case 'gte':
      return range.mayHaveNan || toUpper === undefined || toUpper <= 0
  }
}
