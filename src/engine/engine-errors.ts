import { IngotError, type IngotErrorOptions } from '../errors.ts'
import type { WorkerExit } from './worker-process.ts'
import type { WorkerFailure } from './worker-protocol.ts'

/** What an error says about the statement that failed. */
export interface StatementInfo {
  /** The SQL, or what a map reads. */
  readonly sql: string
  readonly label: string | undefined
  readonly timeLimitMs: number
  readonly memoryLimitBytes: number
}

/** Why the program stopped a statement. */
export type StopReason = 'time_limit' | 'memory' | 'cancelled' | 'closed'

const SHOWN_SQL_LENGTH_MAX = 2000
const MIB = 1024 * 1024

/** The error of a statement that was answered with a failure. `stop` when the program had asked it to end. */
export function failureError(
  failure: WorkerFailure,
  info: StatementInfo,
  stop: { readonly reason: StopReason; readonly cause?: unknown } | undefined,
): IngotError {
  if (failure.type === 'map') return mapError(failure, info)
  if (failure.type === 'tooManyRows') {
    return statementError('ENGINE_FAILED', info, `has more than ${failure.rowsMax} rows`, {
      hint: 'add a limit, aggregate, or write the rows to a table or a file instead',
    })
  }
  if (failure.exceptionType === 'INTERRUPT' && stop) return stopError(stop.reason, info, stop.cause)
  if (failure.exceptionType === 'Out of Memory') return outOfMemoryError(failure.message, info)
  if (failure.exceptionType === 'HTTP') return storageError(failure.message, info)
  // As httpfs tells of a request that got no answer: "Could not connect to server error for HTTP PUT to '…'".
  if (failure.exceptionType === 'IO' && / error for HTTP [A-Z]+ to '/.test(failure.message)) {
    return unreachableError(failure.message, info)
  }
  const kind = failure.exceptionType === '' ? '' : `${failure.exceptionType} Error: `
  return statementError('ENGINE_FAILED', info, `failed: ${kind}${failure.message}`, {
    context: {
      exceptionType: failure.exceptionType,
      engineMessage: failure.message,
      ...(failure.positionBytes === undefined ? {} : locate(info.sql, failure.positionBytes)),
    },
  })
}

/** The error of a session that could not be let into the storage. */
export function accessError(failure: WorkerFailure, root: string): IngotError {
  const message = failure.type === 'engine' ? failure.message : failure.type
  return new IngotError('ENGINE_FAILED', `the engine cannot use ${root}: ${message}`, {
    hint: 'httpfs, an extension of DuckDB, is downloaded from extensions.duckdb.org: where that cannot be reached, set engine.extensionFolder to a folder that has httpfs.duckdb_extension',
    context: { root, engineMessage: message },
  })
}

/** The error of a statement that the object store refused. The engine has repeated what can be repeated. */
function storageError(message: string, info: StatementInfo): IngotError {
  const status = Number(/HTTP (?:code )?(\d{3})/.exec(message)?.[1])
  return statementError('STORAGE_FAILED', info, `could not use the storage: ${message}`, {
    retryable: status === 429 || status >= 500,
    hint:
      status === 403
        ? 'allow s3:GetObject and s3:PutObject below storage.root, and check that the credentials have not expired'
        : 'see the status: 404 is a file that is gone, 400 or 301 mostly a wrong storage.s3.region, 5xx a store that failed',
    context: { engineMessage: message, ...(Number.isNaN(status) ? {} : { status }) },
  })
}

/** The error of a statement that got no answer from the object store. */
function unreachableError(message: string, info: StatementInfo): IngotError {
  return statementError('STORAGE_FAILED', info, `could not reach the storage: ${message}`, {
    retryable: true,
    hint: 'check storage.s3.endpoint, the network and whether the store runs',
    context: { engineMessage: message },
  })
}

/** The error of a statement whose worker ended before it answered. */
export function exitError(exit: WorkerExit, info: StatementInfo, cause?: unknown): IngotError {
  if (exit.reason !== 'crash') return stopError(exit.reason, info, cause)
  return statementError('ENGINE_CRASHED', info, `ended with its worker (${describeExit(exit)})`, {
    retryable: true,
    hint: 'another worker is started for the next session; a statement that crashes again is a defect of the engine or too large',
    context: { exitCode: exit.exitCode, exitSignal: exit.exitSignal, stderr: exit.stderr },
  })
}

export function startFailedError(exit: WorkerExit): IngotError {
  return new IngotError(
    'ENGINE_CRASHED',
    `an engine worker did not start (${describeExit(exit)}): ${exit.stderr}`,
    {
      hint: 'check that the temporary folder can be written and that the memory limit is sensible',
      context: { exitCode: exit.exitCode, exitSignal: exit.exitSignal },
    },
  )
}

export function closedError(): IngotError {
  return new IngotError('CANCELLED', 'the engine is closed')
}

function stopError(reason: StopReason, info: StatementInfo, cause: unknown): IngotError {
  switch (reason) {
    case 'time_limit':
      return statementError('ENGINE_TIMEOUT', info, `was stopped at its limit of ${info.timeLimitMs} ms`, {
        hint: 'make it read less, or raise engine.timeLimitSeconds',
      })
    case 'memory':
      return outOfMemoryError('the worker grew beyond its limit and was ended', info)
    case 'cancelled':
      return statementError('CANCELLED', info, 'was cancelled', { cause })
    case 'closed':
      return statementError('CANCELLED', info, 'was ended by closing the engine')
  }
}

function outOfMemoryError(message: string, info: StatementInfo): IngotError {
  const limit = `${Math.round(info.memoryLimitBytes / MIB)} MiB`
  return statementError(
    'ENGINE_OUT_OF_MEMORY',
    info,
    `needs more than the ${limit} of its worker: ${message}`,
    {
      hint: 'raise engine.memoryMb with fewer workers, or make the statement hold less at a time',
    },
  )
}

function mapError(failure: Extract<WorkerFailure, { type: 'map' }>, info: StatementInfo): IngotError {
  const cause = failure.stack === undefined ? undefined : new Error(failure.message)
  if (cause && failure.stack) cause.stack = failure.stack
  const where = failure.row === undefined ? '' : ` on the row ${failure.row}`
  return new IngotError('DATA_INVALID', `map${ofLabel(info)} failed${where}: ${failure.message}`, {
    ...(cause ? { cause } : {}),
    context: { label: info.label, row: failure.row, stack: failure.stack },
  })
}

function statementError(
  code:
    | 'ENGINE_FAILED'
    | 'ENGINE_TIMEOUT'
    | 'ENGINE_OUT_OF_MEMORY'
    | 'ENGINE_CRASHED'
    | 'STORAGE_FAILED'
    | 'CANCELLED',
  info: StatementInfo,
  what: string,
  options: IngotErrorOptions = {},
): IngotError {
  const statement = shorten(info.sql)
  return new IngotError(code, `statement${ofLabel(info)} ${what}`, {
    ...options,
    context: { label: info.label, statement, ...options.context },
  })
}

function ofLabel(info: StatementInfo): string {
  return info.label === undefined ? '' : ` of ${info.label}`
}

function describeExit({ exitCode, exitSignal }: WorkerExit): string {
  return exitSignal === null ? `exit code ${exitCode}` : `signal ${exitSignal}`
}

function shorten(sql: string): string {
  return sql.length > SHOWN_SQL_LENGTH_MAX ? `${sql.slice(0, SHOWN_SQL_LENGTH_MAX)}…` : sql
}

/** DuckDB counts bytes; `position` counts UTF-16 units from 0, line and column from 1. */
function locate(sql: string, positionBytes: number): { position: number; line: number; column: number } {
  const before = Buffer.from(sql).subarray(0, positionBytes).toString()
  const lines = before.split('\n')
  return { position: before.length, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}
