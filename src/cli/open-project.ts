import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../config.ts'
import { IngotError } from '../errors.ts'
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
  requireProject(input)
  const config = loadConfig(input.projectFolder, input.environment)
  const branch = input.text('branch')
  return await openPlatform(config, {
    prettyLog: !input.json,
    logLevel: 'warn',
    ...(branch === undefined ? {} : { branch }),
  })
}

/** What makes a folder a project: its declarations, its configuration, or a lake that lies in it. */
const MARKS = ['lake.ts', 'ingot.json', '.ingot']

/** Without this a misspelt folder would be an empty lake. Who configures by variables alone needs nothing in the folder. @throws REQUEST_INVALID */
function requireProject({ projectFolder, environment }: CommandInput): void {
  const isConfigured = Object.keys(environment).some(name => name.startsWith('INGOT_'))
  const isProject = MARKS.some(name => existsSync(join(projectFolder, name)))
  if (isProject || (isConfigured && existsSync(projectFolder))) return
  throw new IngotError('REQUEST_INVALID', `there is no lake.ts in ${projectFolder}`, {
    hint: 'name the folder of the project (--project), or make one: ingot init <folder>',
    context: { projectFolder },
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
