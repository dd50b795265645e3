import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import type { SourceMapPayload } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BuildResult, build, type Message, type Plugin } from 'esbuild'
import type { SourceSite } from './lake.ts'
import { declarationError, type Mistake } from './mistake.ts'
import type { Bundle } from './project-sources.ts'

/** What a project imports as 'ingot': this very package, whether or not the project has it installed. */
const INGOT_URL = new URL('../index.js', import.meta.url).href

/** What stands for each module's own place in the bundle: there `import.meta` would be that of the bundle. */
const MODULE_PLACES = {
  'import.meta.url': '__ingot_module_url',
  'import.meta.filename': '__ingot_module_filename',
  'import.meta.dirname': '__ingot_module_dirname',
} as const

/** A bundle on disk, and the files that went into it. */
export interface BundledProject extends Bundle {
  /** Relative to the project's folder. */
  readonly inputs: readonly string[]
}

/**
 * Bundles a project's TypeScript into one ES module in `cacheFolder`, which exists, named after its content. npm packages stay
 * imports, found from there on: a cache folder within the project's folder finds those of the project.
 * @throws DECLARATION_INVALID with every syntax error and unresolved import in its place
 */
export async function bundleProject(
  projectFolder: string,
  entry: string,
  cacheFolder: string,
): Promise<BundledProject> {
  const prefixLengths = new Map<string, number>()
  const result = await runEsbuild(projectFolder, entry, cacheFolder, prefixLengths)
  const files = result.outputFiles ?? []
  const code = files.find(file => file.path.endsWith('.mjs'))?.text ?? ''
  const map = files.find(file => file.path.endsWith('.map'))?.text ?? '{}'
  const hash = createHash('sha256').update(code).update(map).update(INGOT_URL).digest('hex').slice(0, 16)
  const name = `lake-${hash}.mjs`
  const modulePath = join(cacheFolder, name)
  await writeAtomically(`${modulePath}.map`, map)
  await writeAtomically(modulePath, `${code}//# sourceMappingURL=${name}.map\n`)
  const inputs = Object.keys(result.metafile?.inputs ?? {})
  return { projectFolder, modulePath, sourceMap: JSON.parse(map) as SourceMapPayload, prefixLengths, inputs }
}

async function runEsbuild(
  projectFolder: string,
  entry: string,
  cacheFolder: string,
  prefixLengths: Map<string, number>,
): Promise<BuildResult> {
  try {
    return await build({
      entryPoints: [entry],
      absWorkingDir: projectFolder,
      outfile: join(cacheFolder, 'lake.mjs'),
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      charset: 'utf8',
      sourcemap: 'external',
      packages: 'external',
      logLevel: 'silent',
      // Two files that export one name through `export *` would cancel each other out in silence.
      logOverride: { 'ambiguous-reexport': 'error' },
      define: MODULE_PLACES,
      plugins: [resolveIngot, keepModulePlaces(prefixLengths)],
    })
  } catch (error) {
    throw await bundleError(error, projectFolder, prefixLengths)
  }
}

const resolveIngot: Plugin = {
  name: 'resolve-ingot',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^ingot$/ }, () => ({ path: INGOT_URL, external: true }))
  },
}

/** Defines MODULE_PLACES in each file that has a use for them. */
function keepModulePlaces(prefixLengths: Map<string, number>): Plugin {
  return {
    name: 'keep-module-places',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8')
        if (!text.includes('import.meta.')) return undefined
        // On the first line, so that all others keep their numbers.
        const values = [pathToFileURL(path).href, path, dirname(path)].map(value => JSON.stringify(value))
        const prefix = Object.values(MODULE_PLACES)
          .map((name, index) => `const ${name}=${values[index]};`)
          .join('')
        prefixLengths.set(path, prefix.length)
        return { contents: `${prefix}${text}`, loader: loaderOf(path) }
      })
    },
  }
}

const loaderOf = (path: string): 'ts' | 'tsx' | 'js' | 'jsx' =>
  path.endsWith('.tsx') ? 'tsx' : path.endsWith('.jsx') ? 'jsx' : path.endsWith('ts') ? 'ts' : 'js'

async function bundleError(
  error: unknown,
  projectFolder: string,
  prefixLengths: ReadonlyMap<string, number>,
): Promise<unknown> {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) return error
  const mistakes = (error.errors as readonly Message[]).map(message =>
    mistakeOf(message, projectFolder, prefixLengths),
  )
  const texts = new Map<string, readonly string[]>()
  for (const { site } of mistakes) {
    const text = await readFile(join(projectFolder, site.file), 'utf8').catch(() => undefined)
    if (text !== undefined) texts.set(site.file, text.split(/\r?\n/))
  }
  return declarationError(mistakes, file => texts.get(file), error)
}

function mistakeOf(message: Message, folder: string, prefixLengths: ReadonlyMap<string, number>): Mistake {
  const { text, notes } = message
  const location = message.location ?? notes.at(-1)?.location
  const cause = text.slice(0, 1).toLowerCase() + text.slice(1)
  if (!location) return { site: { file: '', line: 1, column: 1 }, cause, fix: fixOf(message) }
  const prefix = location.line === 1 ? (prefixLengths.get(join(folder, location.file)) ?? 0) : 0
  const bytes = Buffer.from(location.lineText, 'utf8').subarray(0, location.column)
  const site: SourceSite = {
    file: location.file,
    line: location.line,
    column: bytes.toString('utf8').length - prefix + 1,
  }
  return { site, cause, fix: location.suggestion || fixOf(message) }
}

function fixOf({ id, text, notes }: Message): string {
  if (id === 'ambiguous-reexport') {
    const files = notes.flatMap(({ location }) => (location ? [location.file] : []))
    return `export it under another name from one of ${files.join(', ')}`
  }
  if (text.startsWith('Could not resolve')) return 'check the path of the import'
  return 'mend the TypeScript in this place'
}

/** Readers see the whole file or none: a worker may import the bundle while the same one is written again. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.${performance.now()}.draft`
  await writeFile(draft, text)
  await rename(draft, path)
}

/** The path of a file URL or path. */
export function pathOfUrl(text: string): string {
  return text.startsWith('file://') ? fileURLToPath(text) : text
}
