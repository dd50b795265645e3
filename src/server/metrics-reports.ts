import { z } from 'zod'
import type { Metrics } from '../telemetry/metrics.ts'

const integer = z.union([z.int(), z.bigint()])
const measured = z.record(z.string(), z.looseObject({}))

/** What engines tell of their scans and commits (REST spec, "ReportMetricsRequest"). */
export const metricsReportSchema = z.discriminatedUnion('report-type', [
  z.object({
    'report-type': z.literal('scan-report'),
    'table-name': z.string(),
    'snapshot-id': integer,
    filter: z.unknown().refine(filter => filter !== undefined, 'a filter is missing'),
    'schema-id': integer,
    'projected-field-ids': z.array(integer),
    'projected-field-names': z.array(z.string()),
    metrics: measured,
  }),
  z.object({
    'report-type': z.literal('commit-report'),
    'table-name': z.string(),
    'snapshot-id': integer,
    'sequence-number': integer,
    operation: z.string(),
    metrics: measured,
  }),
])

/** Reports that were received: counted, and not kept. */
export interface MetricsReports {
  count(type: z.infer<typeof metricsReportSchema>['report-type']): void
}

/** Registers the metric of reports. */
export function createMetricsReports(metrics: Metrics): MetricsReports {
  const received = metrics.counter(
    'ingot_catalog_metrics_reports_total',
    'Reports of scans and commits that engines sent to the catalog',
    ['type'],
  )
  return { count: type => received.add({ type }, 1) }
}
