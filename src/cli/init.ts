import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { IngotError } from '../errors.ts'
import { type Command, EXIT } from './command.ts'
import { packageFolder } from './package-folder.ts'
import { quoteForShell } from './quote-for-shell.ts'

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
    else input.terminal.out(nextSteps(folder))
    return EXIT.ok
  },
}

function nextSteps(folder: string): string {
  const shown = relative(process.cwd(), folder)
  return [
    `made ${shown || 'a lake'}: lake.ts declares the tables, inbox/ has a few readings of vehicles`,
    '',
    'next:',
    ...(shown === '' ? [] : [`  cd ${quoteForShell(shown)}`]),
    ...(isInstalledAbove(folder) ? [] : [`  npm init -y && npm install ${quoteForShell(packageFolder())}`]),
    '  npx ingot start --once',
    '  npx ingot query "select * from gold.depot_days order by day, depot"',
    '  npx ingot quarantine list',
  ].join('\n')
}

/** Whether npx and the imports of a lake in that folder find this package. */
function isInstalledAbove(folder: string): boolean {
  const parent = dirname(folder)
  return existsSync(join(folder, 'node_modules', 'ingot')) || (parent !== folder && isInstalledAbove(parent))
}
