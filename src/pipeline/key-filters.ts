import type { Expression } from '../format/expression.ts'
import { currentSchema } from '../format/schema.ts'
import type { EngineSession } from '../table/engine.ts'
import { filterFromKeys } from '../table/key-filter.ts'
import type { InputState } from './input-changes.ts'
import { KEYS_RELATION, type KeyRange, keyColumnName } from './query-analysis.ts'

/** What the touched keys of a session tell of the rows of `input` that a recomputation needs; undefined: nothing. */
export async function filterInput(
  session: EngineSession,
  input: InputState,
  ranges: readonly KeyRange[],
): Promise<Expression | undefined> {
  const { fields } = currentSchema(input.metadata)
  const sources = ranges.flatMap(({ column, keyIndex, width, ...range }) => {
    const field = range.input === input.input ? fields.find(({ name }) => name === column) : undefined
    const isCut = width !== undefined
    const isTime = field?.type === 'date' || field?.type === 'timestamp' || field?.type === 'timestamptz'
    return field === undefined || (isCut && !isTime) ? [] : [{ field, key: keyColumnName(keyIndex), width }]
  })
  return sources.length === 0 ? undefined : await filterFromKeys(session, KEYS_RELATION, sources)
}
