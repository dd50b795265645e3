import { nearestName } from '../did-you-mean.ts'
import type { OptionMistake, SqlFragment } from './declaration.ts'
import { isSqlFragment } from './sql.ts'

/**
 * Reads the options of one call. Projects are bundled without a type check, so every value is looked at; mistakes are
 * collected rather than thrown, for all of a project to be shown at once.
 */
export class OptionReader {
  readonly mistakes: OptionMistake[]
  readonly #owner: string
  readonly #values: Readonly<Record<string, unknown>>
  readonly #known: string[] = []

  constructor(owner: string, values: unknown, mistakes: OptionMistake[] = []) {
    this.#owner = owner
    this.mistakes = mistakes
    const isObject = typeof values === 'object' && values !== null
    this.#values = isObject ? (values as Readonly<Record<string, unknown>>) : {}
    if (!isObject) this.fault(`the options of ${owner} are not an object`, 'give the options as { … }')
  }

  fault(cause: string, fix: string): undefined {
    this.mistakes.push({ cause, fix })
    return undefined
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined
  }

  raw(name: string): unknown {
    this.#known.push(name)
    return this.#values[name]
  }

  text(name: string): string | undefined {
    const value = this.raw(name)
    if (value === undefined || typeof value === 'string') return value
    return this.#wrongKind(name, 'a text')
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw(name)
    if (value === undefined || typeof value === 'boolean') return value
    return this.#wrongKind(name, 'true or false')
  }

  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isSqlFragment(value)) {
      return value as Readonly<Record<string, unknown>>
    }
    return this.#wrongKind(name, 'an object')
  }

  oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    const choice = choices.find(candidate => candidate === value)
    return choice ?? this.#wrongKind(name, `one of ${choices.map(text => `'${text}'`).join(', ')}`)
  }

  /** One text or a list of texts, as a list. */
  texts(name: string): readonly string[] {
    const value = this.raw(name)
    if (value === undefined) return []
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (list.every(item => typeof item === 'string')) return Object.freeze([...(list as readonly string[])])
    this.#wrongKind(name, 'a list of texts')
    return []
  }

  fragment(name: string): SqlFragment | undefined {
    const value = this.raw(name)
    if (value === undefined || isSqlFragment(value)) return value
    return this.#wrongKind(name, 'SQL', `write it with the tag: ${name}: sql\`…\``)
  }

  /** Reports the options that nothing has asked for; called last. */
  finish(): void {
    for (const name of Object.keys(this.#values)) {
      if (this.#known.includes(name)) continue
      const near = nearestName(name, this.#known)
      this.fault(
        `${this.#owner} has no option ${name}`,
        near ? `did you mean ${near}?` : `the options are ${this.#known.join(', ')}`,
      )
    }
  }

  #wrongKind(name: string, kind: string, fix = `give ${kind}, or leave it out`): undefined {
    return this.fault(`the option ${name} of ${this.#owner} is not ${kind}`, fix)
  }
}
