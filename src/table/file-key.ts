import type { DataFile } from '../format/manifest-types.ts'

/**
 * Tells the files that manifests name apart: by path, and a deletion vector by where it lies in its Puffin file, which it may share
 * with others (Iceberg spec, "Deletion Vectors").
 */
export function fileKey(file: DataFile): string {
  return file.contentOffset === undefined ? file.filePath : `${file.filePath}#${file.contentOffset}`
}
