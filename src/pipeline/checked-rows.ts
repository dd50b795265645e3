import { IngotError } from '../errors.ts'
import type { Expectation } from '../lake/lake.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { ExpectationCounts } from './run-report.ts'
import { columnList, type DerivedTable } from './winning-rows.ts'

function failedColumn(index: number): string {
  return `ingot_failed_${index}`
}

/** The rows of `rows` with one more boolean column an expectation: true where the row fails it. */
export function checkedRowsSql(table: DerivedTable, rows: string): string {
  const failed = table.expectations.map(
    ({ check }, index) => `((\n${check}\n) IS NOT TRUE) AS ${failedColumn(index)}`,
  )
  return `SELECT ${['*', ...failed].join(', ')} FROM (${rows}\n) AS ${quoteIdentifier(table.identifier.name)}`
}

/** True for rows that an expectation keeps out of the table; undefined when none does. */
function failsAny(table: DerivedTable, otherwises: readonly Expectation['otherwise'][]): string | undefined {
  const failed = table.expectations.flatMap(({ otherwise }, index) =>
    otherwises.includes(otherwise) ? [failedColumn(index)] : [],
  )
  return failed.length === 0 ? undefined : `(${failed.join(' OR ')})`
}

/** Of checked rows those that stay in the table, before one row a key is chosen. */
export function passingRowsSql(table: DerivedTable, relation: string): string {
  const kept = failsAny(table, ['drop', 'quarantine'])
  return `SELECT * FROM ${relation}${kept === undefined ? '' : ` WHERE NOT ${kept}`}`
}

/** Of checked rows those for the quarantine table, in its columns. */
export function quarantinedRowsSql(
  table: DerivedTable,
  relation: string,
  run: { readonly runId: string; readonly startedAtMs: number },
): string {
  const names = table.expectations.map(
    ({ name }, index) => `CASE WHEN ${failedColumn(index)} THEN ${quoteLiteral(name)} END`,
  )
  const rules = names.length === 0 ? "''" : `concat_ws(', ', ${names.join(', ')})`
  const at = `make_timestamptz(${Math.trunc(run.startedAtMs)} * 1000)`
  const failed = failsAny(table, ['quarantine']) ?? 'false'
  return `SELECT ${columnList(table)}, ${rules} AS _rule, ${quoteLiteral(run.runId)} AS _run_id, ${at} AS _quarantined_at FROM ${relation} WHERE ${failed}`
}

/** How many of the checked rows pass and fail each expectation, and go to quarantine. */
export interface CheckedCounts {
  readonly expectations: readonly ExpectationCounts[]
  readonly quarantined: number
  /** How many stay in the table, before one row a key is chosen. */
  readonly passing: number
}

/** Counts the `total` checked rows. @throws EXPECTATION_FAILED for an expectation that must not fail */
export async function countExpectations(
  session: EngineSession,
  table: DerivedTable,
  relation: string,
  total: number,
): Promise<CheckedCounts> {
  if (table.expectations.length === 0) return { expectations: [], quarantined: 0, passing: total }
  const counts = table.expectations.map((_, index) => `count_if(${failedColumn(index)})`)
  const toQuarantine = `count_if(${failsAny(table, ['quarantine']) ?? 'false'})`
  const leaving = `count_if(${failsAny(table, ['drop', 'quarantine']) ?? 'false'})`
  const { rows } = await session.query(
    `SELECT ${[toQuarantine, leaving, ...counts].join(', ')} FROM ${relation}`,
  )
  const [quarantined = 0, left = 0, ...failed] = (rows[0] ?? []).map(Number)
  const expectations = table.expectations.map(({ name, otherwise }, index) => ({
    name,
    otherwise,
    passed: total - (failed[index] ?? 0),
    failed: failed[index] ?? 0,
  }))
  for (const [index, { name, otherwise, failed: failedCount }] of expectations.entries()) {
    if (otherwise === 'fail' && failedCount > 0)
      throw await expectationFailed(session, table, { name, index, failedCount, total, relation })
  }
  return { expectations, quarantined, passing: total - left }
}

const SAMPLE_ROWS = 3

interface FailedExpectation {
  readonly name: string
  readonly index: number
  readonly failedCount: number
  readonly total: number
  readonly relation: string
}

async function expectationFailed(
  session: EngineSession,
  table: DerivedTable,
  { name, index, failedCount, total, relation }: FailedExpectation,
): Promise<IngotError> {
  const { rows } = await session.query(
    `SELECT to_json(r) FROM (SELECT ${columnList(table)} FROM ${relation} WHERE ${failedColumn(index)} LIMIT ${SAMPLE_ROWS}) AS r`,
  )
  const samples = rows.map(([json]) => String(json))
  const of = `${failedCount} of ${total} rows`
  return new IngotError(
    'EXPECTATION_FAILED',
    `${of} of ${formatIdentifier(table.identifier)} fail '${name}', such as ${samples.join(', ')}`,
    {
      hint: "mend the rows or the check, or let it 'warn', 'drop' or 'quarantine'",
      context: {
        table: formatIdentifier(table.identifier),
        expectation: name,
        failed: failedCount,
        total,
        samples,
      },
    },
  )
}
