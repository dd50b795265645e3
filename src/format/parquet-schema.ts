import { type ThriftField, ThriftReader } from './thrift-reader.ts'

/** A field of a Parquet file, as its footer describes it. */
export interface ParquetField {
  /** Of the parts of lists and maps `element`, `key` and `value`, whatever the file calls them. */
  readonly name: string
  readonly fieldId?: number
  /** `bytes`: of any length, and not said to be text. */
  readonly kind: 'bytes' | 'primitive' | 'struct' | 'list' | 'map'
  /** Fields of a struct, the element of a list, key and value of a map. */
  readonly children: readonly ParquetField[]
}

/** What a footer's end takes: its length, little endian, and the magic number. */
export const FOOTER_END_BYTES = 8

const MAGIC = Buffer.from('PAR1')
const DEPTH_MAX = 200

/** The length of the footer by the last bytes of a file. @throws RangeError when it is no Parquet file whose footer can be read */
export function footerLength(end: Uint8Array): number {
  const bytes = Buffer.from(end.buffer, end.byteOffset, end.byteLength)
  if (bytes.length < FOOTER_END_BYTES || !bytes.subarray(-MAGIC.length).equals(MAGIC)) {
    throw new RangeError('it does not end as a Parquet file does')
  }
  return bytes.readUInt32LE(bytes.length - FOOTER_END_BYTES)
}

/** The columns of a file by its footer, FileMetaData in Thrift's compact form. @throws RangeError when it is damaged */
export function parseParquetSchema(footer: Uint8Array): readonly ParquetField[] {
  const reader = new ThriftReader(footer)
  for (const field of reader.fields()) {
    if (field.id !== 2) {
      reader.skip(field)
      continue
    }
    // What follows, the row groups, is the larger part of a footer.
    const elements = reader.list(field, item => readElement(reader, item))
    const root = toNode(elements.values(), 0)
    return root.children.map(toField)
  }
  throw new RangeError('its footer has no schema')
}

// parquet.thrift, SchemaElement; only what tells where fields lie.
interface SchemaElement {
  readonly name: string
  readonly type: number | undefined
  readonly repetition: number | undefined
  readonly childCount: number
  readonly convertedType: number | undefined
  readonly isAnnotated: boolean
  readonly fieldId: number | undefined
}

const NUMBER_IDS: ReadonlySet<number> = new Set([1, 3, 5, 6, 9])
const NAME_ID = 4
const LOGICAL_TYPE_ID = 10

const TYPE_BYTE_ARRAY = 6
const REPEATED = 2
const CONVERTED_MAP = 1
const CONVERTED_LIST = 3

function readElement(reader: ThriftReader, item: ThriftField): SchemaElement {
  const numbers = new Map<number, number>()
  let name = ''
  let hasLogicalType = false
  for (const field of reader.structOf(item)) {
    if (field.id === NAME_ID) name = reader.text(field)
    else if (NUMBER_IDS.has(field.id)) numbers.set(field.id, reader.integer(field))
    else {
      if (field.id === LOGICAL_TYPE_ID) hasLogicalType = true
      reader.skip(field)
    }
  }
  return {
    name,
    type: numbers.get(1),
    repetition: numbers.get(3),
    childCount: numbers.get(5) ?? 0,
    convertedType: numbers.get(6),
    isAnnotated: hasLogicalType || numbers.has(6),
    fieldId: numbers.get(9),
  }
}

interface Node {
  readonly element: SchemaElement
  readonly children: readonly Node[]
}

/** Elements come depth first, each before its children. */
function toNode(elements: Iterator<SchemaElement>, depth: number): Node {
  const { value: element } = elements.next() as { value: SchemaElement | undefined }
  if (element === undefined) throw new RangeError('its schema ends before its last field')
  if (depth > DEPTH_MAX) throw new RangeError(`its schema nests more than ${DEPTH_MAX} levels deep`)
  const children: Node[] = []
  while (children.length < element.childCount) children.push(toNode(elements, depth + 1))
  return { element, children }
}

/** Lists and maps as the engine takes them, those that old writers shaped otherwise too (Parquet format, "Nested Types"). */
function toField(node: Node): ParquetField {
  const { element, children } = node
  if (element.repetition === REPEATED) return named(element, 'list', [itemOf(node)])
  const [only] = children
  if (only?.element.repetition === REPEATED && children.length === 1) {
    const [key, value] = only.children
    if (element.convertedType === CONVERTED_MAP && key && value) {
      return named(element, 'map', [
        { ...toField(key), name: 'key' },
        { ...toField(value), name: 'value' },
      ])
    }
    if (element.convertedType === CONVERTED_LIST) return named(element, 'list', [itemOf(only)])
  }
  return plainField(node)
}

/** What a repeated node repeats: a group of one field is but a wrapper. */
function itemOf(node: Node): ParquetField {
  const [only] = node.children
  const item = only !== undefined && node.children.length === 1 ? toField(only) : plainField(node)
  return { ...item, name: 'element' }
}

function plainField({ element, children }: Node): ParquetField {
  if (children.length > 0) return named(element, 'struct', children.map(toField))
  const isBytes = element.type === TYPE_BYTE_ARRAY && !element.isAnnotated
  return named(element, isBytes ? 'bytes' : 'primitive', [])
}

function named(
  { name, fieldId }: SchemaElement,
  kind: ParquetField['kind'],
  children: readonly ParquetField[],
): ParquetField {
  return { name, kind, children, ...(fieldId === undefined ? {} : { fieldId }) }
}
