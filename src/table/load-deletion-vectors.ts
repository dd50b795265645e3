import { damagedVector, decodeDeletionVector, isDeletionVector } from '../format/deletion-vector.ts'
import type { DataFile } from '../format/manifest-types.ts'
import { countPositions, type RowPositions } from '../format/row-positions.ts'
import type { DeleteTask } from './delete-index.ts'
import { fileKey } from './file-key.ts'
import type { TableContext } from './staged-table.ts'

/** The tasks with what their deletion vectors say. Each Puffin file is read once. @throws METADATA_INVALID, FILE_NOT_FOUND */
export async function loadDeletionVectors<Task extends { readonly deletes: readonly DeleteTask[] }>(
  io: TableContext['io'],
  tasks: readonly Task[],
): Promise<readonly Task[]> {
  const vectors = new Map<string, DataFile>()
  for (const { deletes } of tasks) {
    for (const { entry } of deletes)
      if (isDeletionVector(entry.file)) vectors.set(fileKey(entry.file), entry.file)
  }
  if (vectors.size === 0) return tasks
  const loaded = await readVectors(io, [...vectors.values()])
  const load = (task: DeleteTask): DeleteTask => {
    const vector = loaded.get(fileKey(task.entry.file))
    return vector === undefined ? task : { ...task, vector }
  }
  return tasks.map(task => (task.deletes.length === 0 ? task : { ...task, deletes: task.deletes.map(load) }))
}

async function readVectors(
  io: TableContext['io'],
  files: readonly DataFile[],
): Promise<ReadonlyMap<string, RowPositions>> {
  const byPath = new Map<string, DataFile[]>()
  for (const file of files) byPath.set(file.filePath, [...(byPath.get(file.filePath) ?? []), file])
  const loaded = new Map<string, RowPositions>()
  // One after the other: no more than one whole file is in memory.
  for (const [path, ofFile] of byPath) {
    const bytes = await io.read(path)
    for (const file of ofFile) loaded.set(fileKey(file), readVector(bytes, file))
  }
  return loaded
}

function readVector(bytes: Uint8Array, file: DataFile): RowPositions {
  const { filePath, referencedDataFile, contentOffset, contentSizeBytes, recordCount } = file
  const source = { puffinFile: filePath, dataFile: referencedDataFile ?? 'an unnamed data file' }
  if (referencedDataFile === undefined || contentOffset === undefined || contentSizeBytes === undefined) {
    throw damagedVector(source, 'its manifest does not say where it lies')
  }
  const end = contentOffset + contentSizeBytes
  if (contentOffset < 0n || contentSizeBytes < 0n || end > BigInt(bytes.length)) {
    throw damagedVector(source, `it lies from ${contentOffset} to ${end} in a file of ${bytes.length} bytes`)
  }
  // Copied, so that what is kept of the file is this part.
  const positions = decodeDeletionVector(bytes.slice(Number(contentOffset), Number(end)), source)
  const count = countPositions(positions)
  if (count !== recordCount)
    throw damagedVector(source, `it has ${count} rows, ${recordCount} by its manifest`)
  return positions
}
