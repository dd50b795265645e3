import { IngotError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { createRefs, dropRefs } from './change-refs.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { showRefs } from './list-refs.ts'
import { openProject } from './open-project.ts'

export const tagCommand: Command = {
  name: 'tag',
  summary: 'give a state of tables a name that keeps it: list, create and drop tags',
  positionals: '<list|create|drop> [tag] [table|namespace …]',
  positionalsCount: [1, 10_000],
  options: {
    all: { config: { type: 'boolean' }, help: 'every table of the lake' },
    at: {
      config: { type: 'string' },
      value: '<point>',
      help: 'create: the state to name, written as for ingot query (default: now)',
    },
    'keep-for': {
      config: { type: 'string' },
      value: '<duration>',
      help: 'create: after which maintenance may drop it (30d; default: never)',
    },
  },
  examples: [
    'ingot tag create closed-2026-01 --all --at 2026-02-01',
    'ingot tag create before-migration silver.flights --keep-for 30d',
    'ingot query "select * from gold.hub_load" --at closed-2026-01',
    'ingot tag drop closed-2026-01 --all',
  ],
  run: async input => {
    const verb = VERBS[input.positionals[0] ?? '']
    if (verb === undefined) {
      throw new IngotError('REQUEST_INVALID', `ingot tag has no ${input.positionals[0]}`, {
        hint: `use one of ${Object.keys(VERBS).join(', ')}`,
      })
    }
    await using platform = await openProject(input)
    await verb(platform, input)
    return EXIT.ok
  },
}

const VERBS: Readonly<Record<string, (platform: Platform, input: CommandInput) => Promise<void>>> = {
  list: (platform, input) => showRefs(platform, input, 'tag'),
  create: (platform, input) => createRefs(platform, input, 'tag'),
  drop: (platform, input) => dropRefs(platform, input, 'tag'),
}
