import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, relative, resolve, sep } from 'node:path'
import type { SourceSite } from './lake.ts'
import type { SqlPlace } from './sql.ts'

/** A bundle and what leads from it back to the project's own files. */
export interface Bundle {
  readonly projectFolder: string
  readonly modulePath: string
  readonly sourceMap: SourceMapPayload
  /** How many characters the bundler put before the first line of a file, by absolute path. */
  readonly prefixLengths: ReadonlyMap<string, number>
}

/** The project's TypeScript: maps places in the bundle to it, and shows its lines. */
export class ProjectSources {
  readonly #bundle: Bundle
  readonly #map: SourceMap
  readonly #texts = new Map<string, string>()

  constructor(bundle: Bundle) {
    this.#bundle = bundle
    this.#map = new SourceMap(bundle.sourceMap)
  }

  /** The lines of `file`, relative to the project's folder. */
  readonly lines = (file: string): readonly string[] | undefined => {
    try {
      return this.#text(file).split('\n')
    } catch {
      return undefined
    }
  }

  /** `site` in the TypeScript; a site outside of the bundle is returned as it is. */
  locate(site: SourceSite): SourceSite {
    if (resolve(site.file) !== this.#bundle.modulePath) return { ...site, file: this.#relative(site.file) }
    const entry = this.#map.findEntry(site.line - 1, site.column - 1)
    if (!('originalSource' in entry)) return { ...site, file: this.#relative(site.file) }
    const path = resolve(dirname(this.#bundle.modulePath), entry.originalSource)
    const prefix = entry.originalLine === 0 ? (this.#bundle.prefixLengths.get(path) ?? 0) : 0
    return {
      file: this.#relative(path),
      line: entry.originalLine + 1,
      column: Math.max(0, entry.originalColumn - prefix) + 1,
    }
  }

  /** Where in the TypeScript a place in an `sql` template is; the template's own site when it cannot be found there. */
  locateSql(place: SqlPlace): SourceSite {
    const site = this.locate(place.fragment.site)
    const lines = this.lines(site.file)
    if (!lines) return site
    const text = lines.join('\n')
    const lineStart = lines.slice(0, site.line - 1).reduce((sum, line) => sum + line.length + 1, 0)
    const start = chunkStart(text, lineStart, place)
    return start === undefined ? site : { file: site.file, ...positionAt(text, start + place.offset) }
  }

  #text(file: string): string {
    const cached = this.#texts.get(file)
    if (cached !== undefined) return cached
    // Template strings have LF whatever the file has: so do positions in them.
    const text = readFileSync(resolve(this.#bundle.projectFolder, file), 'utf8').replaceAll('\r\n', '\n')
    this.#texts.set(file, text)
    return text
  }

  #relative(path: string): string {
    return relative(this.#bundle.projectFolder, path).split(sep).join('/')
  }
}

/**
 * The offset of a chunk's first character. A chunk is found by its own text between the marks that end the ones beside it,
 * from the line on where the template begins.
 */
function chunkStart(text: string, from: number, { fragment, chunk }: SqlPlace): number | undefined {
  let start = from
  for (let index = 0; index <= chunk; index++) {
    const opening = index === 0 ? '`' : '}'
    const closing = index === fragment.values.length ? '`' : '$' + '{'
    const found = text.indexOf(`${opening}${fragment.chunks[index]}${closing}`, start)
    if (found < 0) return undefined
    start = found + 1
    if (index < chunk) start += fragment.chunks[index]?.length ?? 0
  }
  return start
}

function positionAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
