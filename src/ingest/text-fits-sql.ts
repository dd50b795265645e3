import { isPrimitive, type PrimitiveType, type Type } from '../format/types.ts'
import { quoteLiteral } from '../sql-text.ts'

/**
 * SQL for whether a text is a value of a type, spelled as createPrimitiveCheck wants it of JSON and CSV. The engine's own casts
 * would round `12.505`, read `1e400` as infinity and forget the offset of a time. Nested types and bytes are never taken from text.
 *
 * @param text SQL of the text
 * @param cast SQL of the text as the type, null where the engine cannot read it
 */
export function textFitsSql(text: string, cast: string, type: Type): string {
  const pattern = isPrimitive(type) ? patternOf(type) : undefined
  if (pattern === undefined) return 'false'
  const isRead = type === 'float' || type === 'double' ? `isfinite(${cast})` : `${cast} IS NOT NULL`
  return `(regexp_full_match(${text}, ${quoteLiteral(pattern)}) AND ${isRead})`
}

const INTEGER = '-?(0|[1-9][0-9]*)'
const NUMBER = `${INTEGER}([.][0-9]+)?([eE][-+]?[0-9]+)?`
const DATE = '[0-9]{4}-[0-9]{2}-[0-9]{2}'
const TIME = '[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6}0*)?'

const PATTERNS: Readonly<Record<string, string>> = {
  string: '(?s).*',
  boolean: '(?i)true|false',
  int: `${INTEGER}([.]0+)?`,
  long: `${INTEGER}([.]0+)?`,
  float: NUMBER,
  double: NUMBER,
  date: DATE,
  time: TIME,
  timestamp: `${DATE}([T ]${TIME}(Z|[-+]00(:00)?)?)?`,
  timestamptz: `${DATE}([T ]${TIME}(Z|[-+][0-9]{2}(:[0-9]{2})?)?)?`,
  uuid: '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
}

/** Undefined for a type that no text holds. */
function patternOf(type: PrimitiveType): string | undefined {
  if (!type.startsWith('decimal(')) return PATTERNS[type]
  const scale = Number(type.match(/\d+/g)?.[1] ?? 0)
  return scale === 0 ? `${INTEGER}([.]0+)?` : `${INTEGER}([.][0-9]{1,${scale}}0*)?`
}
