import type { WorkerFailure } from './worker-protocol.ts'

/** Inside a worker: why a statement failed, in the form that crosses to the program. */
export class StatementFailure extends Error {
  override readonly name = 'StatementFailure'
  readonly failure: WorkerFailure

  constructor(failure: WorkerFailure) {
    super(failure.type)
    this.failure = failure
  }

  /** What DuckDB gives a statement that was interrupted. */
  static interrupted(): StatementFailure {
    return new StatementFailure({ type: 'engine', exceptionType: 'INTERRUPT', message: 'Interrupted!' })
  }

  /** From an error of the binding under `errors_as_json`. A syntax error has text in front of the JSON. */
  static fromDuckdb(error: unknown): StatementFailure {
    const text = error instanceof Error ? error.message : String(error)
    const details = parseDetails(text)
    if (!details) return new StatementFailure({ type: 'engine', exceptionType: '', message: text })
    const { exception_type: exceptionType, exception_message: message, position } = details
    const positionBytes = Number(position ?? Number.NaN)
    return new StatementFailure({
      type: 'engine',
      exceptionType: exceptionType ?? '',
      message: message ?? text,
      ...(Number.isSafeInteger(positionBytes) ? { positionBytes } : {}),
    })
  }
}

function parseDetails(text: string): Readonly<Partial<Record<string, string>>> | undefined {
  const start = text.indexOf('{"exception_type"')
  if (start < 0) return undefined
  try {
    return JSON.parse(text.slice(start)) as Readonly<Partial<Record<string, string>>>
  } catch {
    return undefined
  }
}
