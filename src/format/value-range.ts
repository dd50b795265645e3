import { decodeValue } from './bounds.ts'
import type { PrimitiveValue } from './manifest-types.ts'
import { type Comparison, isTrueOf, type ValuePredicate } from './predicate.ts'
import { isFloating, type PrimitiveType } from './types.ts'
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
  /** The one value that there is; absent when it is not known. */
  readonly only?: PrimitiveValue | null
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
  return {
    lower: isReversed ? undefined : lower,
    upper: isReversed ? undefined : upper,
    mayHaveNull: values.mayHaveNull,
    mayHaveNan: isFloating(type) && values.mayHaveNan,
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
    only: value,
  }
}

/** Whether a value of the range might fulfil the predicate. False is certain. */
export function rangeMightMatch(predicate: ValuePredicate, type: PrimitiveType, range: ValueRange): boolean {
  if (range.only !== undefined) return isTrueOf(predicate, type, range.only)
  if (predicate.type === 'is-null') return range.mayHaveNull
  if (predicate.type === 'not-nan') return range.mayHaveNull || range.mayHaveValue
  if (!range.mayHaveValue) return false
  switch (predicate.type) {
    case 'not-null':
    case 'not-eq':
    case 'not-in':
      return true
    case 'is-nan':
      return range.mayHaveNan
    case 'in':
      return predicate.values.some(value => rangeMightHave(range, 'eq', type, value))
    case 'starts-with':
      return prefixesOf(range, predicate.value).every(({ order, end }) =>
        end === 'lower' ? order <= 0 : order >= 0,
      )
    case 'not-starts-with': {
      // All that is between two texts with a prefix has it, too.
      const prefixes = prefixesOf(range, predicate.value)
      return prefixes.length < 2 || prefixes.some(({ order }) => order !== 0)
    }
    default:
      return rangeMightHave(range, predicate.type, type, predicate.value)
  }
}

/** How the beginnings of the bounds compare with a text of their length. */
function prefixesOf(
  range: ValueRange,
  text: string,
): readonly { readonly end: 'lower' | 'upper'; readonly order: number }[] {
  const prefix = Buffer.from(text, 'utf8')
  return (['lower', 'upper'] as const).flatMap(end => {
    const bound = range[end]
    if (!(bound instanceof Uint8Array)) return []
    return [{ end, order: Buffer.compare(bound.subarray(0, prefix.length), prefix) }]
  })
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
