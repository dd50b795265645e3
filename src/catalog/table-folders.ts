import type { FileIO } from '../storage/file-io.ts'

/** Some engines write into a table's folders without making them (the DuckDB iceberg extension on local disks). */
export async function makeTableFolders(io: FileIO, location: string): Promise<void> {
  await io.makeFolder(`${location}/data`)
  await io.makeFolder(`${location}/metadata`)
}
