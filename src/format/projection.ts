import type { PrimitiveValue } from './manifest-types.ts'
import type { Comparison, ValuePredicate } from './predicate.ts'
import { applyTransform } from './transforms.ts'
import { isFloating, type PrimitiveType, type Transform } from './types.ts'

const NOT_NULL: ValuePredicate = { type: 'not-null' }

/**
 * The inclusive projection of a predicate on a column to one on its partition values (Iceberg spec, "Scan Planning"): where
 * the predicate is true of a value, the projection is true of what the transform yields from it. Undefined: no condition.
 */
export function projectTransform(
  transform: Transform,
  sourceType: PrimitiveType,
  predicate: ValuePredicate,
): ValuePredicate | undefined {
  if (transform === 'void') return undefined
  if (transform === 'identity' || predicate.type === 'is-null') return predicate
  const project = (value: PrimitiveValue): readonly PrimitiveValue[] =>
    partitionsOf(transform, sourceType, value)
  switch (predicate.type) {
    // Columns of numbers that may be NaN are partitioned as they are.
    case 'is-nan':
    case 'not-nan':
      return undefined
    // Other transforms yield null from null alone.
    case 'not-null':
    case 'not-eq':
    case 'not-in':
      return NOT_NULL
    case 'starts-with':
    case 'not-starts-with':
      return projectPrefix(transform, predicate)
    case 'eq':
      return { type: 'in', values: project(predicate.value) }
    case 'in':
      return { type: 'in', values: predicate.values.flatMap(project) }
    default:
      return isMonotonic(transform)
        ? projectComparison(predicate.type, project(nearest(predicate.type, sourceType, predicate.value)))
        : NOT_NULL
  }
}

/** What is first to be on the right side of a comparison: below 5 is what is at most 4, where there are steps. */
function nearest(
  comparison: Exclude<Comparison, 'eq'>,
  sourceType: PrimitiveType,
  value: PrimitiveValue,
): PrimitiveValue {
  const step = comparison === 'lt' ? -1 : comparison === 'gt' ? 1 : 0
  if (typeof value === 'bigint') return value + BigInt(step)
  return typeof value === 'number' && !isFloating(sourceType) ? value + step : value
}

/** Only what is cut off at the end keeps the beginning. */
function projectPrefix(
  transform: Transform,
  predicate: Extract<ValuePredicate, { readonly type: 'starts-with' | 'not-starts-with' }>,
): ValuePredicate {
  const width = Number(/^truncate\[(\d+)\]$/.exec(transform)?.[1] ?? 0)
  const points = [...predicate.value]
  if (points.length < width) return predicate
  if (points.length > width && predicate.type === 'not-starts-with') return NOT_NULL
  if (width === 0) return NOT_NULL
  return { type: predicate.type === 'starts-with' ? 'eq' : 'not-eq', value: points.slice(0, width).join('') }
}

/** The transform keeps the order of values, but may make different ones equal. */
function isMonotonic(transform: Transform): boolean {
  return !transform.startsWith('bucket')
}

function projectComparison(
  comparison: Exclude<Comparison, 'eq'>,
  values: readonly PrimitiveValue[],
): ValuePredicate {
  const isUpward = comparison === 'gt' || comparison === 'gte'
  const value = isUpward ? values[0] : values.at(-1)
  return value === undefined ? NOT_NULL : { type: isUpward ? 'gte' : 'lte', value }
}

/**
 * The partition values, in order, under which a value may have been written. Early versions of Iceberg rounded times before
 * 1970 up, not down: files of theirs are one partition too high.
 */
function partitionsOf(
  transform: Transform,
  sourceType: PrimitiveType,
  value: PrimitiveValue,
): readonly PrimitiveValue[] {
  const applied = applyTransform(transform, sourceType, value)
  if (applied === null) return []
  const isTime = transform === 'year' || transform === 'month' || transform === 'day' || transform === 'hour'
  return isTime && typeof applied === 'number' && applied < 0 ? [applied, applied + 1] : [applied]
}
