import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../../src/sql-text.ts'
import { REPOSITORY } from './ingot-process.ts'
import { AIRPORTS, ALL_FLIGHTS } from './plain-flights.ts'

/**
 * Writes the flights of the first `days` days, a file for each `daysPerFile` of them, Parquet and NDJSON by turns. Resolves with
 * their paths, in the order of their names. Cut between days: flights of one key are in one file.
 */
export async function writeFlightFiles(
  folder: string,
  days: number,
  daysPerFile: number,
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const paths: string[] = []
  try {
    for (let day = 0; day < days; day += daysPerFile) {
      const format = paths.length % 2 === 0 ? 'parquet' : 'json'
      const name = `flights-${String(paths.length).padStart(3, '0')}.${format === 'json' ? 'ndjson' : format}`
      const path = join(folder, name)
      await connection.run(
        `copy (select date, delay, distance, origin, destination from read_parquet(${quoteLiteral(ALL_FLIGHTS)})
           where date >= date '2001-01-01' + ${day} and date < date '2001-01-01' + ${day + daysPerFile})
         to ${quoteLiteral(path)} (format ${format})`,
      )
      paths.push(path)
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  return paths
}

/** A project with the declarations of examples/flights over the files that are in its `inbox`. */
export async function makeFlightsProject(folder: string): Promise<string> {
  const example = await readFile(join(REPOSITORY, 'examples', 'flights', 'lake.ts'), 'utf8')
  const inbox = join(folder, 'inbox')
  await mkdir(inbox, { recursive: true })
  await copyFile(AIRPORTS, join(inbox, 'airports.csv'))
  const cut = example
    .replace(/^const data = .*$/m, `const data = ${JSON.stringify(inbox)}`)
    .replace("files(join(data, 'flights-3m.parquet'))", "files(join(data, 'flights-*.{parquet,ndjson}'))")
    .replace(/^import \{ createRequire \}.*\n/m, '')
    .replace('import { dirname, join }', 'import { join }')
  assert.ok(cut.includes(inbox) && cut.includes('flights-*'), 'the example reads its flights as it did')
  await writeFile(join(folder, 'lake.ts'), cut)
  return inbox
}

/** Puts a file into the inbox the way that careful programs do: whole, or not there. */
export async function deliver(path: string, inbox: string): Promise<void> {
  const draft = join(inbox, `.draft-${basename(path)}`)
  await copyFile(path, draft)
  await rename(draft, join(inbox, basename(path)))
}
