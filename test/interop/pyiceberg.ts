import { join } from 'node:path'
import type { NestedField } from '../../src/format/types.ts'
import type { InteropBucket } from './interop-store.ts'
import { INTEROP_SOURCES } from './interop-tools.ts'
import { LineProcess } from './line-process.ts'
import { readFacts, type TableFacts } from './table-facts.ts'

/** A table by its name in the catalog, or the location of a metadata file. */
type TablePlace = readonly string[] | string

/** PyIceberg in a process of its own, on one catalog. Dispose of it. */
export class PyIceberg implements AsyncDisposable {
  readonly #process: LineProcess

  private constructor(process: LineProcess) {
    this.#process = process
  }

  /** @param properties of the catalog, beside its URL: a token or a credential */
  static async connect(
    python: string,
    url: string,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<PyIceberg> {
    const process = new LineProcess(python, [join(INTEROP_SOURCES, 'pyiceberg_client.py')])
    const client = new PyIceberg(process)
    try {
      await process.request({ do: 'connect', url, properties })
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
    return client
  }

  /** The properties by which it reaches a bucket, when the catalog does not tell; none for files of this machine. */
  static bucketProperties(bucket: InteropBucket | undefined): Readonly<Record<string, string>> {
    if (bucket === undefined) return {}
    return {
      's3.endpoint': bucket.endpoint,
      's3.region': bucket.region,
      's3.access-key-id': bucket.accessKeyId,
      's3.secret-access-key': bucket.secretAccessKey,
    }
  }

  /** Runs a function of pyiceberg_client.py. */
  async call(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return await this.#process.request({ do: name, ...args })
  }

  async facts(
    table: TablePlace,
    fields: readonly NestedField[],
    options: { readonly where?: string; readonly snapshot?: string } = {},
  ): Promise<TableFacts> {
    return readFacts(fields, (await this.call('facts', { table, ...options })) as (string | null)[])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close()
  }
}
