import { type ErrorCode, IngotError } from '../errors.ts'

/** How deep metadata files may nest: a struct in a struct takes four levels of JSON. */
export const METADATA_DEPTH_MAX = 400

/** A JSON object as parseJson gives it. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Reads the members of one JSON object strictly: what is missing or has another type is an error that names the member
 * by its path in the document.
 */
export class JsonReader {
  readonly members: JsonObject
  readonly path: string
  private readonly code: ErrorCode

  /** @param code what the error is when something is wrong */
  constructor(value: unknown, path: string, code: ErrorCode) {
    this.path = path
    this.code = code
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.wrong('', 'an object', value)
    }
    this.members = value as JsonObject
  }

  /** Whether the member is there and not null. */
  has(name: string): boolean {
    return this.members[name] !== undefined && this.members[name] !== null
  }

  /** The value of `read` when the member is there, else undefined. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.has(name) ? read(name) : undefined
  }

  string = (name: string): string => {
    const value = this.members[name]
    if (typeof value !== 'string') throw this.wrong(name, 'a string', value)
    return value
  }

  boolean = (name: string): boolean => {
    const value = this.members[name]
    if (typeof value !== 'boolean') throw this.wrong(name, 'true or false', value)
    return value
  }

  integer = (name: string): number => {
    const value = this.members[name]
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.wrong(name, 'an integer', value)
    return value
  }

  /** A 63-bit id. */
  long = (name: string): bigint => {
    const value = this.members[name]
    if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
    throw this.wrong(name, 'a 64-bit integer', value)
  }

  integers = (name: string): readonly number[] =>
    this.array(name).map((value, index) => {
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value
      throw this.wrong(`${name}[${index}]`, 'an integer', value)
    })

  strings = (name: string): readonly string[] =>
    this.array(name).map((value, index) => {
      if (typeof value === 'string') return value
      throw this.wrong(`${name}[${index}]`, 'a string', value)
    })

  object = (name: string): JsonReader => new JsonReader(this.members[name], this.pathOf(name), this.code)

  objects = (name: string): readonly JsonReader[] =>
    this.array(name).map((value, index) => new JsonReader(value, this.pathOf(`${name}[${index}]`), this.code))

  /** Text values; numbers and booleans, which some writers leave bare, become their text. */
  texts = (name: string): Readonly<Record<string, string>> => {
    const { members } = this.object(name)
    if (areTexts(members)) return members
    const texts: [string, string][] = []
    for (const [key, value] of Object.entries(members)) {
      if (typeof value === 'object') throw this.wrong(`${name}.${key}`, 'a string', value)
      texts.push([key, String(value)])
    }
    return Object.fromEntries(texts)
  }

  /** The error for a member that is not what it should be. */
  wrong(name: string, expected: string, found: unknown): IngotError {
    const where = this.pathOf(name)
    const shown = describe(found)
    return new IngotError(this.code, `${where}: expected ${expected}, found ${shown}`, {
      context: { field: where },
    })
  }

  private array(name: string): readonly unknown[] {
    const value = this.members[name]
    if (!Array.isArray(value)) throw this.wrong(name, 'an array', value)
    return value
  }

  private pathOf(name: string): string {
    if (name === '') return this.path
    return this.path === '' ? name : `${this.path}.${name}`
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function areTexts(members: JsonObject): members is Readonly<Record<string, string>> {
  return Object.values(members).every(value => typeof value === 'string')
}

/** `object` without the members whose value is undefined. */
export function withoutUndefined<T extends object>(object: { readonly [K in keyof T]: T[K] | undefined }): T {
  if (!Object.values(object).includes(undefined)) return object as T
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}
