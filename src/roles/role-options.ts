import type { RoleMessage } from './role-message.ts'

/** What every role is started with. */
export interface RoleOptions {
  /** Whoever started the role shows what `send` tells: the log has the rest, for a person. */
  readonly isWatched: boolean
  /** Ends the role. */
  readonly signal: AbortSignal
  readonly send: (message: RoleMessage) => void
}
