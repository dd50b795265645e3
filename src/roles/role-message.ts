import type { RunEvent } from '../pipeline/run-events.ts'

/** What a role tells its supervisor. */
export type RoleMessage =
  /** The role serves requests at this URL. */
  | { readonly type: 'listening'; readonly url: string; readonly port: number }
  /** Something happened in a run. */
  | { readonly type: 'run'; readonly event: RunEvent }
