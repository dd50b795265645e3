import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { IngotError } from '../errors.ts'
import { type Command, EXIT } from './command.ts'
import { packageFolder } from './package-folder.ts'

export const initCommand: Command = {
  name: 'init',
  summary: 'make a small lake that runs, to start from',
  positionals: '<folder>',
  positionalsCount: [1, 1],
  examples: ['ingot init my-lake'],
  run: async input => {
    const folder = resolve(input.positionals[0] ?? '.')
    if (existsSync(folder) && readdirSync(folder).length > 0) {
      throw new IngotError('REQUEST_INVALID', `${folder} is not empty`, {
        hint: 'give a folder that does not exist yet, or an empty one: nothing of yours is overwritten',
      })
    }
    mkdirSync(folder, { recursive: true })
    cpSync(join(packageFolder(), 'templates', 'default'), folder, { recursive: true })
    // npm leaves files named .gitignore out of packages.
    renameSync(join(folder, 'gitignore'), join(folder, '.gitignore'))
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
    if (input.json) input.terminal.out(JSON.stringify({ folder, files }))
    else input.terminal.out(nextSteps(relative(process.cwd(), folder) || '.'))
    return EXIT.ok
  },
}

function nextSteps(folder: string): string {
  return [
    `made ${folder}: lake.ts declares the tables, inbox/ has a few readings of vehicles`,
    '',
    'next:',
    ...(folder === '.' ? [] : [`  cd ${/\s/.test(folder) ? JSON.stringify(folder) : folder}`]),
    '  npx ingot start --once',
    '  npx ingot query "select * from gold.depot_days order by day, depot"',
    '  npx ingot quarantine list',
  ].join('\n')
}
