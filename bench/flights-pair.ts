import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { vegaFolder } from './flights-data.ts'
import { FlightsLake } from './flights-lake.ts'
import { type Measurement, measure } from './measure.ts'
import { PlainScript } from './plain-script.ts'

/** What the same work cost the lake and the plain script. */
export interface Compared {
  readonly lake: Measurement
  readonly script: Measurement
}

/** A lake and a plain script side by side, fed the same files. */
export class FlightsPair implements AsyncDisposable {
  readonly #lake: FlightsLake
  readonly #script: PlainScript

  private constructor(lake: FlightsLake, script: PlainScript) {
    this.#lake = lake
    this.#script = script
  }

  static async open(folder: string): Promise<FlightsPair> {
    mkdirSync(folder, { recursive: true })
    const airports = join(vegaFolder, 'airports.csv')
    const script = await PlainScript.open(join(folder, 'script'), airports, availableParallelism())
    return new FlightsPair(await FlightsLake.open(join(folder, 'lake')), script)
  }

  async backfill(paths: readonly string[]): Promise<Compared> {
    const script = await measure(() => this.#script.backfill(paths))
    return { script, lake: await this.#runLake(paths) }
  }

  async increment(path: string): Promise<Compared> {
    const script = await measure(() => this.#script.increment([path]))
    return { script, lake: await this.#runLake([path]) }
  }

  /** Both have the same rows. */
  async requireEqual(): Promise<void> {
    assert.deepEqual(await this.#lake.totals(), await this.#script.totals())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#script.close()
    await this.#lake[Symbol.asyncDispose]()
  }

  async #runLake(paths: readonly string[]): Promise<Measurement> {
    this.#lake.deliver(paths)
    return await measure(async () => {
      await this.#lake.run()
    })
  }
}
