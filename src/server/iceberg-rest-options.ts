import type { Catalog } from '../catalog/catalog.ts'
import type { Random } from '../random.ts'
import type { AppendQueue } from '../table/append-queue.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ScanPlanningOptions } from './scan-planning-routes.ts'
import type { TableCredentials } from './table-credentials.ts'

/** What the REST server answers from. */
export interface IcebergRestOptions {
  readonly catalog: Catalog
  readonly random: Random
  /** Where what engines report is counted. */
  readonly metrics: Metrics
  /** Where appends are grouped. @default there is none: the endpoint is neither served nor advertised */
  readonly appends?: Pick<AppendQueue, 'enqueue'>
  /** What engines reach the files with. @default they bring their own */
  readonly credentials?: TableCredentials
  /** What scans are planned from. @default they are planned by the engines: the endpoints are neither served nor advertised */
  readonly scans?: ScanPlanningOptions
}
