import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'
import { ByteReader, compileDecoder } from './avro-decode.ts'
import { ByteWriter, compileEncoder } from './avro-encode.ts'
import { type AvroSchema, type AvroValue, avroError } from './avro-schema.ts'

const MAGIC = Buffer.from('Obj\x01', 'latin1')
const SYNC_BYTES = 16
const HEADER_METADATA: AvroSchema = { type: 'map', values: 'bytes' }
const BLOCK_BYTES = 256 * 1024
/** A block that claims to be larger is hostile: deflate packs a thousandfold. */
const INFLATED_BYTES_MAX = 1024 * 1024 * 1024

type AvroCodec = 'null' | 'deflate'

/** What an Avro object container file holds (Avro spec, "Object Container Files"). */
export interface AvroContainer {
  /** The writer's own. */
  readonly schema: AvroSchema
  /** The header's key metadata as text, Avro's own keys left out. */
  readonly metadata: ReadonlyMap<string, string>
  readonly records: readonly AvroValue[]
}

/** What to write: the schema is put into the file as it is. */
export interface WriteAvroOptions extends AvroContainer {
  /** @default 'deflate' */
  readonly codec?: AvroCodec
}

/** Reads a container file by the schema that it was written with. @throws METADATA_INVALID, UNSUPPORTED for its codec */
export function readAvro(bytes: Uint8Array): AvroContainer {
  const reader = new ByteReader(bytes)
  if (reader.remaining < MAGIC.length || !reader.take(MAGIC.length).equals(MAGIC)) {
    throw avroError('it does not begin as one')
  }
  const header = readHeader(reader)
  const schema = parseSchemaText(header.get('avro.schema'))
  const inflate = inflaterOf(header.get('avro.codec') ?? 'null')
  const sync = reader.take(SYNC_BYTES)
  const decode = compileDecoder(schema)
  const records: AvroValue[] = []
  while (reader.remaining > 0) {
    const count = Number(reader.readLong())
    const block = new ByteReader(inflate(reader.take(reader.readLength())))
    if (count < 0 || count > block.remaining)
      throw avroError(`a block of ${block.remaining} bytes with ${count} records`)
    for (let index = 0; index < count; index += 1) records.push(decode(block))
    if (!reader.take(SYNC_BYTES).equals(sync)) throw avroError('a block does not end where it should')
  }
  const metadata = new Map([...header].filter(([key]) => !key.startsWith('avro.')))
  return { schema, metadata, records }
}

function readHeader(reader: ByteReader): ReadonlyMap<string, string> {
  const members = compileDecoder(HEADER_METADATA)(reader) as ReadonlyMap<string, Buffer>
  return new Map([...members].map(([key, value]) => [key, value.toString('utf8')]))
}

function parseSchemaText(text: string | undefined): AvroSchema {
  if (text === undefined) throw avroError('it has no schema')
  try {
    return parseJson(text) as AvroSchema
  } catch (cause) {
    throw avroError('its schema is not JSON', cause)
  }
}

function inflaterOf(codec: string): (block: Buffer) => Uint8Array {
  switch (codec) {
    case 'null':
      return block => block
    case 'deflate':
      return block => {
        try {
          return inflateRawSync(block, { maxOutputLength: INFLATED_BYTES_MAX })
        } catch (cause) {
          throw avroError('a block cannot be inflated', cause)
        }
      }
    default:
      throw new IngotError(
        'UNSUPPORTED',
        `avro codec ${JSON.stringify(codec)} is not read, only null and deflate`,
        {
          hint: 'set the table property write.avro.compression-codec of the writer to gzip',
        },
      )
  }
}

/** The bytes of a container file. The same content gives the same bytes: the sync marker is a hash of them. */
export function writeAvro(options: WriteAvroOptions): Uint8Array {
  const codec = options.codec ?? 'deflate'
  const header = new ByteWriter()
  header.writeRaw(MAGIC)
  compileEncoder(HEADER_METADATA)(
    header,
    new Map([
      ['avro.schema', Buffer.from(stringifyJson(options.schema))],
      ['avro.codec', Buffer.from(codec)],
      ...[...options.metadata].map(([key, value]) => [key, Buffer.from(value)] as const),
    ]),
  )
  const blocks = encodeBlocks(options, codec)
  const hash = createHash('sha256').update(header.toBytes())
  for (const { bytes } of blocks) hash.update(bytes)
  const sync = hash.digest().subarray(0, SYNC_BYTES)
  header.writeRaw(sync)
  for (const { recordCount, bytes } of blocks) {
    header.writeLong(recordCount)
    header.writeBytes(bytes)
    header.writeRaw(sync)
  }
  return header.toBytes()
}

interface Block {
  readonly recordCount: number
  readonly bytes: Uint8Array
}

function encodeBlocks({ schema, records }: WriteAvroOptions, codec: AvroCodec): readonly Block[] {
  const encode = compileEncoder(schema)
  const blocks: Block[] = []
  let writer = new ByteWriter()
  let recordCount = 0
  const endBlock = (): void => {
    const plain = writer.toBytes()
    blocks.push({ recordCount, bytes: codec === 'deflate' ? deflateRawSync(plain) : plain })
    writer = new ByteWriter()
    recordCount = 0
  }
  for (const record of records) {
    encode(writer, record)
    recordCount += 1
    if (writer.sizeBytes >= BLOCK_BYTES) endBlock()
  }
  if (recordCount > 0) endBlock()
  return blocks
}
