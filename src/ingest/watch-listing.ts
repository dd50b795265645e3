import * as fs from 'node:fs'
import { resolve } from 'node:path'
import { errnoOf } from '../storage/disk.ts'
import { toSourceError } from './source-error.ts'

/** Sees to it that what could not be listed is not taken for empty: the library that matches globs passes over errors. */
export interface ListingWatch {
  readonly fs: Pick<typeof fs, 'readdir' | 'realpath' | 'stat'>
  /** @throws STORAGE_FAILED when a folder could not be listed, or a link not followed */
  throwFailure(): void
}

/** A file system for one glob. Folders that are not there are empty. */
export function watchListing(): ListingWatch {
  let failure: { readonly error: unknown; readonly path: string } | undefined
  // Of the calls' many overloads the library uses those with a path first and a callback last.
  const watched = <Call extends (...parameters: never[]) => void>(call: Call): Call =>
    new Proxy(call, {
      apply(target, self, [path, ...rest]) {
        const callback = rest.pop()
        const onResult = (error: unknown, ...results: unknown[]): void => {
          const errno = errnoOf(error)
          if (errno !== undefined && errno !== 'ENOENT') failure ??= { error, path: resolve(path) }
          callback(error, ...results)
        }
        Reflect.apply(target, self, [path, ...rest, onResult])
      },
    })
  return {
    fs: { readdir: watched(fs.readdir), realpath: watched(fs.realpath), stat: watched(fs.stat) },
    throwFailure() {
      if (failure !== undefined) throw toSourceError(failure.error, failure.path)
    },
  }
}
