import { loadConfig } from '../config.ts'
import { openPlatform, type Platform } from '../platform.ts'
import { type CommandInput, type CommandOption, EXIT } from './command.ts'

/** For commands that can read and write a branch in the place of main. */
export const BRANCH_OPTION: CommandOption = {
  config: { type: 'string', short: 'b' },
  value: '<branch>',
  help: 'on this branch instead of main; a table that does not have it is read from main',
}

/**
 * The parts of the project that a command works on, on the branch that it was given. Its log tells only what goes wrong, for a person
 * unless JSON was asked for.
 */
export async function openProject(input: CommandInput): Promise<Platform> {
  const config = loadConfig(input.projectFolder, input.environment)
  const branch = input.text('branch')
  return await openPlatform(config, {
    prettyLog: !input.json,
    logLevel: 'warn',
    ...(branch === undefined ? {} : { branch }),
  })
}

/** What a verb does that works on the project, and is well done when it ends. */
export function onProject(
  work: (platform: Platform, input: CommandInput) => Promise<void>,
): (input: CommandInput) => Promise<number> {
  return async input => {
    await using platform = await openProject(input)
    await work(platform, input)
    return EXIT.ok
  }
}
