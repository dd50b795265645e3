import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LoadedTable } from '../../src/catalog/catalog.ts'
import { currentSchema } from '../../src/format/schema.ts'
import { quoteIdentifier, quoteLiteral } from '../../src/sql-text.ts'
import type { InteropBucket } from './interop-store.ts'
import { LineProcess } from './line-process.ts'
import { DUCKDB, factsSql, readFacts, type TableFacts } from './table-facts.ts'

const CLIENT = fileURLToPath(new URL('./duckdb-client.js', import.meta.url))

interface Connection {
  /** The folder that duckdbExtensionsTool installs. */
  readonly extensions: string
  readonly url: string
  /** How it reaches a bucket, when the catalog does not tell; undefined for files of this machine. */
  readonly bucket?: InteropBucket | undefined
}

/** DuckDB with its iceberg extension in a process of its own, one catalog attached as `lake`. Dispose of it. */
export class DuckdbIceberg implements AsyncDisposable {
  readonly #process: LineProcess

  private constructor(process: LineProcess) {
    this.#process = process
  }

  static async connect({ extensions, url, bucket }: Connection): Promise<DuckdbIceberg> {
    const client = new DuckdbIceberg(
      new LineProcess(process.execPath, [CLIENT, ...extensionFiles(extensions)]),
    )
    try {
      await client.run(
        "SET TimeZone = 'UTC'",
        ...(bucket === undefined ? [] : [secretSql(bucket)]),
        `ATTACH 'lake' AS lake (TYPE iceberg, ENDPOINT '${url}', AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')`,
      )
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
    return client
  }

  /** Runs statements in their order; the rows of each. */
  async run(...statements: readonly string[]): Promise<readonly unknown[]> {
    return (await this.#process.request(statements)) as unknown[]
  }

  async facts({ identifier, metadata }: LoadedTable): Promise<TableFacts> {
    const { fields } = currentSchema(metadata)
    const namespace = quoteIdentifier(identifier.namespace.join('.'))
    const select = `SELECT ${factsSql(fields, DUCKDB)} FROM lake.${namespace}.${quoteIdentifier(identifier.name)}`
    const [[[list]]] = (await this.run(select)) as [[[string]]]
    return readFacts(fields, JSON.parse(list) as (string | null)[])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close()
  }
}

/** As the Python packages of the pinned DuckDB lay them out; avro and httpfs first, or iceberg would download them. */
function extensionFiles(folder: string): readonly string[] {
  return ['avro', 'httpfs', 'iceberg'].map(name =>
    join(folder, `duckdb_extension_${name}`, 'extensions', 'v1.5.5', `${name}.duckdb_extension`),
  )
}

function secretSql({ endpoint, region, accessKeyId, secretAccessKey }: InteropBucket): string {
  const { host, protocol } = new URL(endpoint)
  const options = {
    KEY_ID: accessKeyId,
    SECRET: secretAccessKey,
    REGION: region,
    ENDPOINT: host,
    URL_STYLE: 'path',
  }
  const texts = Object.entries(options).map(([name, value]) => `${name} ${quoteLiteral(value)}`)
  return `CREATE SECRET (TYPE s3, ${texts.join(', ')}, USE_SSL ${protocol === 'https:'})`
}
