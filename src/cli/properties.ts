import { nearestName } from '../did-you-mean.ts'
import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { isReservedProperty, settingMisfit, TABLE_SETTINGS } from '../maintenance/table-settings.ts'
import type { Platform } from '../platform.ts'
import { stageProperties } from '../table/stage.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { commitStaged } from './commit-staged.ts'
import { droppedMeanwhile, loadNamedTable } from './named-table.ts'
import { openProject } from './open-project.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

const PROPERTIES_MAX = 1000

export const propertiesCommand: Command = {
  name: 'properties',
  summary:
    'show the properties of a table, or set and remove some: how its history, its files and their removal are kept',
  positionals: '<table> [key=value …]',
  positionalsCount: [1, PROPERTIES_MAX],
  options: {
    unset: {
      config: { type: 'string', multiple: true },
      value: '<key>',
      help: 'remove this property (repeatable): what is the default holds again',
    },
  },
  examples: [
    'ingot properties silver.flights',
    'ingot properties silver.flights history.expire.max-snapshot-age-ms=86400000 ingot.sort-by=carrier,day',
    'ingot properties silver.flights --unset ingot.sort-by',
  ],
  run: async input => {
    const [name = '', ...assignments] = input.positionals
    const wanted = parseChanges(assignments, input.texts('unset'))
    await using platform = await openProject(input)
    const { identifier, metadata } = await loadNamedTable(platform.context.catalog, name)
    if (wanted.set.size + wanted.unset.length === 0) show(input, metadata)
    else await change(platform, input, identifier, wanted)
    return EXIT.ok
  },
}

/** What the command line asks for. */
interface WantedChanges {
  readonly set: ReadonlyMap<string, string>
  readonly unset: readonly string[]
}

/** @throws REQUEST_INVALID for what is no assignment, a property named twice, and one that is not a person's to change */
function parseChanges(assignments: readonly string[], unset: readonly string[]): WantedChanges {
  const set = assignments.map(parseAssignment)
  const keys = [...set.map(([key]) => key), ...unset]
  const twice = keys.find((key, index) => keys.indexOf(key) < index)
  if (twice !== undefined) throw new IngotError('REQUEST_INVALID', `property ${twice} is named twice`)
  const reserved = keys.find(isReservedProperty)
  if (reserved !== undefined) {
    const nearest = nearestName(reserved, Object.keys(TABLE_SETTINGS))
    const settings = `settings are ${Object.keys(TABLE_SETTINGS).join(', ')}`
    throw new IngotError('REQUEST_INVALID', `property ${reserved} is kept by ingot or by the format itself`, {
      hint: nearest === undefined ? settings : `did you mean ${nearest}?`,
      context: { property: reserved },
    })
  }
  return { set: new Map(set), unset }
}

function parseAssignment(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  throw new IngotError('REQUEST_INVALID', `${text} sets no property`, {
    hint: 'write key=value, or --unset key to remove one',
  })
}

async function change(
  platform: Platform,
  input: CommandInput,
  identifier: TableIdentifier,
  wanted: WantedChanges,
): Promise<void> {
  const { result, summary } = await commitStaged(platform, input.signal, async transaction => {
    let changes = { set: {}, remove: [] } as Changes
    await transaction.update(identifier, async staged => {
      if (staged === undefined) throw droppedMeanwhile(identifier)
      checkValues(staged.metadata, wanted)
      changes = changesOf(staged.metadata, wanted)
      return stageProperties(staged, changes)
    })
    const keys = [...Object.keys(changes.set), ...changes.remove]
    return { note: { kind: 'properties', properties: keys }, summary: changes }
  })
  report(input, identifier, summary, result?.transactionId)
}

/** What is not yet as it is wanted. */
interface Changes {
  readonly set: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

function changesOf({ properties }: TableMetadata, { set, unset }: WantedChanges): Changes {
  return {
    set: Object.fromEntries([...set].filter(([key, value]) => properties[key] !== value)),
    remove: unset.filter(key => properties[key] !== undefined),
  }
}

function checkValues(metadata: TableMetadata, { set, unset }: WantedChanges): void {
  // Without a value it has its default.
  const collected = unset.includes('gc.enabled') ? [['gc.enabled', 'true'] as const] : []
  for (const [key, value] of [...set, ...collected]) {
    const misfit = settingMisfit(metadata, key, value)
    if (misfit === undefined) continue
    throw new IngotError('REQUEST_INVALID', `${key} is ${JSON.stringify(value)}, which ${misfit}`, {
      hint: 'docs/guides/maintenance.md says what each setting means',
      context: { property: key },
    })
  }
}

function show({ json, terminal }: CommandInput, { properties }: TableMetadata): void {
  const rows = Object.entries(properties).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const columns = ['property', 'value'].map(name => ({ name, type: 'VARCHAR' }))
  if (json) terminal.out(formatJson(properties))
  else if (rows.length === 0) terminal.out('no property is set')
  else terminal.out(formatTable(columns, rows, { cellWidthMax: 100 }))
}

function report(
  { json, terminal }: CommandInput,
  identifier: TableIdentifier,
  { set, remove }: Changes,
  transactionId: number | undefined,
): void {
  const table = formatIdentifier(identifier)
  if (json) {
    terminal.out(formatJson({ table, set, unset: remove, transactionId: transactionId ?? null }))
    return
  }
  const transaction = transactionId === undefined ? 'nothing changed' : `transaction ${transactionId}`
  terminal.out(`${table} (${transaction})`)
  for (const [key, value] of Object.entries(set)) terminal.out(`  ${key} = ${value}`)
  for (const key of remove) terminal.out(`  ${key} is no longer set`)
}
