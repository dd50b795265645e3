import { IngotError } from '../errors.ts'

/** Where a command writes: results to `out`, everything about them to `err`. */
export interface Terminal {
  /** One line, or several, to standard output. */
  out(text: string): void
  /** To standard error. */
  err(text: string): void
  /** Bytes or text as they are, without a line end. */
  write(chunk: string | Uint8Array): void
  /** To standard error as it is, without a line end: for what is drawn over again. */
  draw(text: string): void
  /** How many characters a line of standard error holds before it wraps. */
  columns(): number
  /** Standard error is a terminal that a person watches: progress may redraw, colours may be used. */
  readonly interactive: boolean
  readonly style: Style
}

export interface Style {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  cyan(text: string): string
}

const COLUMNS_UNKNOWN = 80

/** The process's own streams. Colours follow NO_COLOR, FORCE_COLOR and whether standard error is a terminal. */
export function createTerminal(environment: NodeJS.ProcessEnv): Terminal {
  const interactive =
    process.stderr.isTTY === true && environment.CI === undefined && environment.TERM !== 'dumb'
  const coloured = environment.NO_COLOR ? false : environment.FORCE_COLOR ? true : interactive
  return {
    out: text => process.stdout.write(`${text}\n`),
    err: text => process.stderr.write(`${text}\n`),
    write: chunk => process.stdout.write(chunk),
    draw: text => process.stderr.write(text),
    columns: () => process.stderr.columns ?? COLUMNS_UNKNOWN,
    interactive,
    style: createStyle(coloured),
  }
}

export function createStyle(coloured: boolean): Style {
  const paint = (open: number, close: number) => (text: string) =>
    coloured ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  }
}

/** An error as a person should see it: what failed, what to do; the stack only for mistakes of the program itself. */
export function describeError(error: unknown, style: Style): string {
  if (error instanceof IngotError) {
    const head = `${style.red('error')} ${style.dim(error.code)} ${error.message}`
    return error.hint ? `${head}\n${style.cyan('hint')}  ${error.hint}` : head
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `${style.red('error')} this is a defect of ingot, please report it\n${text}`
}

/** An error for machines (`--json`). */
export function errorToJson(error: unknown): Record<string, unknown> {
  if (error instanceof IngotError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      retryable: error.retryable,
      context: error.context,
    }
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
}

/** A result for machines, on one line. 63-bit ids are text: JSON readers round integers of that size. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? part.toString() : part))
}
