import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** The values of a metric's labels, all of them at every call. */
type Labels<Name extends string> = Readonly<Record<Name, string>>

export interface CounterMetric<Name extends string> {
  add(labels: Labels<Name>, amount?: number): void
}

export interface GaugeMetric<Name extends string> {
  set(labels: Labels<Name>, value: number): void
  add(labels: Labels<Name>, amount: number): void
}

export interface HistogramMetric<Name extends string> {
  observe(labels: Labels<Name>, value: number): void
}

/**
 * Where every part registers what it counts. Names are `ingot_<part>_<what>_<base unit>`, counters end in `_total`, and each is
 * described in docs/metrics.md. Asking again for a name that is registered gives the same metric.
 */
export interface Metrics {
  counter<Name extends string = never>(
    name: string,
    help: string,
    labels?: readonly Name[],
  ): CounterMetric<Name>
  gauge<Name extends string = never>(name: string, help: string, labels?: readonly Name[]): GaugeMetric<Name>
  /** `buckets` are upper bounds, ascending. @default SECONDS_BUCKETS */
  histogram<Name extends string = never>(
    name: string,
    help: string,
    labels?: readonly Name[],
    buckets?: readonly number[],
  ): HistogramMetric<Name>
  /** All metrics in Prometheus' text format. */
  exposition(): Promise<string>
  /** The media type of `exposition`. */
  readonly contentType: string
}

/** 1 ms to about 17 minutes in steps of 1.5 to 2: a quantile is interpolated inside its bucket, so wide ones invent values. */
export const SECONDS_BUCKETS: readonly number[] = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.04, 0.06, 0.1, 0.15, 0.25, 0.4, 0.6, 1, 1.5, 2.5,
  4, 6, 10, 15, 25, 40, 60, 120, 240, 500, 1000,
]

export interface MetricsOptions {
  /** Also the Node process's own metrics: CPU, heap, event loop. They keep sampling while the process lives. @default false */
  readonly processMetrics?: boolean
}

/** A registry of its own over prom-client. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  if (options.processMetrics) collectDefaultMetrics({ register: registry })
  const registered = new Map<string, unknown>()
  const once = <T>(name: string, create: () => T): T => {
    const metric = (registered.get(name) as T | undefined) ?? create()
    registered.set(name, metric)
    return metric
  }
  return {
    counter: (name, help, labels = []) => once(name, () => createCounter(registry, { name, help, labels })),
    gauge: (name, help, labels = []) => once(name, () => createGauge(registry, { name, help, labels })),
    histogram: (name, help, labels = [], buckets = SECONDS_BUCKETS) =>
      once(name, () => createHistogram(registry, { name, help, labels }, buckets)),
    exposition: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

interface Definition<Name extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Name[]
}

function createCounter<Name extends string>(
  registry: Registry,
  definition: Definition<Name>,
): CounterMetric<Name> {
  const counter = new Counter({ ...definition, labelNames: definition.labels, registers: [registry] })
  return { add: (labels, amount = 1) => counter.inc({ ...labels }, amount) }
}

function createGauge<Name extends string>(
  registry: Registry,
  definition: Definition<Name>,
): GaugeMetric<Name> {
  const gauge = new Gauge({ ...definition, labelNames: definition.labels, registers: [registry] })
  return {
    set: (labels, value) => gauge.set({ ...labels }, value),
    add: (labels, amount) => gauge.inc({ ...labels }, amount),
  }
}

function createHistogram<Name extends string>(
  registry: Registry,
  definition: Definition<Name>,
  buckets: readonly number[],
): HistogramMetric<Name> {
  const histogram = new Histogram({
    ...definition,
    labelNames: definition.labels,
    buckets: [...buckets],
    registers: [registry],
  })
  return { observe: (labels, value) => histogram.observe({ ...labels }, value) }
}
