import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const BYTES_PER_KIB = 1024
const execute = promisify(execFile)

/** How often a process is looked at: a tight loop of allocations gains a few hundred MB in that time. */
const SAMPLE_INTERVAL_MS = process.platform === 'linux' ? 100 : 1000

/** Resident memory of the process `pid`; undefined when it is gone. Linux reads /proc, others ask `ps`. */
async function readResidentBytes(pid: number): Promise<number | undefined> {
  try {
    const kib = process.platform === 'linux' ? await readProcKib(pid) : await readPsKib(pid)
    return Number.isFinite(kib) ? kib * BYTES_PER_KIB : undefined
  } catch {
    return undefined
  }
}

async function readProcKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN)
}

async function readPsKib(pid: number): Promise<number> {
  const { stdout } = await execute('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout.trim() || Number.NaN)
}

/** Calls `onSample` with the resident bytes of `pid` again and again, until the function that it returns is called. */
export function watchResidentMemory(pid: number, onSample: (bytes: number) => void): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const sample = async (): Promise<void> => {
    const bytes = await readResidentBytes(pid)
    if (stopped) return
    if (bytes !== undefined) onSample(bytes)
    schedule()
  }
  const schedule = (): void => {
    timer = setTimeout(() => void sample(), SAMPLE_INTERVAL_MS)
  }
  schedule()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
