import { join } from 'node:path'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import { type Figure, Figures } from './figure.ts'
import { writeFlightBatches } from './flights-data.ts'
import { type Compared, FlightsPair } from './flights-pair.ts'

const ROUNDS = 3

/** From NDJSON files to gold: a lake and the plain script, each from nothing, in turns. */
export async function benchBackfill({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  return await withTempFolder(async folder => {
    const { bulk } = await writeFlightBatches(join(folder, 'data'), 'time', isQuick ? 100_000 : undefined)
    const rounds: Compared[] = []
    for (let round = 1; round <= ROUNDS; round += 1) {
      const compared = await withTempFolder(async place => {
        await using pair = await FlightsPair.open(place)
        const costs = await pair.backfill(bulk)
        await pair.requireEqual()
        return costs
      })
      rounds.push(compared)
      onProgress(
        `round ${round}: lake ${compared.lake.cpuSeconds.toFixed(2)} CPU s, script ${compared.script.cpuSeconds.toFixed(2)}`,
      )
    }
    const figures = new Figures('backfill')
    figures.add(
      'lake',
      'CPU s',
      rounds.map(({ lake }) => lake.cpuSeconds),
    )
    figures.add(
      'script',
      'CPU s',
      rounds.map(({ script }) => script.cpuSeconds),
    )
    figures.add(
      'lake to script',
      'x',
      rounds.map(({ lake, script }) => lake.cpuSeconds / script.cpuSeconds),
      { bound: 'at most', value: 1.5 },
    )
    figures.add(
      'lake',
      's',
      rounds.map(({ lake }) => lake.wallSeconds),
    )
    figures.add(
      'script',
      's',
      rounds.map(({ script }) => script.wallSeconds),
    )
    return figures.all
  })
}
