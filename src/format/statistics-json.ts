import type { ErrorCode } from '../errors.ts'
import { JsonReader, withoutUndefined } from './json-reader.ts'
import type { EncryptedKey, PartitionStatisticsFile, StatisticsFile } from './metadata-types.ts'

/** Reads the entry of a statistics file (Iceberg spec, "Table Statistics"); unknown members are kept. */
export function readStatisticsFile(reader: JsonReader): StatisticsFile {
  return {
    ...reader.members,
    'snapshot-id': reader.long('snapshot-id'),
    'statistics-path': reader.string('statistics-path'),
    'file-size-in-bytes': reader.integer('file-size-in-bytes'),
    'file-footer-size-in-bytes': reader.integer('file-footer-size-in-bytes'),
    'blob-metadata': reader.objects('blob-metadata').map(blob =>
      withoutUndefined<StatisticsFile['blob-metadata'][number]>({
        ...blob.members,
        type: blob.string('type'),
        'snapshot-id': blob.long('snapshot-id'),
        'sequence-number': blob.integer('sequence-number'),
        fields: blob.integers('fields'),
        properties: blob.optional('properties', blob.texts),
      }),
    ),
  }
}

/** Reads the entry of a partition statistics file (Iceberg spec, "Partition Statistics"). */
export function readPartitionStatisticsFile(reader: JsonReader): PartitionStatisticsFile {
  return {
    ...reader.members,
    'snapshot-id': reader.long('snapshot-id'),
    'statistics-path': reader.string('statistics-path'),
    'file-size-in-bytes': reader.integer('file-size-in-bytes'),
  }
}

/** Reads a key (Iceberg spec, "Encryption Keys"); what it protects is for those who hold the key that it is encrypted by. */
export function readEncryptedKey(reader: JsonReader): EncryptedKey {
  return withoutUndefined<EncryptedKey>({
    ...reader.members,
    'key-id': reader.string('key-id'),
    'encrypted-key-metadata': reader.string('encrypted-key-metadata'),
    'encrypted-by-id': reader.optional('encrypted-by-id', reader.string),
    properties: reader.optional('properties', reader.texts),
  })
}

/** One of these readers for a value that stands alone, as it does in an update. */
export function parseWith<T>(read: (reader: JsonReader) => T) {
  return (value: unknown, path: string, code: ErrorCode): T => read(new JsonReader(value, path, code))
}
