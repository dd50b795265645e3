import pino from 'pino'
import { IngotError } from '../errors.ts'
import { formatLogLine } from './log-line.ts'

/** How much is written: `silent` writes nothing, `debug` everything. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What a line carries beside its message: ids, counts, paths. An error goes under `err`, so that its code and stack are kept. */
type LogFields = Readonly<Record<string, unknown>>

/** A structured log: one line a call, message last as in `log.info({ table }, 'committed')`. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A log whose every line carries `fields` too. */
  child(fields: LogFields): Log
}

export interface LogOptions {
  readonly level: LogLevel
  /** Where the lines go. @default standard error: standard output belongs to results */
  readonly stream?: { write(line: string): unknown }
  /** Lines for a person instead of JSON. @default false */
  readonly pretty?: boolean
}

const SECRETS = [
  'password',
  'secret',
  'token',
  'authorization',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
]

/** A log over pino. Values under names that hold secrets are replaced by `[redacted]`, down to two levels of nesting. */
export function createLog(options: LogOptions): Log {
  const target = options.stream ?? process.stderr
  const stream = options.pretty ? { write: (line: string) => target.write(formatLogLine(line)) } : target
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: SECRETS.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    },
    stream,
  )
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack } = error
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  if (!(error instanceof IngotError)) return { name, message, stack, ...cause }
  return { code: error.code, message, hint: error.hint, context: error.context, stack, ...cause }
}
