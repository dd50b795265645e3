import type { PrimitiveValue } from './manifest-types.ts'

/** A condition on one value. Comparisons with null are neither true nor false, as in SQL; NaN is the greatest number. */
export type ValuePredicate =
  | { readonly type: Comparison | 'not-eq'; readonly value: PrimitiveValue }
  | { readonly type: 'in' | 'not-in'; readonly values: readonly PrimitiveValue[] }
  | { readonly type: 'is-null' }
  | { readonly type: 'not-null' }

/** How a value is compared with another. */
export type Comparison = 'eq' | 'lt' | 'lte' | 'gt' | 'gte'
