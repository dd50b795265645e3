import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import type { AccessStore } from '../catalog/access-store.ts'
import { loadConfig } from '../config.ts'
import { IngotError } from '../errors.ts'
import { openPlatform, type Platform } from '../platform.ts'
import { type CommandInput, EXIT } from './command.ts'

/** The access of the project's own catalog; dispose of the platform that it is of. */
export interface OwnAccess extends AsyncDisposable {
  readonly platform: Platform
  readonly access: AccessStore
}

/**
 * For the commands that manage access: they work on the store itself, for which nobody needs a token, even where the
 * configuration says by which URL others find the catalog.
 * @throws REQUEST_INVALID where there is no store
 */
export async function openOwnAccess(input: CommandInput): Promise<OwnAccess> {
  const config = loadConfig(input.projectFolder, input.environment)
  const { url, postgresUrl, file } = config.catalog
  if (url !== undefined && postgresUrl === undefined && !existsSync(file)) {
    throw new IngotError('REQUEST_INVALID', `access is not managed through the catalog at ${url}`, {
      hint: 'run this where the catalog has its store',
    })
  }
  const own = { ...config, catalog: { ...config.catalog, url: undefined } }
  const platform = await openPlatform(own, { prettyLog: !input.json, logLevel: 'warn' })
  const { store } = platform
  assert.ok(store, 'a catalog without a URL has a store')
  return { platform, access: store.access, [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose]() }
}

/** What a verb does that works on the access, and is well done when it ends. */
export function onAccess(
  work: (own: OwnAccess, input: CommandInput) => Promise<void>,
): (input: CommandInput) => Promise<number> {
  return async input => {
    await using own = await openOwnAccess(input)
    await work(own, input)
    return EXIT.ok
  }
}
