import { type Expression, mightMatchPartition } from '../format/expression.ts'
import type { DataFile } from '../format/manifest-types.ts'
import type { PartitionSpec, StructType } from '../format/types.ts'

/**
 * The filter of a scan as whoever scans wrote it. It is true of a row or false of it, as in Iceberg's "Expressions Spec": there is no
 * third, and what compares with null is false.
 */
export type ScanFilter =
  | { readonly type: 'constant'; readonly value: boolean }
  | { readonly type: 'and' | 'or'; readonly left: ScanFilter; readonly right: ScanFilter }
  | { readonly type: 'not'; readonly child: ScanFilter }
  | ScanPredicate

/** A condition on one row. */
interface ScanPredicate {
  readonly type: 'predicate'
  /** As it was written, for those who evaluate it. */
  readonly json: unknown
  /** True of the rows of which the predicate is true. */
  readonly whenTrue: Expression
  /** True of the rows of which it is false. */
  readonly whenFalse: Expression
}

/** The filter for leaving out files. */
export function expressionOf(filter: ScanFilter, truth = true): Expression {
  switch (filter.type) {
    case 'constant':
      return { type: filter.value === truth ? 'always-true' : 'always-false' }
    case 'not':
      return expressionOf(filter.child, !truth)
    case 'predicate':
      return truth ? filter.whenTrue : filter.whenFalse
    default: {
      const operands = [expressionOf(filter.left, truth), expressionOf(filter.right, truth)]
      return { type: (filter.type === 'and') === truth ? 'and' : 'or', operands }
    }
  }
}

/**
 * What is left of a filter to ask of the rows of a file, once its partition has answered what it can; a constant when that is
 * everything.
 */
export function residualOf(
  filter: ScanFilter,
  spec: PartitionSpec,
  schemas: readonly StructType[],
  { partition }: Pick<DataFile, 'partition'>,
): ScanFilter {
  const might = (expression: Expression): boolean => mightMatchPartition(expression, spec, schemas, partition)
  const reduce = (part: ScanFilter): ScanFilter => {
    switch (part.type) {
      case 'constant':
        return part
      case 'not': {
        const child = reduce(part.child)
        return child.type === 'constant' ? { type: 'constant', value: !child.value } : { type: 'not', child }
      }
      case 'predicate':
        if (!might(part.whenTrue)) return { type: 'constant', value: false }
        return might(part.whenFalse) ? part : { type: 'constant', value: true }
      default:
        return joined(part.type, reduce(part.left), reduce(part.right))
    }
  }
  return reduce(filter)
}

/** A constant decides, or leaves it to the other. */
function joined(type: 'and' | 'or', left: ScanFilter, right: ScanFilter): ScanFilter {
  const decisive = type === 'or'
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (one.type === 'constant') return one.value === decisive ? one : other
  }
  return { type, left, right }
}

/** A filter as JSON (Iceberg REST spec, Predicate), its predicates as they were written. */
export function filterToJson(filter: ScanFilter): unknown {
  switch (filter.type) {
    case 'constant':
      return filter.value
    case 'predicate':
      return filter.json
    case 'not':
      return { type: 'not', child: filterToJson(filter.child) }
    default:
      return { type: filter.type, left: filterToJson(filter.left), right: filterToJson(filter.right) }
  }
}
