import type { Metrics } from '../telemetry/metrics.ts'
import type { RunReport, TableReport } from './run-report.ts'

/** What runs count. */
export interface PipelineMetrics {
  observeRun(report: RunReport): void
}

/** Registers the pipeline's metrics. */
export function createPipelineMetrics(metrics: Metrics): PipelineMetrics {
  const seconds = metrics.histogram(
    'ingot_pipeline_run_seconds',
    'Time from the start of a run to its commit',
  )
  const rows = metrics.counter('ingot_pipeline_rows_total', 'Rows that runs put into a table', ['table'])
  const quarantined = metrics.counter(
    'ingot_pipeline_quarantined_rows_total',
    'Rows that runs put into quarantine',
    ['table'],
  )
  const rescued = metrics.counter(
    'ingot_pipeline_rescued_rows_total',
    'Rows that runs put into a bronze table with some of their fields in _rescued',
    ['table'],
  )
  const failures = metrics.counter(
    'ingot_pipeline_table_failures_total',
    'Tables that a run left out because they failed',
    ['table'],
  )
  const expectations = metrics.counter(
    'ingot_pipeline_expectation_failures_total',
    'Rows that failed an expectation, in all runs',
    ['table', 'expectation'],
  )
  const observeTable = (report: TableReport): void => {
    const { table } = report
    rows.add({ table }, report.rowsAdded)
    if (report.rowsQuarantined > 0) quarantined.add({ table }, report.rowsQuarantined)
    if (report.load !== undefined && report.load.rescued > 0) rescued.add({ table }, report.load.rescued)
    if (report.error !== undefined) failures.add({ table })
    for (const { name, failed } of report.expectations) {
      if (failed > 0) expectations.add({ table, expectation: name }, failed)
    }
  }
  return {
    observeRun: report => {
      seconds.observe({}, report.seconds)
      for (const table of report.tables) observeTable(table)
    },
  }
}
