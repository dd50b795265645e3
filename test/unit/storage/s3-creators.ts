import { isIngotError } from '../../../src/errors.ts'
import { type Random, randomFraction } from '../../../src/random.ts'
import type { FileIO } from '../../../src/storage/file-io.ts'

/** One of those who try to create a file, and what came of it. */
interface Attempt {
  readonly content: string
  readonly outcome: 'created' | 'exists' | 'failed'
}

/** A file with all attempts to create it. */
export interface CreatedFile {
  readonly location: string
  readonly attempts: readonly Attempt[]
}

const CREATORS_MAX = 3
const CONTENT_CHARACTERS_MAX = 4000

/** Some creators with different bytes race for a file. Any outcome but these three is thrown. */
export async function raceToCreate(io: FileIO, location: string, random: Random): Promise<CreatedFile> {
  const contents = Array.from({ length: 1 + below(random, CREATORS_MAX) }, (_, index) =>
    `${location} by ${index}. `
      .repeat(CONTENT_CHARACTERS_MAX)
      .slice(0, below(random, CONTENT_CHARACTERS_MAX)),
  )
  const attempts = await Promise.all(
    contents.map(async content => ({ content, outcome: await create(io, location, content) })),
  )
  return { location, attempts }
}

async function create(io: FileIO, location: string, content: string): Promise<Attempt['outcome']> {
  try {
    await io.create(location, Buffer.from(content))
    return 'created'
  } catch (error) {
    if (isIngotError(error, 'FILE_EXISTS')) return 'exists'
    if (isIngotError(error, 'STORAGE_FAILED') && error.retryable) return 'failed'
    throw error
  }
}

/**
 * How the outcomes contradict what is stored in the end (undefined: nothing is). Contents are told apart by their text, and one
 * creator may have the text of another: both are empty.
 */
export function contradictions(
  { location, attempts }: CreatedFile,
  stored: string | undefined,
): readonly string[] {
  const created = attempts.filter(({ outcome }) => outcome === 'created')
  const [winner] = created
  const found: string[] = []
  if (created.length > 1) found.push(`${created.length} created ${location}`)
  if (winner !== undefined && stored === undefined) found.push(`${location} was created and is lost`)
  if (winner !== undefined && stored !== undefined && stored !== winner.content) {
    found.push(`${location} was created with other bytes`)
  }
  if (stored !== undefined && !attempts.some(({ content }) => content === stored)) {
    found.push(`${location} is not what anybody wrote: ${stored.length} characters`)
  }
  const mayBeAnothers = (loser: Attempt): boolean =>
    attempts.some(other => other !== loser && other.outcome !== 'exists' && other.content === stored)
  for (const loser of attempts) {
    if (loser.outcome === 'exists' && !mayBeAnothers(loser))
      found.push(`${location} exists for its own creator`)
  }
  return found
}

/** A whole number from 0 to below `limit`. */
function below(random: Random, limit: number): number {
  return Math.floor(randomFraction(random) * limit)
}
