import type { Metrics } from '../telemetry/metrics.ts'
import type { MaintenanceReport, TableMaintenance } from './maintenance-report.ts'

/** What rounds of maintenance count. */
export interface MaintenanceMetrics {
  observe(report: MaintenanceReport): void
}

/** Registers the metrics of maintenance. */
export function createMaintenanceMetrics(metrics: Metrics): MaintenanceMetrics {
  const seconds = metrics.histogram(
    'ingot_maintenance_round_seconds',
    'Time that a round of maintenance took',
  )
  const expired = metrics.counter(
    'ingot_maintenance_snapshots_expired_total',
    'Snapshots that were expired',
    ['table'],
  )
  const rewrittenFiles = metrics.counter(
    'ingot_maintenance_rewritten_files_total',
    'Data files that were written again as fewer',
    ['table'],
  )
  const rewrittenBytes = metrics.counter(
    'ingot_maintenance_rewritten_bytes_total',
    'Bytes of data files that were written again as fewer',
    ['table'],
  )
  const removedFiles = metrics.counter('ingot_maintenance_removed_files_total', 'Files that were removed', [
    'table',
  ])
  const failures = metrics.counter('ingot_maintenance_failures_total', 'Tables whose maintenance failed', [
    'table',
  ])
  const observeTable = (report: TableMaintenance): void => {
    const { table, rewrites } = report
    expired.add({ table }, report.snapshotsExpired)
    rewrittenFiles.add(
      { table },
      rewrites.reduce((sum, rewrite) => sum + rewrite.files, 0),
    )
    rewrittenBytes.add(
      { table },
      rewrites.reduce((sum, rewrite) => sum + rewrite.bytes, 0),
    )
    removedFiles.add({ table }, report.removed.files + report.orphans.files)
    if (report.error !== undefined) failures.add({ table })
  }
  return {
    observe: report => {
      seconds.observe({}, report.seconds)
      for (const table of report.tables) observeTable(table)
    },
  }
}
