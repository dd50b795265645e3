import { IngotError } from '../errors.ts'

/** Where what lies below one root lies below another: the path between stays. */
export class Relocation {
  readonly from: string
  readonly to: string

  /** Roots are URIs, with or without a slash at their end. */
  constructor(roots: { readonly from: string; readonly to: string }) {
    this.from = withoutSlash(roots.from)
    this.to = withoutSlash(roots.to)
  }

  /** A location as it is in the copy. @throws UNSUPPORTED when it is not below the root */
  move(location: string): string {
    if (this.isInside(location)) return this.#moved(location)
    throw new IngotError('UNSUPPORTED', `${location} lies outside of the lake, which is in ${this.from}`, {
      hint: 'only what is below storage.root is copied: rewrite the table from a query into a new one first',
      context: { location, root: this.from },
    })
  }

  /** A text that may be a location of the lake, and stays as it is when it is none. */
  moveIfInside(text: string): string {
    return this.isInside(text) ? this.#moved(text) : text
  }

  isInside(location: string): boolean {
    return location === this.from || location.startsWith(`${this.from}/`)
  }

  #moved(location: string): string {
    return `${this.to}${location.slice(this.from.length)}`
  }
}

const withoutSlash = (root: string): string => root.replace(/\/+$/, '')
