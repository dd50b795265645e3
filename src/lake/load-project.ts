import { access, mkdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { IngotError } from '../errors.ts'
import { type BundledProject, bundleProject, pathOfUrl } from './bundle-project.ts'
import { isDeclaration, type TableDeclaration } from './declaration.ts'
import type { SourceSite } from './lake.ts'
import { compareSites, declarationError, type Mistake } from './mistake.ts'
import { ProjectSources } from './project-sources.ts'

/** The file whose exports are the lake. */
const ENTRY = 'lake.ts'

/** Where a project is, and where its bundle goes. */
export interface LoadOptions {
  readonly projectFolder: string
  /** Relative to the project's folder. @default 'lake.ts' */
  readonly entry?: string
  /** Made when it is missing; within the project's folder, for packages to be found from it. */
  readonly cacheFolder: string
}

/** A declaration and the name under which the project exports it. */
export interface ExportedTable {
  readonly exportName: string
  readonly declaration: TableDeclaration
  readonly site: SourceSite
}

/** A project's code, run, with its declarations not checked yet. */
export interface LoadedProject {
  readonly projectFolder: string
  readonly modulePath: string
  /** Each declaration once, in the order of the code. */
  readonly tables: readonly ExportedTable[]
  readonly sources: ProjectSources
}

/**
 * Bundles and imports the project's `lake.ts`; what it exports that `bronze`, `silver` or `gold` made is the lake.
 * A changed project is a new module: nothing is kept from an earlier load.
 * @throws DECLARATION_INVALID with file, line, cause and fix, when it cannot be bundled, throws, or exports no table
 */
export async function loadProject(options: LoadOptions): Promise<LoadedProject> {
  const entry = options.entry ?? ENTRY
  // Without symbolic links, as the bundler and Node's module loader name files: sites are told apart by path.
  const projectFolder = await findProject(options.projectFolder, entry)
  await mkdir(options.cacheFolder, { recursive: true })
  const bundle = await bundleProject(projectFolder, entry, await realpath(options.cacheFolder))
  const sources = new ProjectSources(bundle)
  const exports = await importBundle(bundle, sources)
  const tables = exportedTables(exports, sources)
  if (tables.length === 0) throw noTables(entry, sources)
  return { projectFolder, modulePath: bundle.modulePath, tables, sources }
}

async function findProject(folder: string, entry: string): Promise<string> {
  try {
    const projectFolder = await realpath(folder)
    await access(join(projectFolder, entry))
    return projectFolder
  } catch (cause) {
    throw new IngotError('DECLARATION_INVALID', `there is no ${entry} in ${resolve(folder)}`, {
      hint: 'run in the folder that has it, or make a project with: ingot init',
      cause,
    })
  }
}

async function importBundle(bundle: BundledProject, sources: ProjectSources): Promise<object> {
  try {
    return (await import(pathToFileURL(bundle.modulePath).href)) as object
  } catch (error) {
    throw declarationError([importMistake(error, bundle, sources)], sources.lines, error)
  }
}

function exportedTables(exports: object, sources: ProjectSources): readonly ExportedTable[] {
  const byDeclaration = new Map<TableDeclaration, ExportedTable>()
  for (const [exportName, value] of Object.entries(exports)) {
    if (!isDeclaration(value) || byDeclaration.has(value)) continue
    byDeclaration.set(value, { exportName, declaration: value, site: sources.locate(value.site) })
  }
  return [...byDeclaration.values()].sort((a, b) => compareSites(a.site, b.site))
}

function noTables(entry: string, sources: ProjectSources): IngotError {
  const mistake: Mistake = {
    site: { file: entry, line: 1, column: 1 },
    cause: `${entry} exports no table`,
    fix: "export what bronze(), silver() and gold() return: export const readings = bronze('readings', { … })",
  }
  return declarationError([mistake], sources.lines)
}

function importMistake(error: unknown, bundle: BundledProject, sources: ProjectSources): Mistake {
  const message = error instanceof Error ? error.message : String(error)
  const missingExport = /does not provide an export named '(.+)'/.exec(message)?.[1]
  if (missingExport) {
    return {
      site: findWord(missingExport, bundle, sources),
      cause: message.replace(/'file:.*index\.js'/, "'ingot'"),
      fix: 'check the name; docs/guides/declaring.md lists what ingot exports',
    }
  }
  const site = sources.locate(siteOfError(error, bundle))
  if (error instanceof IngotError)
    return { site, cause: message, fix: error.hint ?? 'see docs/guides/declaring.md' }
  const missingPackage = /Cannot find package '(.+?)'/.exec(message)?.[1]
  if (missingPackage) {
    return {
      site: findWord(missingPackage, bundle, sources),
      cause: `the package ${missingPackage} is not installed`,
      fix: `run: npm install ${missingPackage}`,
    }
  }
  return {
    site,
    cause: `the project threw while it was loaded: ${message}`,
    fix: 'declarations run whenever the project is loaded: they must not fail',
  }
}

/** The site that the error itself names, or its first stack frame in the project's code. */
function siteOfError(error: unknown, bundle: BundledProject): SourceSite {
  const named = error instanceof IngotError ? (error.context.site as SourceSite | undefined) : undefined
  if (named) return named
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const [, url = '', line, column] of stack.matchAll(/((?:file:\/\/)?\/[^\n():]+):(\d+):(\d+)/g)) {
    const file = pathOfUrl(url)
    const isOwn =
      file === bundle.modulePath || bundle.inputs.some(input => resolve(bundle.projectFolder, input) === file)
    if (isOwn) return { file, line: Number(line), column: Number(column) }
  }
  return { file: resolve(bundle.projectFolder, bundle.inputs.at(-1) ?? ENTRY), line: 1, column: 1 }
}

/** The first place in the project's files where `word` stands: import errors of Node have no place. */
function findWord(word: string, bundle: BundledProject, sources: ProjectSources): SourceSite {
  for (const file of bundle.inputs) {
    const lines = sources.lines(file) ?? []
    const index = lines.findIndex(line => line.split(/[^\w$@/.-]+/).includes(word))
    if (index >= 0) return { file, line: index + 1, column: (lines[index] ?? '').indexOf(word) + 1 }
  }
  return { file: bundle.inputs.at(-1) ?? ENTRY, line: 1, column: 1 }
}
