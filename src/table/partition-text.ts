import type { PrimitiveValue } from '../format/manifest-types.ts'
import type { PrimitiveType } from '../format/types.ts'

/** Reads the text that `partitionTextSql` makes; `type` is the result type of the transform. */
export function parsePartitionText(type: PrimitiveType, text: string): PrimitiveValue {
  if (type === 'boolean') return text === 'true'
  if (type === 'int' || type === 'date') return Number(text)
  if (type === 'long' || type === 'time' || type === 'timestamp' || type === 'timestamptz')
    return BigInt(text)
  if (type === 'float' || type === 'double') return parseFloating(text)
  if (type.startsWith('decimal(')) return BigInt(text)
  if (type === 'binary' || type.startsWith('fixed[')) return Buffer.from(text, 'hex')
  return text
}

function parseFloating(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === '-inf') return Number.NEGATIVE_INFINITY
  return text === 'nan' ? Number.NaN : Number(text)
}
