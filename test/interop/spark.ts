import { join } from 'node:path'
import type { LoadedTable } from '../../src/catalog/catalog.ts'
import { currentSchema } from '../../src/format/schema.ts'
import { INTEROP_SOURCES } from './interop-tools.ts'
import { LineProcess } from './line-process.ts'
import { factsSql, readFacts, SPARK, type TableFacts } from './table-facts.ts'

/** One Spark session in a process of its own. Dispose of it. */
export class Spark implements AsyncDisposable {
  readonly #process: LineProcess

  constructor(python: string, runtimeJar: string) {
    this.#process = new LineProcess(python, [join(INTEROP_SOURCES, 'spark_client.py'), runtimeJar])
  }

  /** Makes a catalog of ours a catalog of the session. */
  async attach(name: string, url: string): Promise<void> {
    const settings = {
      '': 'org.apache.iceberg.spark.SparkCatalog',
      '.type': 'rest',
      '.uri': url,
      '.io-impl': 'org.apache.iceberg.hadoop.HadoopFileIO',
      // By default a session reads a table that it has seen as it was then, for 30 s after the last look.
      '.cache-enabled': 'false',
    }
    const statements = Object.entries(settings).map(
      ([key, value]) => `SET \`spark.sql.catalog.${name}${key}\`=\`${value}\``,
    )
    await this.run(...statements)
  }

  /** Runs statements in their order; the rows of each. */
  async run(...statements: readonly string[]): Promise<readonly (readonly unknown[])[][]> {
    return (await this.#process.request(statements)) as unknown[][][]
  }

  async facts(catalog: string, { identifier, metadata }: LoadedTable): Promise<TableFacts> {
    const { fields } = currentSchema(metadata)
    const table = [catalog, ...identifier.namespace, identifier.name].map(SPARK.quote).join('.')
    const [rows] = await this.run(`SELECT ${factsSql(fields, SPARK)} FROM ${table}`)
    return readFacts(fields, rows?.[0]?.[0] as (string | null)[])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close()
  }
}
