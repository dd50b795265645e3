import { type AvroContainer, readAvro, writeAvro } from '../format/avro.ts'
import { RecordReader } from '../format/avro-record.ts'
import { type AvroValue, avroError } from '../format/avro-schema.ts'
import { DELETE_FILE_PATH_ID } from '../table/delete-columns.ts'
import type { Relocation } from './relocation.ts'

// Field ids are those of the Iceberg spec, "Manifest Lists" and "Manifests". What is not named here stays as its writer
// wrote it, so that a copy of what another engine wrote loses nothing.

/** Sizes of files whose copies are larger or smaller than they, by location in the source. */
export type CopiedSizes = ReadonlyMap<string, number>

const LIST = { path: 500, length: 501 } as const
const DATA_FILE = 2
const FILE = { path: 100, size: 104, lowerBounds: 125, upperBounds: 128, referencedDataFile: 143 } as const

/** A manifest list that names the copies of its manifests. */
export function relocateManifestList(
  bytes: Uint8Array,
  relocation: Relocation,
  sizes: CopiedSizes,
): Uint8Array {
  const list = readAvro(bytes)
  const reader = new RecordReader(list.schema)
  const pathOf = reader.requiredPicker(LIST.path)
  const [setPath, setLength] = [reader.setter(LIST.path), reader.setter(LIST.length)]
  return writeRecords(list, record => {
    const path = textOf(pathOf(record))
    const size = sizes.get(path)
    const moved = setPath(record, relocation.move(path))
    return size === undefined ? moved : setLength(moved, size)
  })
}

/** A manifest that names the copies of its files. */
export function relocateManifest(bytes: Uint8Array, relocation: Relocation, sizes: CopiedSizes): Uint8Array {
  const manifest = readAvro(bytes)
  const reader = new RecordReader(manifest.schema)
  const [fileOf, setFile] = [reader.requiredPicker(DATA_FILE), reader.setter(DATA_FILE)]
  const schema = reader.field(DATA_FILE)?.type
  if (schema === undefined) throw avroError(`its records have no field ${DATA_FILE}`)
  const relocateFile = fileRelocator(new RecordReader(schema), relocation, sizes)
  return writeRecords(manifest, record => setFile(record, relocateFile(fileOf(record))))
}

function fileRelocator(
  reader: RecordReader,
  relocation: Relocation,
  sizes: CopiedSizes,
): (file: AvroValue) => AvroValue {
  const pathOf = reader.requiredPicker(FILE.path)
  const setSize = reader.setter(FILE.size)
  const changes = [
    changer(reader, FILE.path, path => relocation.move(textOf(path))),
    changer(reader, FILE.referencedDataFile, path => relocation.move(textOf(path))),
    changer(reader, FILE.lowerBounds, bounds => relocateBounds(bounds, relocation)),
    changer(reader, FILE.upperBounds, bounds => relocateBounds(bounds, relocation)),
  ]
  return file => {
    const size = sizes.get(textOf(pathOf(file)))
    const moved = changes.reduce((record, change) => change(record), file)
    return size === undefined ? moved : setSize(moved, size)
  }
}

/** Changes a field where it has a value. */
function changer(
  reader: RecordReader,
  id: number,
  change: (value: NonNullable<AvroValue>) => AvroValue,
): (record: AvroValue) => AvroValue {
  const [pick, set] = [reader.picker(id), reader.setter(id)]
  return record => {
    const value = pick(record)
    return value === null ? record : set(record, change(value))
  }
}

/**
 * Bounds of paths, in delete files by position. One that is cut so short that it says nothing of the path below the root is
 * left out: a reader then looks into the file.
 */
function relocateBounds(bounds: NonNullable<AvroValue>, relocation: Relocation): AvroValue {
  if (!(bounds instanceof Map) || !bounds.has(DELETE_FILE_PATH_ID)) return bounds
  const changed = new Map<AvroValue, AvroValue>(bounds)
  const path = Buffer.from(bounds.get(DELETE_FILE_PATH_ID) as Uint8Array).toString('utf8')
  if (relocation.isInside(path)) changed.set(DELETE_FILE_PATH_ID, Buffer.from(relocation.move(path)))
  else changed.delete(DELETE_FILE_PATH_ID)
  return changed
}

function writeRecords(container: AvroContainer, change: (record: AvroValue) => AvroValue): Uint8Array {
  return writeAvro({ ...container, records: container.records.map(change) })
}

function textOf(value: AvroValue): string {
  if (typeof value === 'string') return value
  throw avroError('a path is not a text')
}
