import { join } from 'node:path'
import type { LoadedTable } from '../../src/catalog/catalog.ts'
import { currentSchema } from '../../src/format/schema.ts'
import type { InteropBucket } from './interop-store.ts'
import {
  INTEROP_SOURCES,
  pathOf,
  pythonTool,
  skipWithout,
  sparkRuntimeTool,
  sparkS3Tool,
} from './interop-tools.ts'
import { LineProcess } from './line-process.ts'
import { factsSql, readFacts, SPARK, type TableFacts } from './table-facts.ts'

const [python, runtime, s3] = [await pythonTool(), await sparkRuntimeTool(), await sparkS3Tool()]

/** The option that makes a test skipped where Spark cannot be had, with the reason. */
export const withSpark = skipWithout(python, runtime, s3)

/** A Spark session in a process of its own. */
export class Spark {
  static #shared: Spark | undefined
  readonly #process: LineProcess

  private constructor() {
    const jars = [runtime, s3].map(pathOf).join(',')
    this.#process = new LineProcess(pathOf(python), [join(INTEROP_SOURCES, 'spark_client.py'), jars]).share()
  }

  /** The session that all tests of this process share, as it takes long to start. Each attaches catalogs of names of its own. */
  static shared(): Spark {
    Spark.#shared ??= new Spark()
    return Spark.#shared
  }

  /**
   * Makes a catalog of ours a catalog of the session.
   * @param bucket how it reaches the files, when the catalog does not tell; undefined for files of this machine
   */
  async attach(name: string, url: string, bucket?: InteropBucket): Promise<void> {
    const settings = {
      '': 'org.apache.iceberg.spark.SparkCatalog',
      '.type': 'rest',
      '.uri': url,
      ...(bucket === undefined
        ? { '.io-impl': 'org.apache.iceberg.hadoop.HadoopFileIO' }
        : s3Settings(bucket)),
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
}

function s3Settings({
  endpoint,
  region,
  accessKeyId,
  secretAccessKey,
}: InteropBucket): Record<string, string> {
  return {
    '.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    '.s3.endpoint': endpoint,
    '.s3.path-style-access': 'true',
    '.s3.access-key-id': accessKeyId,
    '.s3.secret-access-key': secretAccessKey,
    '.client.region': region,
  }
}
