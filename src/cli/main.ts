#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nearestName } from '../did-you-mean.ts'
import { type ErrorCode, IngotError, isIngotError } from '../errors.ts'
import { type Command, commandHelp, EXIT, parseCommandLine } from './command.ts'
import { packageFolder } from './package-folder.ts'
import { createTerminal, describeError, errorToJson, type Terminal } from './terminal.ts'

/** Each command is loaded when it is called: `ingot --help` must not wait for an engine. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./init.ts')).initCommand,
  start: async () => (await import('./start.ts')).startCommand,
  plan: async () => (await import('./plan.ts')).planCommand,
  run: async () => (await import('./run.ts')).runCommand,
  query: async () => (await import('./query.ts')).queryCommand,
  tables: async () => (await import('./tables.ts')).tablesCommand,
  describe: async () => (await import('./describe.ts')).describeCommand,
  history: async () => (await import('./history.ts')).historyCommand,
  diff: async () => (await import('./diff.ts')).diffCommand,
  rollback: async () => (await import('./rollback.ts')).rollbackCommand,
  branch: async () => (await import('./branch.ts')).branchCommand,
  tag: async () => (await import('./tag.ts')).tagCommand,
  clone: async () => (await import('./clone.ts')).cloneCommand,
  properties: async () => (await import('./properties.ts')).propertiesCommand,
  maintain: async () => (await import('./maintain.ts')).maintainCommand,
  drop: async () => (await import('./drop.ts')).dropCommand,
  undrop: async () => (await import('./undrop.ts')).undropCommand,
  quarantine: async () => (await import('./quarantine.ts')).quarantineCommand,
  copy: async () => (await import('./copy.ts')).copyCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
  grant: async () => (await import('./grant.ts')).grantCommand,
  revoke: async () => (await import('./grant.ts')).revokeCommand,
  role: async () => (await import('./role.ts')).roleCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  types: async () => (await import('./types.ts')).typesCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
}

const USAGE_CODES: readonly ErrorCode[] = [
  'REQUEST_INVALID',
  'CONFIG_INVALID',
  'DECLARATION_INVALID',
  'QUERY_INVALID',
]

/** Runs the command line and resolves with the exit code. */
async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args[0] === 'help' && args[1] !== undefined ? [args[1], '--help'] : args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.out(await overview())
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  if (name === '--version' || name === '-v') {
    terminal.out(version())
    return EXIT.ok
  }
  const load = COMMANDS[name]
  if (!load) {
    const nearest = nearestName(name, Object.keys(COMMANDS))
    throw new IngotError('REQUEST_INVALID', `there is no command ${name}`, {
      hint: `${nearest === undefined ? '' : `did you mean ${nearest}? `}ingot --help lists the commands`,
    })
  }
  const command = await load()
  const interrupted = new AbortController()
  const input = parseCommandLine(command, rest, {
    environment: process.env,
    signal: interrupted.signal,
    terminal,
  })
  if (input === 'help') {
    terminal.out(commandHelp(command))
    return EXIT.ok
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The second signal ends the process at once: whoever presses Ctrl-C twice means it.
    process.once(signal, () =>
      interrupted.abort(new IngotError('CANCELLED', `stopped by ${signal}`, { context: { signal } })),
    )
  }
  return await command.run(input)
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map(load => load()))
  const width = Math.max(...commands.map(command => command.name.length))
  return [
    'ingot: a lakehouse that you write in TypeScript',
    '',
    'usage: ingot <command> [options]',
    '',
    ...commands.map(command => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'ingot <command> --help says more; ingot --version prints the version.',
  ].join('\n')
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as {
    version: string
  }
  return manifest.version
}

function exitCodeOf(error: unknown): number {
  if (isIngotError(error, 'CANCELLED')) return EXIT.interrupted
  if (isIngotError(error, 'PLAN_REFUSED')) return EXIT.refused
  return error instanceof IngotError && USAGE_CODES.includes(error.code) ? EXIT.usage : EXIT.failed
}

const terminal = createTerminal(process.env)
const args = process.argv.slice(2)
try {
  process.exitCode = await main(args, terminal)
} catch (error) {
  if (args.includes('--json')) terminal.out(JSON.stringify({ error: errorToJson(error) }))
  else terminal.err(describeError(error, terminal.style))
  process.exitCode = exitCodeOf(error)
}
