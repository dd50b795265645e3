import type { StoreContents } from '../catalog/store-contents.ts'
import { VERSION_STATE } from '../catalog/store-schema.ts'
import { relocateJson } from './relocate-json.ts'
import type { Relocation } from './relocation.ts'

/** What a store remembers, of the copies. Versions that can no longer be loaded have no copies: as if their files were removed. */
export function relocateContents(contents: StoreContents, relocation: Relocation): StoreContents {
  return {
    ...contents,
    namespaces: contents.namespaces.map(row => ({
      ...row,
      properties: relocateJson(row.properties, relocation),
    })),
    pointers: contents.pointers.map(row => ({
      ...row,
      metadata_location: relocation.move(row.metadata_location),
    })),
    transactions: contents.transactions.map(row => ({
      ...row,
      note: row.note && relocateJson(row.note, relocation),
    })),
    transaction_pointers: contents.transaction_pointers.map(row => ({
      ...row,
      metadata_location: row.metadata_location && relocation.moveIfInside(row.metadata_location),
      state: row.state === VERSION_STATE.kept ? row.state : VERSION_STATE.removed,
    })),
  }
}
