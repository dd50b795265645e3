import { fileURLToPath } from 'node:url'
import type { SourceSite } from './lake.ts'

/**
 * Where the running function `callee` was called: file, line and column of the code that runs, which for a bundled
 * project is the bundle (the project's source map leads back to the TypeScript).
 */
export function captureCallSite(callee: (...args: never[]) => unknown): SourceSite {
  const format = Error.prepareStackTrace
  const holder: { stack?: unknown } = {}
  try {
    // Raw call sites: with --enable-source-maps the text of a stack is already mapped, these never are.
    Error.prepareStackTrace = (_error, sites) => sites
    Error.captureStackTrace(holder, callee)
    const [site] = (holder.stack as readonly NodeJS.CallSite[] | undefined) ?? []
    return {
      file: pathOf(site?.getFileName() ?? ''),
      line: site?.getLineNumber() ?? 1,
      column: site?.getColumnNumber() ?? 1,
    }
  } finally {
    Error.prepareStackTrace = format
  }
}

const pathOf = (name: string): string => (name.startsWith('file://') ? fileURLToPath(name) : name)
