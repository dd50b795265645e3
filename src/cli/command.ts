import { resolve } from 'node:path'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { nearestName } from '../did-you-mean.ts'
import { IngotError } from '../errors.ts'
import type { Terminal } from './terminal.ts'

/** What a finished command tells the shell. `usage` also stands for a wrong configuration or declaration. */
export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, interrupted: 130 } as const

type OptionConfig = NonNullable<ParseArgsConfig['options']>[string]

/** An option of one command, or of several. */
export interface CommandOption {
  readonly config: OptionConfig
  /** What the option's value is called in the help: `<folder>`. */
  readonly value?: string
  readonly help: string
}

export interface CommandInput {
  readonly positionals: readonly string[]
  readonly projectFolder: string
  /** Results as JSON for machines, no progress. */
  readonly json: boolean
  readonly environment: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  readonly terminal: Terminal
  flag(name: string): boolean
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  /** A whole number above 0. @throws REQUEST_INVALID */
  count(name: string, byDefault: number): number
}

/** One of several things that a command does, named by its first argument. */
export interface CommandVerb {
  /** After the verb: `<branch> [table …]`. */
  readonly positionals?: string
  /** How many are needed and allowed after it. @default [0, 0] */
  readonly positionalsCount?: readonly [min: number, max: number]
  /** Names of those options of the command that it takes. @default none */
  readonly options?: readonly string[]
}

/** One subcommand of `ingot`, in a file of its own. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** After the name: `[table …]`. */
  readonly positionals?: string
  /** How many are needed and allowed. @default [0, 0] */
  readonly positionalsCount?: readonly [min: number, max: number]
  /** The first argument is one of these, instead of `positionals`. */
  readonly verbs?: Readonly<Record<string, CommandVerb>>
  readonly options?: Readonly<Record<string, CommandOption>>
  readonly examples: readonly string[]
  /** Resolves with the exit code; errors thrown are shown and mapped to one. */
  run(input: CommandInput): Promise<number>
}

const COMMON_OPTIONS: Readonly<Record<string, CommandOption>> = {
  project: {
    config: { type: 'string', short: 'p' },
    value: '<folder>',
    help: 'the folder of lake.ts (default: this one)',
  },
  json: { config: { type: 'boolean' }, help: 'print results as JSON, for machines' },
  help: { config: { type: 'boolean', short: 'h' }, help: 'show this' },
}

/**
 * The command line after the command's name.
 * @throws REQUEST_INVALID naming the argument
 */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
  surroundings: Pick<CommandInput, 'environment' | 'signal' | 'terminal'>,
): CommandInput | 'help' {
  const options = { ...COMMON_OPTIONS, ...command.options }
  const config = Object.fromEntries(Object.entries(options).map(([name, option]) => [name, option.config]))
  const hint = hintOf(command)
  let parsed: { values: Record<string, unknown>; positionals: string[] }
  try {
    parsed = parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true })
  } catch (cause) {
    throw optionError(command, cause as Error, Object.keys(options))
  }
  const { values, positionals } = parsed
  if (values.help === true) return 'help'
  checkArguments(command, positionals, Object.keys(values))
  return {
    ...surroundings,
    positionals,
    projectFolder: resolve((values.project as string | undefined) ?? '.'),
    json: values.json === true,
    flag: name => values[name] === true,
    text: name => values[name] as string | undefined,
    texts: name => (values[name] as string[] | undefined) ?? [],
    count: (name, byDefault) => {
      const text = values[name] as string | undefined
      if (text === undefined) return byDefault
      if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
      throw new IngotError('REQUEST_INVALID', `--${name} is ${text}, which is not a whole number above 0`, {
        hint,
      })
    },
  }
}

/** What node:util says of options, without its advice on positional arguments. */
function optionError(command: Command, cause: Error, options: readonly string[]): IngotError {
  const unknown = /^Unknown option '--([^']*)'/.exec(cause.message)?.[1]
  if (unknown === undefined) {
    const [message = ''] = cause.message.split('\n')
    return new IngotError('REQUEST_INVALID', message, { cause, hint: hintOf(command) })
  }
  const nearest = nearestName(unknown, options)
  const hint = hintOf(command)
  return new IngotError('REQUEST_INVALID', `ingot ${command.name} has no option --${unknown}`, {
    cause,
    hint: nearest === undefined ? hint : `did you mean --${nearest}? ${hint}`,
  })
}

/** @throws REQUEST_INVALID when there are too few or too many, an unknown verb, or an option that the verb would not look at */
function checkArguments(command: Command, positionals: readonly string[], given: readonly string[]): void {
  if (command.verbs === undefined) {
    checkCount(`ingot ${command.name}`, command, command, positionals)
    return
  }
  const [verb = '', ...rest] = positionals
  const names = Object.keys(command.verbs)
  const chosen = names.includes(verb) ? command.verbs[verb] : undefined
  if (chosen === undefined) {
    const problem = verb === '' ? `takes one of ${names.join(', ')}` : `has no ${verb}`
    throw new IngotError('REQUEST_INVALID', `ingot ${command.name} ${problem}`, {
      hint: verb === '' ? hintOf(command) : `use one of ${names.join(', ')}`,
    })
  }
  const what = `ingot ${command.name} ${verb}`
  checkCount(what, command, chosen, rest)
  const taken = [...Object.keys(COMMON_OPTIONS), ...(chosen.options ?? [])]
  const surplus = given.find(option => !taken.includes(option))
  if (surplus === undefined) return
  throw new IngotError('REQUEST_INVALID', `${what} takes no --${surplus}`, { hint: hintOf(command) })
}

function checkCount(
  what: string,
  command: Command,
  { positionals: expected, positionalsCount: [min, max] = [0, 0] }: CommandVerb | Command,
  given: readonly string[],
): void {
  if (given.length >= min && given.length <= max) return
  throw new IngotError('REQUEST_INVALID', `${what} takes ${expected ?? 'no further arguments'}`, {
    hint: hintOf(command),
  })
}

function hintOf({ name }: Command): string {
  return `run: ingot ${name} --help`
}

/** The help text of one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, option]) => {
    const short = option.config.short ? `-${option.config.short}, ` : '    '
    return [`  ${short}--${name}${option.value ? ` ${option.value}` : ''}`, option.help] as const
  })
  const width = Math.max(...options.map(([left]) => left.length))
  return [
    `${command.summary}`,
    '',
    ...usagesOf(command).map((usage, index) => `${index === 0 ? 'usage:' : '      '} ${usage} [options]`),
    '',
    ...options.map(([left, help]) => `${left.padEnd(width)}  ${help}`),
    '',
    'examples:',
    ...command.examples.map(example => `  ${example}`),
  ].join('\n')
}

function usagesOf({ name, positionals, verbs }: Command): readonly string[] {
  const usage = (...parts: readonly (string | undefined)[]): string =>
    ['ingot', name, ...parts].filter(part => part !== undefined).join(' ')
  if (verbs === undefined) return [usage(positionals)]
  return Object.entries(verbs).map(([verb, { positionals: after }]) => usage(verb, after))
}
