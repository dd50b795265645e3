import { join } from 'node:path'
import { bindQuery } from '../../src/cli/bind-query.ts'
import { exactJsonSql } from '../../src/cli/exact-json.ts'
import { prepareLakeQuery } from '../../src/cli/lake-query.ts'
import { parseQueryPoint } from '../../src/cli/query-point.ts'
import { systemClock } from '../../src/clock.ts'
import { createDuckdbEngine } from '../../src/engine/duckdb-engine.ts'
import { systemRandom } from '../../src/random.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import { openS3Storage } from '../../src/storage/s3-storage.ts'
import type { Engine, EngineValue } from '../../src/table/engine.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import type { TableContext } from '../../src/table/staged-table.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { InteropLake } from './interop-lake.ts'

/** What `ingot query` does, within this process: many small reads of one lake. Dispose of it before the lake. */
export class LakeReader implements AsyncDisposable {
  readonly #context: TableContext
  readonly #engine: Engine

  private constructor(context: TableContext, engine: Engine) {
    this.#context = context
    this.#engine = engine
  }

  static async open({ folder, store, catalog }: InteropLake): Promise<LakeReader> {
    const parts = { clock: systemClock, random: systemRandom }
    const s3 = store.s3 && (await openS3Storage({ ...parts, ...store.s3, credentials: store.s3 }))
    const engine = createDuckdbEngine({
      workers: 1,
      memoryLimitBytes: 1e9,
      threads: 1,
      timeLimitMs: 60_000,
      tempFolder: join(folder, '.temp-reader'),
      s3,
      extensionFolder: store.environment.INGOT_ENGINE_EXTENSION_FOLDER,
      log: createLog({ level: 'silent' }),
      metrics: createMetrics(),
    })
    const io = s3?.io ?? createLocalFileIO()
    return new LakeReader({ ...parts, io, catalog, manifests: createManifestCache() }, engine)
  }

  /** The rows of one SELECT, exact as `ingot query --json` has them. `at` as in `ingot query --at`. */
  async rows(sql: string, at?: string): Promise<readonly (readonly EngineValue[])[]> {
    return await this.#engine.session({ label: 'interop' }, async session => {
      const text = await prepareLakeQuery(this.#context, session, sql, parseQueryPoint(at, '--at'))
      return (await session.query(exactJsonSql(text, await bindQuery(session, text)))).rows
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.close()
  }
}
