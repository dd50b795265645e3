import { formatIdentifier } from '../table-identifier.ts'
import { otherInputChanged, type RefreshDecision } from './decide-action.ts'
import { changeKind } from './input-changes.ts'
import { type ChangedRows, InputViews } from './input-views.ts'
import { filterInput } from './key-filters.ts'
import type { RefreshQueries } from './prepare-query.ts'
import type { ReadColumns } from './query-analysis.ts'
import type { RefreshContext, RefreshOutcome } from './refresh-context.ts'
import { stageProgress, stageRows } from './stage-rows.ts'
import { createTouchedKeys } from './touched-keys.ts'

/** Brings a query table up to date with its inputs, as was decided; rows that are gone can turn an append into a recomputation. */
export async function refreshQuery(
  refresh: RefreshContext,
  queries: RefreshQueries,
  decision: RefreshDecision,
): Promise<RefreshOutcome> {
  const views = new InputViews(refresh.context, refresh.session, refresh.lake)
  if (decision.action === 'keys' && queries.strategy === 'keys')
    return refreshKeys(refresh, views, queries, decision)
  for (const input of refresh.examined.inputs) await views.createNew(input)
  if (decision.action === 'append' && queries.strategy === 'append') {
    const obstacle = await obstacleToAppend(refresh, views, {
      ...queries,
      because: 'the table has no key to find theirs by',
    })
    if (obstacle === undefined) {
      const counts = await stageRows(refresh, {
        rows: queries.appended,
        helpers: queries.helpers,
        placement: { type: 'append' },
      })
      return { ...decision, ...counts }
    }
    return recompute(refresh, queries, { action: 'full', reason: obstacle })
  }
  return recompute(refresh, queries, decision)
}

async function recompute(
  refresh: RefreshContext,
  queries: RefreshQueries,
  decision: RefreshDecision,
): Promise<RefreshOutcome> {
  const counts = await stageRows(refresh, {
    rows: queries.rows,
    helpers: queries.helpers,
    placement: { type: 'all' },
  })
  return { ...decision, ...counts }
}

type KeysQueries = Extract<RefreshQueries, { strategy: 'keys' }>

async function refreshKeys(
  refresh: RefreshContext,
  views: InputViews,
  queries: KeysQueries,
  decision: RefreshDecision,
): Promise<RefreshOutcome> {
  const { session, examined } = refresh
  const { inputs } = examined
  const changed = new Map<number, ChangedRows>()
  for (const input of inputs) {
    await views.createNew(input)
    await views.createOld(input)
    if (changeKind(input) !== 'none')
      changed.set(input.input, await views.createChanges(input, queries.reads))
  }
  const selects = queries.touched.flatMap(({ input, changes, query }) => {
    const rows = changed.get(input)
    return (changes === 'old' ? rows?.removed : rows?.added) ? [query] : []
  })
  if (selects.length === 0) return { ...decision, ...(await stageProgress(refresh)) }
  await createTouchedKeys(session, queries.keyColumns, selects)
  for (const input of inputs) {
    const filter = await filterInput(session, input, queries.ranges)
    if (filter !== undefined) await views.createNew(input, filter)
  }
  const placement = { type: 'keys', keyColumns: queries.keyColumns } as const
  return {
    ...decision,
    ...(await stageRows(refresh, { rows: queries.recomputed, helpers: queries.helpers, placement })),
  }
}

/** Why the changed rows cannot just be added, `because` included; where files were only written again, nothing stands against it. */
export async function obstacleToAppend(
  { examined }: RefreshContext,
  views: InputViews,
  {
    drivingInput,
    reads,
    because,
  }: { readonly drivingInput: number; readonly reads?: ReadColumns; readonly because: string },
): Promise<string | undefined> {
  for (const input of examined.inputs) {
    if (changeKind(input) === 'none' && input.input !== drivingInput) continue
    const { removed, added } = await views.createChanges(input, reads)
    const name = formatIdentifier(input.identifier)
    if (input.input !== drivingInput && removed + added > 0) return otherInputChanged(name)
    if (removed > 0) return `${removed} rows of ${name} are gone or changed, and ${because}`
  }
  return undefined
}
