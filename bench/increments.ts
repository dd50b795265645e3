import { join } from 'node:path'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import { type Figure, Figures } from './figure.ts'
import { writeFlightBatches } from './flights-data.ts'
import { type Compared, FlightsPair } from './flights-pair.ts'

const TO_FULL_MAX = 0.05
const TO_SCRIPT_MAX = 3

/** Ten increments of a thousandth each on top of the rest: as time goes on, and drawn from all of it. */
export async function benchIncrements(options: BenchOptions): Promise<readonly Figure[]> {
  const figures = new Figures('increments')
  for (const order of ['time', 'random'] as const) await benchOrder(options, order, figures)
  return figures.all
}

async function benchOrder(
  { isQuick, onProgress }: BenchOptions,
  order: 'time' | 'random',
  figures: Figures,
): Promise<void> {
  await withTempFolder(async folder => {
    const rows = isQuick ? 100_000 : undefined
    const { bulk, increments } = await writeFlightBatches(join(folder, 'data'), order, rows)
    await using pair = await FlightsPair.open(join(folder, 'pair'))
    const full = (await pair.backfill(bulk)).lake.cpuSeconds
    const compared: Compared[] = []
    for (const path of increments) {
      const { lake, script } = await pair.increment(path)
      compared.push({ lake, script })
      onProgress(`${order}: lake ${lake.cpuSeconds.toFixed(2)} CPU s, script ${script.cpuSeconds.toFixed(2)}`)
    }
    await pair.requireEqual()
    addFigures(figures, order, full, compared)
  })
}

function addFigures(figures: Figures, order: string, full: number, compared: readonly Compared[]): void {
  const lake = compared.map(cost => cost.lake.cpuSeconds)
  const script = compared.map(cost => cost.script.cpuSeconds)
  const toFull = lake.map(seconds => seconds / full)
  const toScript = compared.map(cost => cost.lake.cpuSeconds / cost.script.cpuSeconds)
  const atMost = (value: number) => ({ bound: 'at most', value, of: 'worst' }) as const
  figures.add(`${order}: lake`, 'CPU s', lake)
  figures.add(`${order}: script`, 'CPU s', script)
  figures.add(`${order}: lake to its full run`, 'x', toFull, atMost(TO_FULL_MAX))
  figures.add(`${order}: lake to script`, 'x', toScript, atMost(TO_SCRIPT_MAX))
  figures.add(
    `${order}: lake`,
    's',
    compared.map(cost => cost.lake.wallSeconds),
  )
}
