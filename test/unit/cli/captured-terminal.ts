import { type Command, type CommandInput, parseCommandLine } from '../../../src/cli/command.ts'
import { createStyle, type Terminal } from '../../../src/cli/terminal.ts'
import { isIngotError } from '../../../src/errors.ts'

/** What a command wrote, and how it ended: `code` of the process, or the IngotError that it threw. */
export interface CommandOutcome {
  readonly exitCode: number | undefined
  readonly error:
    | { readonly code: string; readonly message: string; readonly hint: string | undefined }
    | undefined
  readonly out: string
  readonly err: string
}

/** A terminal that keeps what is written to it. */
export class CapturedTerminal implements Terminal {
  readonly interactive: boolean
  readonly style = createStyle(false)
  readonly #columns: number
  readonly #out: Buffer[] = []
  #err = ''

  constructor(options: { readonly interactive?: boolean; readonly columns?: number } = {}) {
    this.interactive = options.interactive ?? false
    this.#columns = options.columns ?? 200
  }

  get stdout(): string {
    return Buffer.concat(this.#out).toString('utf8')
  }

  get stderr(): string {
    return this.#err
  }

  out(text: string): void {
    this.write(`${text}\n`)
  }

  err(text: string): void {
    this.#err += `${text}\n`
  }

  write(chunk: string | Uint8Array): void {
    this.#out.push(Buffer.from(chunk))
  }

  draw(text: string): void {
    this.#err += text
  }

  columns(): number {
    return this.#columns
  }
}

/** Runs a command in this process, as the command line would. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = { INGOT_LOG_LEVEL: 'silent', INGOT_ENGINE_WORKERS: '1' },
): Promise<CommandOutcome> {
  const terminal = new CapturedTerminal()
  const surroundings = { environment, signal: new AbortController().signal, terminal }
  try {
    const exitCode = await command.run(inputOf(command, args, surroundings))
    return { exitCode, error: undefined, out: terminal.stdout, err: terminal.stderr }
  } catch (error) {
    if (!isIngotError(error)) throw error
    const { code, message, hint } = error
    return { exitCode: undefined, error: { code, message, hint }, out: terminal.stdout, err: terminal.stderr }
  }
}

function inputOf(
  command: Command,
  args: readonly string[],
  surroundings: Pick<CommandInput, 'environment' | 'signal' | 'terminal'>,
): CommandInput {
  const input = parseCommandLine(command, args, surroundings)
  if (input === 'help') throw new Error('the arguments ask for help')
  return input
}
