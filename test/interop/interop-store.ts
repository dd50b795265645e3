import { variablesOf, withCloudState, withCloudTools } from '../e2e/cloud-state.ts'
import { S3_CREDENTIALS, S3_REGION } from '../support/s3-server.ts'

/** A bucket as an engine reaches it that is told neither by the catalog. */
export interface InteropBucket {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Where a lake keeps its files and its catalog. */
export interface InteropStore {
  /** The variables that put a lake there, whatever project it is of. */
  readonly environment: NodeJS.ProcessEnv
  /** `s3://bucket/prefix` and how to reach it; undefined when the files are in a folder. */
  readonly s3?: InteropBucket & { readonly root: string }
}

/** The two ends of what Ingot can stand on. */
export const STORES = ['folder + libsql', 'S3 + PostgreSQL'] as const
export type StoreName = (typeof STORES)[number]

/** The option that makes a test on this store skipped where its servers cannot be had, with the reason. */
export function withStore(name: StoreName): { readonly skip: string | false } {
  return name === 'folder + libsql' ? { skip: false } : withCloudTools
}

/** An empty store of this kind, while `work` runs. */
export async function useStore<T>(name: StoreName, work: (store: InteropStore) => Promise<T>): Promise<T> {
  if (name === 'folder + libsql') return await work({ environment: {} })
  return await withCloudState(state => {
    // The space has to be right in every engine's URLs; what engines make of letters beyond ASCII is an operation of its own.
    const root = `s3://${new URL(state.root).host}/interop lake`
    const { endpoint } = state
    return work({
      environment: variablesOf({ ...state, root }),
      s3: { ...S3_CREDENTIALS, root, endpoint, region: S3_REGION },
    })
  })
}
