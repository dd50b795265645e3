import { type ErrorCode, IngotError } from '../errors.ts'

/** How a failure looks to each kind of client. */
interface ErrorMapping {
  readonly status: number
  /** The exception of the Iceberg REST spec that clients of other engines know it by. */
  readonly type: string
  readonly sqlState: string
}

/**
 * The one place where codes become protocol answers. The statuses of a commit bind clients: 409 certainly not applied;
 * 500, 502, 504 perhaps applied; 503 certainly not, try later (REST spec, "commitTable"; apache/iceberg#3717).
 */
export const ERROR_MAPPINGS: Readonly<Record<ErrorCode, ErrorMapping>> = {
  CONFIG_INVALID: { status: 500, type: 'InternalServerError', sqlState: 'F0000' },
  DECLARATION_INVALID: { status: 400, type: 'BadRequestException', sqlState: '42P17' },
  QUERY_INVALID: { status: 400, type: 'BadRequestException', sqlState: '42601' },
  PLAN_REFUSED: { status: 422, type: 'UnprocessableEntityException', sqlState: '55000' },
  REQUEST_INVALID: { status: 400, type: 'BadRequestException', sqlState: '22023' },
  REQUEST_CONTRADICTORY: { status: 422, type: 'UnprocessableEntityException', sqlState: '22023' },
  NAMESPACE_NOT_FOUND: { status: 404, type: 'NoSuchNamespaceException', sqlState: '3F000' },
  NAMESPACE_EXISTS: { status: 409, type: 'AlreadyExistsException', sqlState: '42P06' },
  NAMESPACE_NOT_EMPTY: { status: 409, type: 'NamespaceNotEmptyException', sqlState: '2BP01' },
  TABLE_NOT_FOUND: { status: 404, type: 'NoSuchTableException', sqlState: '42P01' },
  TABLE_EXISTS: { status: 409, type: 'AlreadyExistsException', sqlState: '42P07' },
  VIEW_NOT_FOUND: { status: 404, type: 'NoSuchViewException', sqlState: '42P01' },
  SNAPSHOT_NOT_FOUND: { status: 404, type: 'NoSuchSnapshotException', sqlState: '42704' },
  HISTORY_FORGOTTEN: { status: 404, type: 'NoSuchTableException', sqlState: '42704' },
  PLAN_NOT_FOUND: { status: 404, type: 'NoSuchPlanIdException', sqlState: '42704' },
  PLAN_TASK_NOT_FOUND: { status: 404, type: 'NoSuchPlanTaskException', sqlState: '42704' },
  COMMIT_CONFLICT: { status: 409, type: 'CommitFailedException', sqlState: '40001' },
  COMMIT_STATE_UNKNOWN: { status: 500, type: 'CommitStateUnknownException', sqlState: '08007' },
  IDEMPOTENCY_MISMATCH: { status: 422, type: 'UnprocessableEntityException', sqlState: '22023' },
  PROGRESS_LOST: { status: 500, type: 'InternalServerError', sqlState: '55000' },
  METADATA_INVALID: { status: 500, type: 'InternalServerError', sqlState: 'XX001' },
  FILE_NOT_FOUND: { status: 500, type: 'InternalServerError', sqlState: '58P01' },
  FILE_EXISTS: { status: 500, type: 'InternalServerError', sqlState: '58P02' },
  STORAGE_FAILED: { status: 503, type: 'ServiceUnavailableException', sqlState: '58030' },
  SOURCE_CHANGED: { status: 422, type: 'UnprocessableEntityException', sqlState: '55000' },
  DATA_INVALID: { status: 400, type: 'BadRequestException', sqlState: '22000' },
  EXPECTATION_FAILED: { status: 422, type: 'UnprocessableEntityException', sqlState: '23514' },
  ENGINE_FAILED: { status: 500, type: 'InternalServerError', sqlState: 'XX000' },
  ENGINE_TIMEOUT: { status: 504, type: 'InternalServerError', sqlState: '57014' },
  ENGINE_OUT_OF_MEMORY: { status: 503, type: 'ServiceUnavailableException', sqlState: '53200' },
  ENGINE_CRASHED: { status: 503, type: 'ServiceUnavailableException', sqlState: '58000' },
  CATALOG_UNAVAILABLE: { status: 503, type: 'ServiceUnavailableException', sqlState: '57P03' },
  NOT_AUTHENTICATED: { status: 401, type: 'NotAuthorizedException', sqlState: '28000' },
  FORBIDDEN: { status: 403, type: 'ForbiddenException', sqlState: '42501' },
  UNSUPPORTED: { status: 406, type: 'UnsupportedOperationException', sqlState: '0A000' },
  CANCELLED: { status: 499, type: 'InternalServerError', sqlState: '57014' },
}

/** The body of every HTTP error: the REST spec's ErrorModel, with what an IngotError says beyond it. */
export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly code: number
    readonly ingot?: {
      readonly code: ErrorCode
      readonly retryable: boolean
      readonly hint: string | undefined
      readonly context: Readonly<Record<string, unknown>>
    }
  }
}

/** The answer to a failed request. What is no IngotError is a mistake in the program: it tells the client nothing. */
export function toErrorBody(error: unknown): ErrorBody {
  if (!(error instanceof IngotError)) {
    return { error: { message: 'internal error', type: 'InternalServerError', code: 500 } }
  }
  const { status, type } = ERROR_MAPPINGS[error.code]
  const { code, retryable, hint, context } = error
  return { error: { message: error.message, type, code: status, ingot: { code, retryable, hint, context } } }
}
