import type { RunReport, TableReport } from './run-report.ts'

/** The catalog takes 64 KiB a note. */
const NOTE_BYTES_MAX = 60 * 1024

/** What the catalog keeps of a run with its transaction: the report, without the tables for which nothing was due. */
export function runNote(report: RunReport): Readonly<Record<string, unknown>> {
  const { runId, startedAtMs, seconds, attempts } = report
  const tables = report.tables.filter(({ status, action }) => status !== 'skipped' || action !== 'skip')
  const note = { kind: 'run', runId, startedAtMs, seconds, attempts, tables }
  if (Buffer.byteLength(JSON.stringify(note)) <= NOTE_BYTES_MAX) return note
  // Some thousand tables: their counts alone, as far as there is room.
  const short = tables.map(briefly)
  while (Buffer.byteLength(JSON.stringify(short)) > NOTE_BYTES_MAX - 1024)
    short.splice(Math.floor(short.length / 2))
  return { ...note, tables: short, tablesLeftOut: tables.length - short.length }
}

function briefly({ table, status, action, rowsAdded, rowsDeleted, rowsQuarantined }: TableReport) {
  return { table, status, action, rowsAdded, rowsDeleted, rowsQuarantined }
}
