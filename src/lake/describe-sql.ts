import type { EngineSession } from '../table/engine.ts'
import { readEngineMessage } from './engine-message.ts'

/** The columns that a SELECT gives, or why it is refused. */
export type Described =
  | { readonly columns: readonly (readonly [name: string, type: string])[] }
  | { readonly cause: string; readonly fix: string; readonly byteOffset: number | undefined }

/** Describes `before + text + after`; a refusal's place is in `text`, or undefined when it lies outside. */
export async function describe(
  session: EngineSession,
  before: string,
  text: string,
  after: string,
): Promise<Described> {
  const statement = `${before}${text}${after}`
  try {
    const result = await session.query(statement)
    return { columns: result.rows.map(([name, type]) => [String(name), String(type)]) }
  } catch (error) {
    const message = readEngineMessage(error, statement)
    if (!message) throw error
    const offset = (message.byteOffset ?? -1) - Buffer.byteLength(before)
    const isInside = offset >= 0 && offset <= Buffer.byteLength(text)
    return { ...message, byteOffset: isInside ? offset : undefined }
  }
}
