import type { Snapshot, TableMetadata } from '../../../src/format/metadata-types.ts'
import { newTableMetadata } from '../../../src/format/table-metadata.ts'
import { applyUpdates } from '../../../src/format/table-updates.ts'
import { schemaOf } from '../../support/table-lab.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** The beginning of an hour. */
export const START_MS = Date.UTC(2026, 0, 5, 12)

/** The metadata of a table whose snapshots are made up: nothing is stored. Ids count from 1. */
export class TableHistory {
  metadata: TableMetadata
  #lastId = 0n

  constructor(properties: Readonly<Record<string, string>> = {}) {
    this.metadata = newTableMetadata({
      uuid: '00000000-0000-4000-8000-000000000000',
      location: 'file:///lake/lab/t-1',
      schema: schemaOf({ id: 'long' }),
      properties,
      nowMs: START_MS,
    })
  }

  /** A snapshot on a branch, which begins where main is. */
  commit(
    atMs: number,
    options: { readonly branch?: string; readonly summary?: Readonly<Record<string, string>> } = {},
  ): bigint {
    const { branch = 'main', summary = {} } = options
    const { refs } = this.metadata
    const parentId = (refs[branch] ?? refs.main)?.['snapshot-id']
    this.#lastId += 1n
    const snapshot: Snapshot = {
      'snapshot-id': this.#lastId,
      ...(parentId === undefined ? {} : { 'parent-snapshot-id': parentId }),
      'sequence-number': this.metadata['last-sequence-number'] + 1,
      'timestamp-ms': atMs,
      'manifest-list': `${this.metadata.location}/metadata/snap-${this.#lastId}.avro`,
      summary: { ...summary, operation: 'append' },
    }
    this.apply(atMs, [{ action: 'add-snapshot', snapshot }])
    this.setRef(branch, { type: 'branch', 'snapshot-id': this.#lastId }, atMs)
    return this.#lastId
  }

  setRef(
    name: string,
    ref: TableMetadata['refs'][string],
    atMs: number = this.metadata['last-updated-ms'],
  ): void {
    this.apply(atMs, [{ ...ref, action: 'set-snapshot-ref', 'ref-name': name }])
  }

  apply(nowMs: number, updates: Parameters<typeof applyUpdates>[1]): void {
    this.metadata = applyUpdates(this.metadata, updates, { nowMs })
  }
}
