import type { Stats } from 'node:fs'
import { lstat, open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { IngotError } from '../errors.ts'
import type { FilesSource } from '../lake/lake.ts'
import { errnoOf } from '../storage/disk.ts'
import { readingSource, toSourceError } from './source-error.ts'
import { watchListing } from './watch-listing.ts'

type FileFormat = 'ndjson' | 'json' | 'csv' | 'parquet'

export type Compression = 'none' | 'gzip' | 'zstd'

/** A file that a source names now. */
export interface ListedFile {
  /** What rows name as their `_source`: the path from the project's folder, or the absolute one outside of it. */
  readonly source: string
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAtUs: number
  readonly format: FileFormat
  readonly declaration: FilesSource
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
  csv: 'csv',
  tsv: 'csv',
  parquet: 'parquet',
}

/** What sources name. */
export interface ListedFiles {
  /** Each once, by name; of a file and symbolic links to it, one. */
  readonly files: readonly ListedFile[]
  /** Sources that name one file, not a glob, which is not there: what its rows would name as their `_source`. */
  readonly missing: readonly string[]
}

/**
 * The files that sources name now.
 * @throws DECLARATION_INVALID when a name does not tell its format; STORAGE_FAILED when a folder or file cannot be looked at
 */
export async function listFiles(
  sources: readonly FilesSource[],
  projectFolder: string,
): Promise<ListedFiles> {
  const listed = new Map<string, ListedFile>()
  const byInode = new Map<string, string[]>()
  const missing: string[] = []
  for (const declaration of sources) {
    const paths = await findPaths(declaration.glob, projectFolder)
    if (paths === undefined) missing.push(sourceName(resolve(projectFolder, declaration.glob), projectFolder))
    for (const path of paths ?? []) {
      if (listed.has(path)) continue
      const found = await statIfThere(path)
      // One that was moved away since, or that is none to read: a pipe would keep its reader waiting.
      if (!found?.isFile()) continue
      const source = sourceName(path, projectFolder)
      const modifiedAtUs = Math.round(found.mtimeMs * 1000)
      const format = formatOf(source, declaration)
      listed.set(path, { source, path, sizeBytes: found.size, modifiedAtUs, format, declaration })
      const inode = `${found.dev}:${found.ino}`
      byInode.set(inode, [...(byInode.get(inode) ?? []), path])
    }
  }
  for (const paths of byInode.values()) {
    if (paths.length > 1) for (const link of await linksAmong(paths)) listed.delete(link)
  }
  const files = [...listed.values()].sort((a, b) => (a.source < b.source ? -1 : 1))
  return { files, missing }
}

/**
 * The paths that lead over symbolic links to a file which another one names: its rows would come twice, or forty times where a
 * folder has a link to itself. The file's own path stays, then one of which folders alone are links, then the first by name.
 * Hard links are files of their own.
 */
async function linksAmong(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map(path => readingSource(path, () => followLinks(path))))
  const ranked = found.toSorted((a, b) => a.rank - b.rank || (a.path < b.path ? -1 : 1))
  const named = new Set<string>()
  return ranked.flatMap(({ path, target }) => {
    if (named.has(target)) return [path]
    named.add(target)
    return []
  })
}

async function followLinks(path: string): Promise<{ path: string; target: string; rank: number }> {
  const target = await realpath(path)
  if (path === target) return { path, target, rank: 0 }
  return { path, target, rank: (await lstat(path)).isSymbolicLink() ? 2 : 1 }
}

/** A glob that is the name of a file is that file, whatever characters are in it. Undefined: it can only be one, and there is none. */
async function findPaths(pattern: string, projectFolder: string): Promise<readonly string[] | undefined> {
  const literal = resolve(projectFolder, pattern)
  const isLiteral = !isDynamicPattern(pattern)
  const found = isLiteral ? await statIfThere(literal) : await stat(literal).catch(() => undefined)
  if (found?.isFile()) return [literal]
  if (isLiteral && found === undefined) return undefined
  const listing = watchListing()
  const paths = await glob(pattern, { cwd: projectFolder, absolute: true, fs: listing.fs })
  listing.throwFailure()
  return paths.map(path => resolve(path))
}

/** Those of the sources, as rows name them, of which there is no file any more. @throws STORAGE_FAILED */
export async function missingSources(
  sources: readonly string[],
  projectFolder: string,
): Promise<readonly string[]> {
  const found = await Promise.all(sources.map(source => statIfThere(resolve(projectFolder, source))))
  return sources.filter((_, index) => !found[index]?.isFile())
}

/** Undefined: there is none. */
async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw toSourceError(error, path)
  }
}

function sourceName(path: string, projectFolder: string): string {
  const inside = relative(projectFolder, path)
  return inside.startsWith('..') || isAbsolute(inside) ? path : inside.split(sep).join('/')
}

function formatOf(source: string, { format, site }: FilesSource): FileFormat {
  if (format !== 'auto') return format
  const [, extension = ''] = /\.([^./]+)(?:\.(?:gz|gzip|zst|zstd))?$/i.exec(source) ?? []
  const known = FORMATS[extension.toLowerCase()]
  if (known !== undefined) return known
  throw new IngotError('DECLARATION_INVALID', `the name of ${source} does not tell its format`, {
    hint: "say which it is: files('…', { format: 'ndjson' }), or narrow the glob",
    context: { source, site },
  })
}

/** How the file is compressed, by its first bytes, whatever it is called. @throws STORAGE_FAILED, SOURCE_CHANGED */
export async function compressionOf(path: string): Promise<Compression> {
  return await readingSource(path, () => readCompression(path))
}

async function readCompression(path: string): Promise<Compression> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    if (bytesRead >= 2 && buffer.readUInt16BE(0) === 0x1f8b) return 'gzip'
    return bytesRead === 4 && buffer.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none'
  } finally {
    await handle.close()
  }
}
