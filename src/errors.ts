/** Every way in which an Ingot operation can fail. Stable: they appear in logs, metrics and HTTP bodies, and in docs/errors.md. */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'DECLARATION_INVALID',
  'QUERY_INVALID',
  'PLAN_REFUSED',
  'REQUEST_INVALID',
  'REQUEST_CONTRADICTORY',
  'NAMESPACE_NOT_FOUND',
  'NAMESPACE_EXISTS',
  'NAMESPACE_NOT_EMPTY',
  'TABLE_NOT_FOUND',
  'TABLE_EXISTS',
  'VIEW_NOT_FOUND',
  'SNAPSHOT_NOT_FOUND',
  'HISTORY_FORGOTTEN',
  'PLAN_NOT_FOUND',
  'PLAN_TASK_NOT_FOUND',
  'COMMIT_CONFLICT',
  'COMMIT_STATE_UNKNOWN',
  'IDEMPOTENCY_MISMATCH',
  'PROGRESS_LOST',
  'METADATA_INVALID',
  'FILE_NOT_FOUND',
  'FILE_EXISTS',
  'STORAGE_FAILED',
  'SOURCE_CHANGED',
  'DATA_INVALID',
  'EXPECTATION_FAILED',
  'ENGINE_FAILED',
  'ENGINE_TIMEOUT',
  'ENGINE_OUT_OF_MEMORY',
  'ENGINE_CRASHED',
  'CATALOG_UNAVAILABLE',
  'NOT_AUTHENTICATED',
  'FORBIDDEN',
  'UNSUPPORTED',
  'CANCELLED',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface IngotErrorOptions {
  readonly cause?: unknown
  /** Whether the same call may succeed when it is made again, unchanged. @default false */
  readonly retryable?: boolean
  /** What to do next, as a sentence for the person who can act. */
  readonly hint?: string
  /** Ids, paths, snapshots: what a machine needs to find the place. */
  readonly context?: Readonly<Record<string, unknown>>
}

/**
 * The one error type. `message` says in lower case what failed, with its values; `hint` what to do next.
 * A mistake in the program itself is an assertion, not an IngotError.
 */
export class IngotError extends Error {
  override readonly name = 'IngotError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly hint: string | undefined
  readonly context: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: IngotErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    this.hint = options.hint
    this.context = options.context ?? {}
  }
}

/** Whether `error` is an IngotError, with `code` when one is given. */
export function isIngotError(error: unknown, code?: ErrorCode): error is IngotError {
  return error instanceof IngotError && (code === undefined || error.code === code)
}
