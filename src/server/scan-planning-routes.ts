import type { Context, Hono } from 'hono'
import { z } from 'zod'
import type { LoadedTable } from '../catalog/catalog.ts'
import { locationsOf } from '../catalog/table-locations.ts'
import { type ErrorCode, IngotError, isIngotError } from '../errors.ts'
import type { Expression } from '../format/expression.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { stringifyJson } from '../json.ts'
import { openScan, type PlanScanOptions } from '../table/scan.ts'
import { type PageLimits, readPage, type ScanRange, splitRange, wholeScan } from '../table/scan-pages.ts'
import type { TableContext } from '../table/staged-table.ts'
import { delegate } from './credential-routes.ts'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { readJson, sendJson } from './json-exchange.ts'
import { identifierOf } from './route-parameters.ts'
import { type PlannedTask, toScanTasksJson, withResiduals } from './scan-planning-answer.ts'
import {
  type PinnedScan,
  pinScan,
  planScanSchema,
  type ReadyScan,
  readyScan,
} from './scan-planning-request.ts'
import {
  formatPlanId,
  formatToken,
  isMutePlanId,
  parseToken,
  type ScanToken,
  unknownToken,
} from './scan-planning-token.ts'

/** What scans are planned from. */
export interface ScanPlanningOptions {
  readonly files: Pick<TableContext, 'io' | 'manifests'>
  /** Whether manifests outside the folders of a table are refused: they could be those of a table that the client may not read. */
  readonly isConfined: boolean
  /** Of one answer. @default 1000 files, 20 000 entries */
  readonly limits?: PageLimits
}

const LIMITS: PageLimits = { tasksMax: 1000, entriesMax: 20_000 }
/** Conditions and values of a filter that one answer compares files with. */
const COMPARISONS_MAX = 2_000_000
/** Of what is left of the filter, in all files of an answer. */
const FILTER_CHARACTERS_MAX = 16 * 1024 * 1024
/** Statistics of one column in one file. */
const STATISTICS_MAX = 100_000
/** Into how many parts, which a client may ask for at once, the rest of a plan is divided. */
const PARTS_MAX = 8
/** Parts repeat what was asked for: a longer one is not divided. */
const DIVIDED_CHARACTERS_MAX = 4096

const tasksSchema = z.object({ 'plan-task': z.string() })

const PLAN_PATH = '/namespaces/:namespace/tables/:table/plan'

/**
 * Server-side scan planning (REST spec, "planTableScan", "fetchPlanningResult", "cancelPlanning", "fetchScanTasks"). A plan is
 * completed at once; nothing of it is kept, its id and its tasks say what they are.
 */
export function addScanPlanningRoutes(app: Hono, options: IcebergRestOptions): void {
  const { catalog, credentials, scans } = options
  if (scans === undefined) return
  const tableOf = (context: Context): Promise<LoadedTable> => catalog.loadTable(identifierOf(context))

  app.post(PLAN_PATH, async context => {
    const body = await readJson(context, planScanSchema)
    const table = await tableOf(context)
    const scan = pinScan(table.metadata, body)
    return await sendPlan(context, table, scan, readyScan(table.metadata, scan))
  })

  app.get(`${PLAN_PATH}/:plan-id`, async context => {
    const table = await tableOf(context)
    const { scan, ready } = reopen(table, context.req.param('plan-id'), 'PLAN_NOT_FOUND')
    return await sendPlan(context, table, scan, ready)
  })

  app.delete(`${PLAN_PATH}/:plan-id`, async context => {
    const table = await tableOf(context)
    const planId = context.req.param('plan-id')
    if (!isMutePlanId(planId)) parseToken(planId, table.metadata['table-uuid'], 'PLAN_NOT_FOUND')
    return context.body(null, 204)
  })

  app.post('/namespaces/:namespace/tables/:table/tasks', async context => {
    const task = (await readJson(context, tasksSchema))['plan-task']
    const table = await tableOf(context)
    const { scan, ready, range } = reopen(table, task, 'PLAN_TASK_NOT_FOUND')
    return sendJson(context, await planPart(scans, table.metadata, scan, ready, range))
  })

  async function sendPlan(
    context: Context,
    table: LoadedTable,
    scan: PinnedScan,
    ready: ReadyScan,
  ): Promise<Response> {
    const { metadata } = table
    const part = await planPart(scans as ScanPlanningOptions, metadata, scan, ready)
    const { 'storage-credentials': found } = await delegate(context, credentials, table, false)
    return sendJson(context, {
      status: 'completed',
      'plan-id': formatPlanId({ tableUuid: metadata['table-uuid'], scan }),
      ...part,
      ...(found && { 'storage-credentials': found }),
    })
  }
}

/** A plan or a part of one, from its token: what that names may have expired, or was made up. */
function reopen(
  { metadata }: LoadedTable,
  text: string,
  code: ErrorCode,
): ScanToken & { readonly ready: ReadyScan } {
  const token = parseToken(text, metadata['table-uuid'], code)
  try {
    return { ...token, ready: readyScan(metadata, token.scan) }
  } catch (error) {
    const isGone = isIngotError(error, 'SNAPSHOT_NOT_FOUND') || isIngotError(error, 'METADATA_INVALID')
    throw isGone ? unknownToken(text, code, error) : error
  }
}

/** The first files of a range, and tasks for the rest of it. */
async function planPart(
  scans: ScanPlanningOptions,
  metadata: TableMetadata,
  scan: PinnedScan,
  { options, filter, statsFields, rowsMin }: ReadyScan,
  range?: ScanRange,
): Promise<Record<string, unknown>> {
  if (options === undefined) return toScanTasksJson(metadata, [], statsFields)
  const check = scans.isConfined ? { checkLocation: confinedTo(metadata) } : {}
  const open = await openScan(scans.files, metadata, { ...options, ...check })
  const page = await readPage(open, range ?? wholeScan(open), limitsOf(scans, options, { statsFields, scan }))
  const { tasks, rowsLeft } = untilEnough(withResiduals(metadata, filter, page.tasks), rowsMin)
  const rest = rowsLeft === 0n ? [] : partsOf(page.rest, metadata, { ...scan, ...rowsOf(rowsLeft) })
  return {
    ...toScanTasksJson(metadata, tasks, statsFields),
    ...(rest.length > 0 && { 'plan-tasks': rest }),
  }
}

/** Files with the statistics of many columns are long, and long filters take long to compare with and come with every file. */
function limitsOf(
  { limits = LIMITS }: ScanPlanningOptions,
  { filter }: PlanScanOptions,
  asked: { readonly statsFields: ReadonlySet<number>; readonly scan: PinnedScan },
): PageLimits {
  const byStatistics = STATISTICS_MAX / Math.max(1, asked.statsFields.size)
  const byFilter = FILTER_CHARACTERS_MAX / stringifyJson(asked.scan.filter ?? true).length
  const tasksMax = Math.floor(Math.min(byStatistics, byFilter))
  const entriesMax = Math.floor(COMPARISONS_MAX / (filter === undefined ? 1 : sizeOf(filter)))
  return {
    tasksMax: Math.max(1, Math.min(limits.tasksMax, tasksMax)),
    entriesMax: Math.max(1, Math.min(limits.entriesMax, entriesMax)),
  }
}

function sizeOf(filter: Expression): number {
  switch (filter.type) {
    case 'and':
    case 'or':
      return filter.operands.reduce((sum, operand) => sum + sizeOf(operand), 1)
    case 'not':
      return sizeOf(filter.operand)
    case 'in':
    case 'not-in':
      return 1 + filter.values.length
    default:
      return 1
  }
}

function rowsOf(rowsLeft: bigint | undefined): Pick<PinnedScan, 'min-rows-requested'> {
  return rowsLeft === undefined ? {} : { 'min-rows-requested': rowsLeft }
}

/** As many tasks as certainly have the rows that are wanted; what is still wanted after them. */
function untilEnough(
  tasks: readonly PlannedTask[],
  rowsMin: bigint | undefined,
): { readonly tasks: readonly PlannedTask[]; readonly rowsLeft: bigint | undefined } {
  if (rowsMin === undefined) return { tasks, rowsLeft: undefined }
  let rowsLeft = rowsMin
  const enough = tasks.findIndex(({ entry, deletes, residual }) => {
    const isSure = deletes.length === 0 && residual.type === 'constant' && residual.value
    if (isSure) rowsLeft -= BigInt(entry.file.recordCount)
    return rowsLeft <= 0n
  })
  return enough === -1 ? { tasks, rowsLeft } : { tasks: tasks.slice(0, enough + 1), rowsLeft: 0n }
}

function partsOf(rest: ScanRange | undefined, metadata: TableMetadata, scan: PinnedScan): readonly string[] {
  if (rest === undefined) return []
  const format = (range: ScanRange): string => formatToken({ tableUuid: metadata['table-uuid'], scan, range })
  const whole = format(rest)
  // One after the other, where the first may have all the rows that are wanted.
  const isDivided = whole.length <= DIVIDED_CHARACTERS_MAX && scan['min-rows-requested'] === undefined
  return isDivided ? splitRange(rest, PARTS_MAX).map(format) : [whole]
}

/** Whoever may write to a table may name any file in its metadata. */
function confinedTo(metadata: TableMetadata): (location: string) => void {
  const { own, shared } = locationsOf(metadata)
  const folders = [own, ...shared].map(folder => `${folder.replace(/\/+$/, '')}/`)
  return location => {
    const isInside = folders.some(folder => location.startsWith(folder)) && !/\/\.{1,2}\/|\0/.test(location)
    if (isInside) return
    throw new IngotError('UNSUPPORTED', `the table has a manifest outside its folder: ${location}`, {
      hint: 'let the engine plan the scan: it reads manifests with credentials of its own',
      context: { location, folders },
    })
  }
}
