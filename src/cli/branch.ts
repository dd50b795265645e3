import type { LoadedTable } from '../catalog/catalog.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { openTable } from '../table/stage.ts'
import { stageDropRef, stageFastForward } from '../table/stage-refs.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { changeRefs, refArguments, requireKnownRef } from './change-refs.ts'
import type { CommandInput } from './command.ts'
import { onProject } from './open-project.ts'
import { quoteForShell } from './quote-for-shell.ts'
import { refAndTables, refVerbs } from './ref-verbs.ts'
import { loadSelectedTables } from './select-tables.ts'
import { verbCommand } from './verb-command.ts'

export const branchCommand = verbCommand({
  name: 'branch',
  summary: 'write aside, look, publish: list, create, drop and publish branches of tables',
  options: {
    all: { config: { type: 'boolean' }, help: 'every table of the lake' },
    at: {
      config: { type: 'string' },
      value: '<point>',
      help: 'create: where the branch begins, written as for ingot query (default: the head of main)',
    },
    'keep-for': {
      config: { type: 'string' },
      value: '<duration>',
      help: 'create: after which maintenance may drop it (30d; default: never); each commit to it puts that off',
    },
    keep: { config: { type: 'boolean' }, help: 'publish: leave the branch where it is' },
  },
  examples: [
    'ingot run --branch audit',
    'ingot branch list',
    'ingot branch publish audit',
    'ingot branch create trial silver --at 2026-01-31',
    'ingot branch drop trial --all',
  ],
  verbs: {
    ...refVerbs('branch'),
    publish: { ...refAndTables('branch'), options: ['all', 'keep'], run: onProject(publishBranch) },
  },
})

/** Moves main of every table that has the branch on to it, in one transaction: readers see all of it or nothing. */
async function publishBranch(platform: Platform, input: CommandInput): Promise<void> {
  const { name, selection } = refArguments(input)
  if (name === 'main') {
    throw new IngotError('REQUEST_INVALID', 'main is what branches are published to', {
      hint: 'name the branch to publish: ingot branch list',
    })
  }
  const all = selection.all || selection.names.length === 0
  const tables = await loadSelectedTables(platform.context.catalog, { ...selection, all })
  requireKnownRef(tables, { type: 'branch', name })
  const onBranch = tables.filter(({ metadata }) => metadata.refs[name]?.type === 'branch')
  requireNoneDiverged(onBranch, name)
  const keep = input.flag('keep')
  const change = { type: 'branch', name, done: 'published' } as const
  await changeRefs(platform, input, change, onBranch, async (staged, skip) => {
    if (staged.metadata.refs[name]?.type !== 'branch') return skip('its branch was dropped meanwhile')
    const published = stageFastForward(staged, name)
    return keep ? published : stageDropRef(published, name)
  })
}

/** All at once: whoever has to write a branch again wants to know of every table. */
function requireNoneDiverged(tables: readonly LoadedTable[], branch: string): void {
  const diverged = tables.filter(table => {
    try {
      stageFastForward(openTable(table), branch)
      return false
    } catch (error) {
      if (isIngotError(error, 'REQUEST_INVALID')) return true
      throw error
    }
  })
  if (diverged.length === 0) return
  const names = diverged.map(({ identifier }) => formatIdentifier(identifier))
  throw new IngotError(
    'REQUEST_INVALID',
    `branch ${branch} cannot be published: main moved on after the branch left it in ${names.join(', ')}`,
    {
      hint: `nothing was published; drop the branch (ingot branch drop ${quoteForShell(branch)} --all) and write it again from where main is now`,
      context: { branch, tables: names },
    },
  )
}
