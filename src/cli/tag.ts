import { refVerbs } from './ref-verbs.ts'
import { verbCommand } from './verb-command.ts'

export const tagCommand = verbCommand({
  name: 'tag',
  summary: 'give a state of tables a name that keeps it: list, create and drop tags',
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
  verbs: refVerbs('tag'),
})
