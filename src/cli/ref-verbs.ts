import type { SnapshotRef } from '../format/metadata-types.ts'
import { createRefs, dropRefs } from './change-refs.ts'
import { showRefs } from './list-refs.ts'
import { onProject } from './open-project.ts'
import type { ActingVerb } from './verb-command.ts'

/** So many tables one command line may name. */
const TABLES_MAX = 10_000

/** The name of a branch or tag, and after it tables and namespaces. */
export function refAndTables(
  type: SnapshotRef['type'],
): Pick<ActingVerb, 'positionals' | 'positionalsCount'> {
  return { positionals: `<${type}> [table|namespace …]`, positionalsCount: [1, TABLES_MAX] }
}

/** What can be done with branches and tags alike. */
export function refVerbs(
  type: SnapshotRef['type'],
): Readonly<Record<'list' | 'create' | 'drop', ActingVerb>> {
  return {
    list: {
      positionals: '[table|namespace …]',
      positionalsCount: [0, TABLES_MAX],
      options: ['all'],
      run: onProject((platform, input) => showRefs(platform, input, type)),
    },
    create: {
      ...refAndTables(type),
      options: ['all', 'at', 'keep-for'],
      run: onProject((platform, input) => createRefs(platform, input, type)),
    },
    drop: {
      ...refAndTables(type),
      options: ['all'],
      run: onProject((platform, input) => dropRefs(platform, input, type)),
    },
  }
}
