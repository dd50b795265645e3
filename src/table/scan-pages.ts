import { setImmediate } from 'node:timers/promises'
import type { OpenScan, ScanTask } from './scan.ts'

/** A part of a scan: manifests from `from` up to `to`, exclusive, by their places in `OpenScan.manifests`. */
export interface ScanRange {
  readonly from: number
  /** How many entries of the first manifest are left out. */
  readonly skip: number
  readonly to: number
}

export interface ScanPage {
  readonly tasks: readonly ScanTask[]
  /** What is still to be looked through. */
  readonly rest: ScanRange | undefined
}

export interface PageLimits {
  readonly tasksMax: number
  /** Entries that are looked at, and manifests that the filter rules out whole. */
  readonly entriesMax: number
}

/** All of a scan. */
export function wholeScan(scan: OpenScan): ScanRange {
  return { from: 0, skip: 0, to: scan.manifests.length }
}

/** Looks through a range until it has found enough. */
export async function readPage(scan: OpenScan, range: ScanRange, limits: PageLimits): Promise<ScanPage> {
  const tasks: ScanTask[] = []
  let looked = 0
  const end = Math.min(range.to, scan.manifests.length)
  for (let place = range.from; place < end; place += 1) {
    if (looked >= limits.entriesMax) return { tasks, rest: { from: place, skip: 0, to: range.to } }
    const manifest = scan.manifests[place]
    if (manifest === undefined || !scan.mightMatch(manifest)) {
      looked += 1
      continue
    }
    let entry = place === range.from ? range.skip : 0
    for (const task of await scan.tasksOf(manifest, entry)) {
      const isFull = tasks.length >= limits.tasksMax || looked >= limits.entriesMax
      if (isFull) return { tasks, rest: { from: place, skip: entry, to: range.to } }
      if (task !== undefined) tasks.push(task)
      entry += 1
      looked += 1
    }
    // Others are served in between.
    await setImmediate()
  }
  return { tasks, rest: undefined }
}

/** A range as parts that can be looked through at once, `partsMax` at most. */
export function splitRange(range: ScanRange, partsMax: number): readonly ScanRange[] {
  const manifests = range.to - range.from
  const parts = Math.min(partsMax, manifests)
  return Array.from({ length: parts }, (_, index) => ({
    from: range.from + Math.floor((manifests * index) / parts),
    skip: index === 0 ? range.skip : 0,
    to: range.from + Math.floor((manifests * (index + 1)) / parts),
  }))
}
