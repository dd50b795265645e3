import { prepareLakeQuery } from '../../src/cli/lake-query.ts'
import { loadConfig } from '../../src/config.ts'
import { isIngotError } from '../../src/errors.ts'
import { openPlatform, type Platform } from '../../src/platform.ts'
import type { EngineValue } from '../../src/table/engine.ts'

/** Reads a lake from this process, again and again, while others write to it. Dispose of it. */
export class LakeReader implements AsyncDisposable {
  readonly #platform: Platform

  private constructor(platform: Platform) {
    this.#platform = platform
  }

  static async open(project: string): Promise<LakeReader> {
    return new LakeReader(await openPlatform(loadConfig(project, { INGOT_LOG_LEVEL: 'silent' })))
  }

  /** The rows of a query as the lake is now; undefined while a table that it reads is not there. */
  async rows(sql: string): Promise<readonly (readonly EngineValue[])[] | undefined> {
    const { context, engine } = this.#platform
    try {
      return await engine.session({ label: 'test' }, async session => {
        const text = await prepareLakeQuery(context, session, sql, { type: 'now' })
        return (await session.query(text)).rows
      })
    } catch (error) {
      if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#platform[Symbol.asyncDispose]()
  }
}
