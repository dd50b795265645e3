import type { PrimitiveValue } from './manifest-types.ts'
import type { PrimitiveType } from './types.ts'
import { compareValues } from './values.ts'

/**
 * A condition on one value. What compares with null is neither true nor false, as in SQL; NaN is the greatest number.
 * `starts-with` takes texts alone.
 */
export type ValuePredicate =
  | { readonly type: Comparison | 'not-eq'; readonly value: PrimitiveValue }
  | { readonly type: 'starts-with' | 'not-starts-with'; readonly value: string }
  | { readonly type: 'in' | 'not-in'; readonly values: readonly PrimitiveValue[] }
  | { readonly type: 'is-null' }
  | { readonly type: 'not-null' }
  | { readonly type: 'is-nan' }
  | { readonly type: 'not-nan' }

/** How a value is compared with another. */
export type Comparison = 'eq' | 'lt' | 'lte' | 'gt' | 'gte'

/** Whether a predicate is true of a value. */
export function isTrueOf(
  predicate: ValuePredicate,
  type: PrimitiveType,
  value: PrimitiveValue | null,
): boolean {
  if (value === null) return predicate.type === 'is-null' || predicate.type === 'not-nan'
  switch (predicate.type) {
    case 'is-null':
      return false
    case 'not-null':
      return true
    case 'is-nan':
      return Number.isNaN(value)
    case 'not-nan':
      return !Number.isNaN(value)
    case 'in':
      return predicate.values.some(each => compareValues(type, value, each) === 0)
    case 'not-in':
      return predicate.values.every(each => compareValues(type, value, each) !== 0)
    case 'starts-with':
      return String(value).startsWith(predicate.value)
    case 'not-starts-with':
      return !String(value).startsWith(predicate.value)
    default:
      return isOrderedAs(predicate.type, compareValues(type, value, predicate.value))
  }
}

function isOrderedAs(comparison: Comparison | 'not-eq', order: number): boolean {
  switch (comparison) {
    case 'eq':
      return order === 0
    case 'not-eq':
      return order !== 0
    case 'lt':
      return order < 0
    case 'lte':
      return order <= 0
    case 'gt':
      return order > 0
    case 'gte':
      return order >= 0
  }
}
