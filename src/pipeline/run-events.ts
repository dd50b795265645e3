import type { RunReport, TableAction, TableReport } from './run-report.ts'

/** What happens in a run, as it happens. */
export type RunEvent =
  | { readonly type: 'run-started'; readonly runId: string; readonly tables: readonly string[] }
  | {
      readonly type: 'table-started'
      readonly table: string
      readonly action: TableAction
      readonly reason: string
      /** Of the sources of a bronze table: what `table-progress` counts up to. */
      readonly bytesTotal?: number
    }
  | { readonly type: 'table-progress'; readonly table: string; readonly rows: number; readonly bytes: number }
  | { readonly type: 'table-finished'; readonly report: TableReport }
  | { readonly type: 'run-finished'; readonly report: RunReport }
