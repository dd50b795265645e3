import { loadConfig } from '../config.ts'
import { openPlatform, type Platform } from '../platform.ts'
import type { CommandInput } from './command.ts'

/** The parts of the project that a command works on. Its log tells only what goes wrong, for a person unless JSON was asked for. */
export async function openProject(input: CommandInput): Promise<Platform> {
  const config = loadConfig(input.projectFolder, input.environment)
  return await openPlatform(config, { prettyLog: !input.json, logLevel: 'warn' })
}
