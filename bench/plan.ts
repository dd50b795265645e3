import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import type { Expression } from '../src/format/expression.ts'
import { createManifestCache } from '../src/table/manifest-cache.ts'
import { planScan } from '../src/table/scan.ts'
import type { TableContext } from '../src/table/staged-table.ts'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import {
  commitAppend,
  createBenchTable,
  openBenchPlatform,
  ROWS_PER_FILE,
  SYNTHETIC_COLUMNS,
  syntheticFile,
} from './bench-tables.ts'
import { type Figure, Figures } from './figure.ts'
import { type Measurement, measureThisProcess } from './measure.ts'

const APPENDS = 10
const WARM_ROUNDS = 30
const COLD_ROUNDS = 10
const WARM_MS_MAX = 50

interface Case {
  readonly name: string
  readonly filter?: Expression
  /** How many files the plan has to name. */
  readonly tasks: number
}

/** Planning a scan of 10,000 data files, all of them or a hundredth by a filter, with the manifests in the cache or not. */
export async function benchPlan({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  return await withTempFolder(async folder => {
    await using platform = await openBenchPlatform(folder)
    const files = isQuick ? 1000 : 10_000
    const table = await createTableOf(platform.context, files)
    const figures = new Figures('plan')
    for (const planned of casesOf(files)) {
      await plan(platform.context, table, planned)
      const warm = await repeat(WARM_ROUNDS, () => plan(platform.context, table, planned))
      const cold = await repeat(COLD_ROUNDS, () =>
        plan({ ...platform.context, manifests: createManifestCache() }, table, planned),
      )
      addFigures(figures, `${planned.name}, warm`, warm, WARM_MS_MAX)
      addFigures(figures, `${planned.name}, cold`, cold)
      onProgress(`${planned.name}: ${files} files done`)
    }
    return figures.all
  })
}

function casesOf(files: number): Case[] {
  const matching = files / 100
  const from = BigInt((files / 2) * ROWS_PER_FILE)
  const filter: Expression = {
    type: 'and',
    operands: [
      { type: 'gte', fieldId: 1, value: from },
      { type: 'lt', fieldId: 1, value: from + BigInt(matching * ROWS_PER_FILE) },
    ],
  }
  return [
    { name: 'no filter', tasks: files },
    { name: 'filter', filter, tasks: matching },
  ]
}

async function createTableOf(context: TableContext, fileCount: number): Promise<LoadedTable> {
  let table = await createBenchTable(context, 'planned', SYNTHETIC_COLUMNS)
  const { identifier, metadata } = table
  const perAppend = fileCount / APPENDS
  for (let append = 0; append < APPENDS; append += 1) {
    const files = Array.from({ length: perAppend }, (_, index) =>
      syntheticFile(context, metadata.location, append * perAppend + index),
    )
    table = await commitAppend(context, identifier, files)
  }
  return table
}

function plan(context: TableContext, { metadata }: LoadedTable, planned: Case): Promise<Measurement> {
  const { filter, tasks } = planned
  return measureThisProcess(async () => {
    const scan = await planScan(context, metadata, filter === undefined ? {} : { filter })
    assert.equal(scan.tasks.length, tasks)
  })
}

async function repeat(rounds: number, work: () => Promise<Measurement>): Promise<Measurement[]> {
  const costs: Measurement[] = []
  for (let round = 0; round < rounds; round += 1) costs.push(await work())
  return costs
}

function addFigures(figures: Figures, name: string, costs: readonly Measurement[], msMax?: number): void {
  figures.add(
    name,
    'ms',
    costs.map(({ wallSeconds }) => wallSeconds * 1000),
    msMax === undefined ? undefined : { bound: 'at most', value: msMax },
  )
  figures.add(
    name,
    'CPU ms',
    costs.map(({ cpuSeconds }) => cpuSeconds * 1000),
  )
}
