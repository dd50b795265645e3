import type {
  DepartedMaintenance,
  FileTotals,
  MaintenanceReport,
  TableMaintenance,
} from '../maintenance/maintenance-report.ts'
import { formatBytes, formatCount, formatNumber, visible } from './text-table.ts'

/** Of one table, so that the others are not lost among them. */
const REWRITES_SHOWN_MAX = 10

const LABEL_WIDTH = 11

/** What was done with a table, or would be, and why; empty when it is fine as it is. */
export function tableMaintenanceText(report: TableMaintenance): string {
  const lines = [
    ...shapeLines(report),
    ...rewriteLines(report),
    ...historyLines(report),
    ...removalLines(report),
    ...report.postponed.map(text => line('postponed', text)),
    ...(report.error === undefined ? [] : [line('failed', `${report.error.code} ${report.error.message}`)]),
  ]
  return lines.length === 0 ? '' : [visible(report.table), ...lines].join('\n')
}

/** What was removed of a dropped table. */
export function departedText(departed: DepartedMaintenance): string {
  const why = 'it was dropped, and can no longer be brought back'
  return `${visible(departed.table)} is gone: ${totalsText(departed)}; ${why}`
}

/** The last line: how many tables there are to speak of, and what the storage gains. */
export function maintenanceSummary({ tables, departed, seconds, isDryRun }: MaintenanceReport): string {
  const fine = tables.filter(table => tableMaintenanceText(table) === '').length
  const totals = [...tables.flatMap(({ removed, orphans }) => [removed, orphans]), ...departed]
  const freed = {
    files: totals.reduce((sum, { files }) => sum + files, 0),
    bytes: totals.reduce((sum, { bytes }) => sum + bytes, 0),
  }
  const parts = [
    `${formatCount(tables.length, 'table')}, of which ${formatNumber(fine)} fine as before`,
    freed.files === 0 ? 'no file to remove' : `${totalsText(freed)} ${isDryRun ? 'to remove' : 'removed'}`,
    isDryRun ? 'a dry run: nothing was changed' : `${formatNumber(seconds, 1)} s`,
  ]
  return parts.join('; ')
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${visible(text)}`
}

/** Shown when it changed. */
function shapeLines({ before, after }: TableMaintenance): readonly string[] {
  if (before === undefined || after === undefined) return []
  const changes = [
    { noun: 'data file', from: before.dataFiles, to: after.dataFiles },
    { noun: 'delete file', from: before.deleteFiles, to: after.deleteFiles },
    { noun: 'manifest', from: before.manifests, to: after.manifests },
  ].filter(({ from, to }) => from !== to)
  if (changes.length === 0) return []
  const texts = changes.map(({ noun, from, to }) => `${formatNumber(from)} → ${formatCount(to, noun)}`)
  return [line('scans', texts.join(', '))]
}

function rewriteLines({ rewrites, manifestsJoined }: TableMaintenance): readonly string[] {
  const shown = rewrites.slice(0, REWRITES_SHOWN_MAX).map(rewrite => {
    const where = rewrite.partition === null ? '' : ` of ${rewrite.partition}`
    return line('rewrites', `${totalsText(rewrite)}${where}: ${rewrite.reason}`)
  })
  const others = rewrites.slice(REWRITES_SHOWN_MAX)
  const more = {
    files: others.reduce((sum, { files }) => sum + files, 0),
    bytes: others.reduce((sum, { bytes }) => sum + bytes, 0),
  }
  const rest =
    others.length === 0 ? [] : [line('', `and ${totalsText(more)} in ${others.length} more groups`)]
  const joined =
    manifestsJoined === 0 ? [] : [line('joins', `${formatCount(manifestsJoined, 'small manifest')}`)]
  return [...shown, ...rest, ...joined]
}

function historyLines(report: TableMaintenance): readonly string[] {
  const { snapshotsExpired, snapshotsKept, refsExpired, versionsForgotten } = report
  const lines: string[] = []
  if (snapshotsExpired > 0) {
    const kept = Object.entries(snapshotsKept)
    const total = kept.reduce((sum, [, count]) => sum + count, 0)
    const reasons = kept.map(([reason, count]) => `${formatNumber(count)}: ${reason}`).join(', ')
    lines.push(line('expires', formatCount(snapshotsExpired, 'snapshot')))
    lines.push(line('keeps', `${formatCount(total, 'snapshot')} (${reasons})`))
  }
  if (refsExpired.length > 0) lines.push(line('drops', `${refsExpired.join(', ')}, by age`))
  if (versionsForgotten > 0) {
    lines.push(line('forgets', `${formatCount(versionsForgotten, 'version')} of the catalog's history`))
  }
  return lines
}

function removalLines({ removed, orphans }: TableMaintenance): readonly string[] {
  const lines: string[] = []
  if (removed.files > 0) lines.push(line('removes', `${totalsText(removed)} that nothing needs any more`))
  if (orphans.files > 0) lines.push(line('removes', `${totalsText(orphans)} that nothing ever named`))
  return lines
}

/** Files whose size only the storage knows count no bytes. */
function totalsText({ files, bytes }: FileTotals): string {
  return `${formatCount(files, 'file')}${bytes === 0 ? '' : ` (${formatBytes(bytes)})`}`
}
