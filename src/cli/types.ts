import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateTypes, TYPES_FILE } from '../lake/generate-types.ts'
import { openLake } from '../platform.ts'
import { type Command, EXIT } from './command.ts'
import { openProject } from './open-project.ts'

export const typesCommand: Command = {
  name: 'types',
  summary: `write ${TYPES_FILE}: the row types of every table, for the TypeScript compiler`,
  options: {
    check: { config: { type: 'boolean' }, help: 'write nothing; fail when the file is out of date' },
  },
  examples: ['ingot types', 'ingot types --check'],
  run: async input => {
    await using platform = await openProject(input)
    const text = generateTypes(await openLake(platform))
    const path = join(input.projectFolder, TYPES_FILE)
    const current = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    const isCurrent = current === text
    const isCheck = input.flag('check')
    if (!isCheck && !isCurrent) await writeFile(path, text)
    const outcome = isCurrent ? 'is up to date' : isCheck ? 'is out of date: run ingot types' : 'written'
    input.terminal.out(input.json ? JSON.stringify({ file: path, isCurrent }) : `${path} ${outcome}`)
    return isCheck && !isCurrent ? EXIT.failed : EXIT.ok
  },
}
