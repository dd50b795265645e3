import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchAppends } from './appends.ts'
import { benchBackfill } from './backfill.ts'
import type { Benchmark } from './bench-options.ts'
import { benchCommits } from './commits.ts'
import { type Figure, formatFigures } from './figure.ts'
import { benchIncrements } from './increments.ts'
import { benchLoad } from './load.ts'
import { benchMaintenance } from './maintenance.ts'
import { benchMerge } from './merge.ts'
import { benchPlan } from './plan.ts'

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  backfill: benchBackfill,
  increments: benchIncrements,
  load: benchLoad,
  plan: benchPlan,
  commits: benchCommits,
  appends: benchAppends,
  merge: benchMerge,
  maintenance: benchMaintenance,
}

// Compiled, this file is two folders below the repository's.
const RESULTS = new URL('../../bench/results/', import.meta.url)

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
await runBenchmarks(positionals.length > 0 ? positionals : Object.keys(BENCHMARKS), values.quick)

async function runBenchmarks(names: readonly string[], isQuick: boolean): Promise<void> {
  const unknown = names.find(name => BENCHMARKS[name] === undefined)
  if (unknown !== undefined)
    throw new Error(`no benchmark ${unknown}: there are ${Object.keys(BENCHMARKS).join(', ')}`)
  const figures: Figure[] = []
  for (const name of names) {
    const onProgress = (line: string): void => void process.stderr.write(`${name}: ${line}\n`)
    figures.push(...((await BENCHMARKS[name]?.({ isQuick, onProgress })) ?? []))
  }
  process.stdout.write(`${machine()}\n\n${formatFigures(figures)}\n`)
  writeResults(figures, isQuick)
}

function machine(): string {
  const [cpu] = cpus()
  const gib = (totalmem() / 1024 ** 3).toFixed(0)
  return `${availableParallelism()} cores (${cpu?.model.trim()}), ${gib} GiB, Node ${process.versions.node}, ${process.platform}`
}

function writeResults(figures: readonly Figure[], isQuick: boolean): void {
  mkdirSync(RESULTS, { recursive: true })
  const file = new URL('latest.json', RESULTS)
  writeFileSync(file, JSON.stringify({ machine: machine(), isQuick, figures }, undefined, 2))
  process.stderr.write(`written to ${fileURLToPath(file)}\n`)
}
