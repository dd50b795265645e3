import type { CounterMetric, GaugeMetric, HistogramMetric, Metrics } from '../telemetry/metrics.ts'

/** Why a worker process ended before the engine was closed. */
export type WorkerEnd = 'time_limit' | 'memory' | 'cancelled' | 'crash'

/** What the engine counts; docs/metrics.md says what each is for. */
export interface EngineMetrics {
  readonly sessionsActive: GaugeMetric<never>
  readonly sessionsQueued: GaugeMetric<never>
  readonly statements: CounterMetric<'outcome'>
  readonly statementSeconds: HistogramMetric<never>
  readonly workersEnded: CounterMetric<'reason'>
  readonly residentBytes: GaugeMetric<'worker'>
}

export function createEngineMetrics(metrics: Metrics): EngineMetrics {
  return {
    sessionsActive: metrics.gauge('ingot_engine_sessions_active', 'Sessions that have a worker'),
    sessionsQueued: metrics.gauge('ingot_engine_sessions_queued', 'Sessions that wait for a worker'),
    statements: metrics.counter(
      'ingot_engine_statements_total',
      'Statements by outcome: ok or an error code',
      ['outcome'],
    ),
    statementSeconds: metrics.histogram('ingot_engine_statement_seconds', 'How long statements took'),
    workersEnded: metrics.counter(
      'ingot_engine_workers_ended_total',
      'Worker processes that ended by reason; the next session starts another',
      ['reason'],
    ),
    residentBytes: metrics.gauge(
      'ingot_engine_worker_resident_bytes',
      'Resident memory of a worker when it was last looked at while a statement ran',
      ['worker'],
    ),
  }
}
