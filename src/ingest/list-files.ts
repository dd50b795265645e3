import { open, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { glob } from 'tinyglobby'
import { IngotError } from '../errors.ts'
import type { FilesSource } from '../lake/lake.ts'

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

/** The files of the sources, each once, by name. @throws DECLARATION_INVALID when a name does not tell its format */
export async function listFiles(
  sources: readonly FilesSource[],
  projectFolder: string,
): Promise<readonly ListedFile[]> {
  const listed = new Map<string, ListedFile>()
  for (const declaration of sources) {
    for (const path of await findPaths(declaration.glob, projectFolder)) {
      if (listed.has(path)) continue
      const { size, mtimeMs } = await stat(path)
      const source = sourceName(path, projectFolder)
      const modifiedAtUs = Math.round(mtimeMs * 1000)
      const format = formatOf(source, declaration)
      listed.set(path, { source, path, sizeBytes: size, modifiedAtUs, format, declaration })
    }
  }
  return [...listed.values()].sort((a, b) => (a.source < b.source ? -1 : 1))
}

/** A glob that is the name of a file is that file, whatever characters are in it. */
async function findPaths(pattern: string, projectFolder: string): Promise<readonly string[]> {
  const literal = resolve(projectFolder, pattern)
  const found = await stat(literal).catch(() => undefined)
  if (found?.isFile()) return [literal]
  return (await glob(pattern, { cwd: projectFolder, absolute: true })).map(path => resolve(path))
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

/** How the file is compressed, by its first bytes, whatever it is called. */
export async function compressionOf(path: string): Promise<Compression> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    if (bytesRead >= 2 && buffer.readUInt16BE(0) === 0x1f8b) return 'gzip'
    return bytesRead === 4 && buffer.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none'
  } finally {
    await handle.close()
  }
}
