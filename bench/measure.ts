import { readdirSync, readFileSync } from 'node:fs'

// USER_HZ is 100 on every Linux that Node runs on (man 5 proc, "utime").
const TICKS_PER_SECOND = 100

interface ProcessTimes {
  readonly parentPid: number
  /** Own and reaped children's user and system time. */
  readonly seconds: number
}

function processTimes(pid: number): ProcessTimes | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // The process ended while we listed: its time is in its parent's figures.
    return undefined
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].map(index => Number(fields[index]))
  return {
    parentPid: Number(fields[1]),
    seconds: ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND,
  }
}

/** CPU seconds that a process and all that it started have used so far, dead children included. Linux only. */
function cpuSecondsOfTree(rootPid: number): number {
  const times = new Map<number, ProcessTimes>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const entry = Number.isInteger(pid) ? processTimes(pid) : undefined
    if (entry) times.set(pid, entry)
  }
  const isInTree = (pid: number): boolean => {
    if (pid === rootPid) return true
    const entry = times.get(pid)
    return entry !== undefined && entry.parentPid > 0 && isInTree(entry.parentPid)
  }
  let seconds = 0
  for (const [pid, entry] of times) if (isInTree(pid)) seconds += entry.seconds
  return seconds
}

export interface Measurement {
  readonly cpuSeconds: number
  readonly wallSeconds: number
}

/** What `work` cost this process and all that it started. */
export async function measure(work: () => Promise<void>): Promise<Measurement> {
  const cpuBefore = cpuSecondsOfTree(process.pid)
  const wallBefore = performance.now()
  await work()
  return {
    wallSeconds: (performance.now() - wallBefore) / 1000,
    cpuSeconds: cpuSecondsOfTree(process.pid) - cpuBefore,
  }
}

/** What `work` cost this process alone, to the microsecond: for work that is shorter than a tick. */
export async function measureThisProcess(work: () => Promise<void>): Promise<Measurement> {
  const cpuBefore = process.cpuUsage()
  const wallBefore = performance.now()
  await work()
  const wallSeconds = (performance.now() - wallBefore) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wallSeconds, cpuSeconds: (user + system) / 1e6 }
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly count: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, count: sorted.length }
}
