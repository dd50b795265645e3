import { nearestName } from '../did-you-mean.ts'
import { isIngotError } from '../errors.ts'

/** What the engine said about a statement. */
export interface EngineMessage {
  /** One line that begins in lower case. */
  readonly cause: string
  readonly fix: string
  /** Where in the statement, in bytes of UTF-8 from 0; undefined where the engine does not say. */
  readonly byteOffset: number | undefined
}

/** The engine's refusal of a statement in its parts; undefined for failures that are no answer about the statement. */
export function readEngineMessage(error: unknown, statement: string): EngineMessage | undefined {
  if (!isIngotError(error, 'ENGINE_FAILED')) return undefined
  const { position, engineMessage } = error.context
  const [text = '', ...hints] = (typeof engineMessage === 'string' ? engineMessage : error.message)
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  return {
    cause: decapitalise(text.replace(/^(Scalar|Table|Aggregate) Function/, 'function')).replace(/[!.]$/, ''),
    fix: fixOf(text, hints),
    byteOffset: typeof position === 'number' ? Buffer.byteLength(statement.slice(0, position)) : undefined,
  }
}

function fixOf(text: string, hints: readonly string[]): string {
  const candidates = hints.find(hint => /^Candidate (bindings|tables)/.test(hint))
  if (candidates) return fixOfName(text, candidates)
  const near = hints.find(hint => hint.startsWith('Did you mean'))
  if (near) return decapitalise(near)
  if (text.includes('explicit type casts')) return 'cast one side to the type that the other has'
  const advice = hints.find(hint => /^(Either|Use|Please) /.test(hint))
  return advice ? decapitalise(advice) : 'change the SQL in this place'
}

/** The engine names whatever is least unlike, which is often far off: only what is near is a suggestion. */
function fixOfName(text: string, candidates: string): string {
  const names = [...candidates.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name)
  const missing = /"([^"]+)"/.exec(text)?.[1] ?? ''
  const near = nearestName(missing, names)
  return near === undefined
    ? `use a name that is there, such as ${names.join(', ')}`
    : `did you mean ${near}?`
}

const decapitalise = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)
