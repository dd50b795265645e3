import type { Expression } from '../format/expression.ts'
import type { PrimitiveValue } from '../format/manifest-types.ts'
import type { ValuePredicate } from '../format/predicate.ts'
import { valueFromJson } from '../format/single-value-json.ts'
import { isFloating, type PrimitiveType } from '../format/types.ts'
import type { ScanFilter } from '../table/scan-filter.ts'
import type { ScanFields } from './scan-planning-fields.ts'
import {
  type ColumnOperand,
  dataTypeOf,
  type FilterPlace,
  invalidAt,
  isKnownType,
  type Operand,
  parseOperand,
  parseTerm,
  requireOnly,
  shown,
  typedObject,
} from './scan-planning-operands.ts'

/** Predicates and constants together: each may be compared with each of very many files. */
const PARTS_MAX = 10_000

/** The tests of one value, and the comparisons, by how the specification calls them. */
const TESTS = ['is-null', 'not-null', 'is-nan', 'not-nan'] as const
const COMPARISONS = {
  lt: 'lt',
  'lt-eq': 'lte',
  gt: 'gt',
  'gt-eq': 'gte',
  eq: 'eq',
  'not-eq': 'not-eq',
  'starts-with': 'starts-with',
  'not-starts-with': 'not-starts-with',
} as const
const SETS = ['in', 'not-in'] as const
type Comparing = (typeof COMPARISONS)[keyof typeof COMPARISONS]

/** What a comparison is with its sides the other way round. */
const MIRRORED: Readonly<Partial<Record<Comparing, Comparing>>> = {
  lt: 'gt',
  gt: 'lt',
  lte: 'gte',
  gte: 'lte',
  eq: 'eq',
  'not-eq': 'not-eq',
}

const UNKNOWN: Expression = { type: 'unknown' }
const INT_LIMIT = 2 ** 31

/**
 * Reads a filter (Iceberg REST spec, Predicate; "Expressions Spec", Appendix B), in the newer form and in the one with terms.
 * @throws REQUEST_INVALID naming the place
 */
export function parseFilter(json: unknown, fields: ScanFields): ScanFilter {
  return new FilterParser(fields).predicate(json, 'filter')
}

class FilterParser {
  readonly #fields: ScanFields
  #parts = 0

  constructor(fields: ScanFields) {
    this.#fields = fields
  }

  readonly predicate = (json: unknown, path: string): ScanFilter => {
    this.#count(1)
    if (typeof json === 'boolean') return { type: 'constant', value: json }
    const members = typedObject(json, path)
    const { type } = members
    switch (type) {
      case 'true':
      case 'false':
        requireOnly(members, [], path)
        return { type: 'constant', value: type === 'true' }
      case 'literal':
        // As Java writes it.
        if (typeof members.value !== 'boolean') throw invalidAt(`${path}.value`, 'expected true or false')
        return { type: 'constant', value: members.value }
      case 'not':
        requireOnly(members, ['child'], path)
        return { type, child: this.predicate(members.child, `${path}.child`) }
      case 'and':
      case 'or':
        requireOnly(members, ['left', 'right'], path)
        return {
          type,
          left: this.predicate(members.left, `${path}.left`),
          right: this.predicate(members.right, `${path}.right`),
        }
    }
    return { type: 'predicate', json, ...this.#outcomes(members, path) }
  }

  #outcomes(members: Members, path: string): Outcomes {
    const { type } = members
    const test = TESTS.find(each => each === type)
    if (test !== undefined) {
      requireOnly(members, ['child', 'term'], path)
      return testOf(test, this.#tested(members, path), path)
    }
    if (Object.hasOwn(COMPARISONS, type)) {
      return this.#comparison(COMPARISONS[type as keyof typeof COMPARISONS], members, path)
    }
    const set = SETS.find(each => each === type)
    if (set === undefined) throw invalidAt(`${path}.type`, `there is no predicate ${shown(type)}`)
    requireOnly(members, ['child', 'term', 'values'], path)
    return this.#set(set, members, path)
  }

  #comparison(comparison: Comparing, members: Members, path: string): Outcomes {
    if (members.term !== undefined) {
      requireOnly(members, ['term', 'value'], path)
      const constant = parseOperand(members.value, this.#place(`${path}.value`))
      return this.#compare(comparison, parseTerm(members.term, this.#place(`${path}.term`)), constant, path)
    }
    requireOnly(members, ['left', 'right'], path)
    const left = parseOperand(members.left, this.#place(`${path}.left`))
    const right = parseOperand(members.right, this.#place(`${path}.right`))
    if (left.kind !== 'constant') return this.#compare(comparison, left, right, path)
    const mirrored = MIRRORED[comparison]
    if (mirrored === undefined)
      throw invalidAt(`${path}.left`, `expected a column, found ${shown(left.json)}`)
    return this.#compare(mirrored, right, left, path)
  }

  #compare(comparison: Comparing, operand: Operand, other: Operand, path: string): Outcomes {
    if (other.kind !== 'constant') return undecided
    if (other.json === null || other.json === undefined) throw invalidAt(path, 'it compares with nothing')
    if (operand.kind !== 'column') return undecided
    const value = this.#value(operand, other, path)
    if (value === undefined) return undecided
    if (comparison === 'starts-with' || comparison === 'not-starts-with') {
      if (typeof value !== 'string' || operand.type !== 'string')
        throw invalidAt(path, 'only texts begin with a text')
      return outcomesOf({ type: comparison, value }, operand)
    }
    return outcomesOf({ type: comparison, value }, operand)
  }

  #set(set: (typeof SETS)[number], members: Members, path: string): Outcomes {
    const operand = this.#tested(members, path)
    const { list, dataType } = valuesOf(members.values, `${path}.values`)
    this.#count(list.length)
    const values = list.map((json, index) => {
      const place = `${path}.values[${index}]`
      const constant = parseOperand(json, this.#place(place))
      if (constant.kind !== 'constant' || constant.json === null) {
        throw invalidAt(place, `expected a constant, found ${shown(json)}`)
      }
      if (operand.kind !== 'column') return undefined
      return this.#value(operand, { ...constant, dataType: constant.dataType ?? dataType }, place)
    })
    if (operand.kind !== 'column' || !values.every(value => value !== undefined)) return undecided
    return outcomesOf({ type: set, values }, operand)
  }

  #tested(members: Members, path: string): Operand {
    const { child, term } = members
    if (child !== undefined && term !== undefined)
      throw invalidAt(`${path}.term`, 'child says the same already')
    return child === undefined
      ? parseTerm(term, this.#place(`${path}.term`))
      : parseOperand(child, this.#place(`${path}.child`))
  }

  /** Undefined for a value that is not known here, though there may be such. */
  #value(
    { type, located }: ColumnOperand,
    { json, dataType }: Extract<Operand, { readonly kind: 'constant' }>,
    path: string,
  ): PrimitiveValue | undefined {
    if (typeof type !== 'string')
      throw invalidAt(path, `${located.path.join('.')} has parts, it is compared with no value`)
    if (!isKnownType(type)) return undefined
    const value = isComparable(type, dataType) ? valueFromJson(type, json) : undefined
    if (value === undefined) {
      throw invalidAt(
        path,
        `${shown(json)} is no value for ${located.path.join('.')}, which is of type ${type}`,
      )
    }
    return type === 'int' && (Number(value) >= INT_LIMIT || Number(value) < -INT_LIMIT) ? undefined : value
  }

  #place(path: string): FilterPlace {
    return { fields: this.#fields, path, readPredicate: this.predicate }
  }

  #count(parts: number): void {
    this.#parts += parts
    if (this.#parts <= PARTS_MAX) return
    throw invalidAt(
      'filter',
      `it has more than ${PARTS_MAX} predicates and values`,
      'plan such a scan in the engine',
    )
  }
}

type Members = ReturnType<typeof typedObject>

/** When a predicate is true, and when it is false. */
interface Outcomes {
  readonly whenTrue: Expression
  readonly whenFalse: Expression
}

const undecided: Outcomes = { whenTrue: UNKNOWN, whenFalse: UNKNOWN }

function testOf(test: (typeof TESTS)[number], operand: Operand, path: string): Outcomes {
  if (operand.kind === 'constant')
    throw invalidAt(path, `${test} asks of a column, not of ${shown(operand.json)}`)
  if (operand.kind === 'other') return undecided
  const { located, type } = operand
  const isNanTest = test === 'is-nan' || test === 'not-nan'
  if (isNanTest && !(isKnownType(type) && isFloating(type))) {
    throw invalidAt(path, `${located.path.join('.')} is of a type without NaN`)
  }
  // A transform yields null from null alone.
  const whenTrue: Expression = { type: test, fieldId: located.field.id }
  return { whenTrue, whenFalse: { type: 'not', operand: whenTrue } }
}

/** What compares with null is false, and so is what compares with NaN but for `not-eq` and `not-in`. */
function outcomesOf(predicate: ValuePredicate, { located, transform, type }: ColumnOperand): Outcomes {
  const fieldId = located.field.id
  const itself: Expression = { ...predicate, fieldId, ...(transform && { transform }) }
  const opposite: Expression = { type: 'not', operand: itself }
  const isNull: Expression = { type: 'is-null', fieldId }
  if (predicate.type.startsWith('not-')) {
    return { whenTrue: { type: 'or', operands: [itself, isNull] }, whenFalse: opposite }
  }
  const isNan: readonly Expression[] =
    isKnownType(type) && isFloating(type) ? [{ type: 'is-nan', fieldId }] : []
  return { whenTrue: itself, whenFalse: { type: 'or', operands: [opposite, isNull, ...isNan] } }
}

function valuesOf(
  json: unknown,
  path: string,
): { readonly list: readonly unknown[]; readonly dataType?: string } {
  if (Array.isArray(json)) return { list: json }
  const members = typedObject(json, path)
  requireOnly(members, ['values', 'data-type'], path)
  if (members.type !== 'literals')
    throw invalidAt(`${path}.type`, `expected literals, found ${shown(members.type)}`)
  if (!Array.isArray(members.values))
    throw invalidAt(`${path}.values`, `expected a list, found ${shown(members.values)}`)
  const dataType = dataTypeOf(members['data-type'], path)
  return { list: members.values, ...(dataType !== undefined && { dataType }) }
}

/** Types whose values are written alike, and mean the same. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^(int|long)$/, 'integer'],
  [/^(float|double)$/, 'floating'],
  [/^decimal\(/, 'decimal'],
  [/^(binary|fixed\[\d+\])$/, 'bytes'],
]

/** Whether a constant of a type can be compared with a column of another, or says no type. */
function isComparable(type: PrimitiveType, dataType: string | undefined): boolean {
  return dataType === undefined || familyOf(type) === familyOf(dataType)
}

function familyOf(type: string): string {
  return FAMILIES.find(([pattern]) => pattern.test(type))?.[1] ?? type
}
