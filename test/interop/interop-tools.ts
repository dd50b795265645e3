import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Where something that another engine needs is, or why it cannot be had here. */
export type Tool = { readonly path: string } | { readonly skip: string }

// The tests run compiled, two folders below the repository's root.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const CACHE = join(ROOT, '.cache', 'interop')
/** Where the sources of these tests are: scripts of other languages are not compiled. */
export const INTEROP_SOURCES = join(ROOT, 'test', 'interop')

const ICEBERG_VERSION = '1.12.0'

const execute = promisify(execFile)

/** A Python with PyIceberg and PySpark, as requirements.txt pins them. */
export const pythonTool = once(() =>
  install('python', 'requirements.txt', async (folder, requirements) => {
    await execute('python3', ['-m', 'venv', folder])
    const python = join(folder, 'bin', 'python')
    await execute(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements])
    return python
  }),
)

/** Iceberg's runtime for Spark, one jar; Spark itself comes with PySpark. */
export const sparkRuntimeTool = once(() => jarTool('iceberg-spark-runtime-4.1_2.13'))

/** What the runtime needs beside it to reach S3 as the AWS SDK does, one jar. */
export const sparkS3Tool = once(() => jarTool('iceberg-aws-bundle'))

/** An artifact of Iceberg's, from Maven Central. */
async function jarTool(artifact: string): Promise<Tool> {
  const path = join(CACHE, 'jars', `${artifact}-${ICEBERG_VERSION}.jar`)
  return await attempt('Spark', async () => {
    await execute('java', ['-version'])
    if (existsSync(path)) return path
    const coordinates = `-Dartifact=org.apache.iceberg:${artifact}:${ICEBERG_VERSION}`
    await execute('mvn', ['-q', 'dependency:get', coordinates, '-Dtransitive=false'])
    await execute('mvn', ['-q', 'dependency:copy', coordinates, `-DoutputDirectory=${join(CACHE, 'jars')}`])
    return path
  })
}

/** The folder of DuckDB's extensions: signed files that fit the pinned DuckDB, carried by Python packages. */
export const duckdbExtensionsTool = once(() =>
  install('duckdb-extensions', 'duckdb-requirements.txt', async (folder, requirements) => {
    await execute('python3', [
      ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder],
      ...['--requirement', requirements],
    ])
    return folder
  }),
)

/** A Python with moto, which answers as S3 and STS do but looks at no signature. */
export const motoTool = once(() =>
  install('moto-python', 's3-requirements.txt', async (folder, requirements) => {
    await execute('python3', ['-m', 'venv', folder])
    const python = join(folder, 'bin', 'python')
    await execute(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements])
    return python
  }),
)

/** The option that makes a test skipped, with the reason of the first tool that is missing. */
export function skipWithout(...tools: readonly Tool[]): { readonly skip: string | false } {
  for (const tool of tools) if ('skip' in tool) return tool
  return { skip: false }
}

/** The place of a tool that the test would have been skipped without. */
export function pathOf(tool: Tool): string {
  if ('path' in tool) return tool.path
  throw new Error(tool.skip)
}

/** Installs what a requirements file pins, unless the very same is there from an earlier run. */
async function install(
  name: string,
  requirementsFile: string,
  work: (folder: string, requirements: string) => Promise<string>,
): Promise<Tool> {
  const folder = join(CACHE, name)
  const requirements = join(INTEROP_SOURCES, requirementsFile)
  const marker = join(folder, '.installed.json')
  const wanted = readFileSync(requirements, 'utf8')
  const found = readMarker(marker)
  if (found?.requirements === wanted) return { path: found.path }
  return await attempt(requirementsFile, async () => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(CACHE, { recursive: true })
    const path = await work(folder, requirements)
    await writeFile(marker, JSON.stringify({ requirements: wanted, path }))
    return path
  })
}

function readMarker(path: string): { readonly requirements: string; readonly path: string } | undefined {
  if (!existsSync(path)) return undefined
  return JSON.parse(readFileSync(path, 'utf8')) as { requirements: string; path: string }
}

/** What `work` provides, or why it could not. */
export async function attempt(what: string, work: () => Promise<string>): Promise<Tool> {
  try {
    return { path: await work() }
  } catch (error) {
    return { skip: `${what} cannot be installed here: ${(error as Error).message.trim().slice(0, 500)}` }
  }
}

function once(work: () => Promise<Tool>): () => Promise<Tool> {
  let result: Promise<Tool> | undefined
  return () => {
    result ??= work()
    return result
  }
}
