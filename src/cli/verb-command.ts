import assert from 'node:assert/strict'
import type { Command, CommandInput, CommandVerb } from './command.ts'

/** A verb, and what it does. */
export interface ActingVerb extends CommandVerb {
  /** The verb is the first of the positionals. Resolves with the exit code. */
  run(input: CommandInput): Promise<number>
}

/** A command that does several things, of which its first argument says one. */
export function verbCommand(
  command: Omit<Command, 'positionals' | 'positionalsCount' | 'verbs' | 'run'> & {
    readonly verbs: Readonly<Record<string, ActingVerb>>
  },
): Command {
  return {
    ...command,
    run: input => {
      const verb = command.verbs[input.positionals[0] ?? '']
      assert(verb, 'a command line has a verb of its command')
      return verb.run(input)
    },
  }
}
