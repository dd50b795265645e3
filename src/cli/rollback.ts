import type { Command } from './command.ts'
export const rollbackCommand = null as unknown as Command
