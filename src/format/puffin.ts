import { IngotError } from '../errors.ts'
import { stringifyJson } from '../json.ts'

// Puffin spec, "File structure": Magic Blob₁ … Blobₙ, then the footer: Magic FooterPayload FooterPayloadSize Flags Magic
const MAGIC = Buffer.from('PFA1')
const NO_FLAGS = Buffer.alloc(4)
/** Size of the payload, flags, magic. */
const FOOTER_END_BYTES = 12

/** A blob to write, and what the footer says of it (Puffin spec, "BlobMetadata"). */
export interface PuffinBlob {
  readonly type: string
  /** Ids of the fields that it was made from. */
  readonly fields: readonly number[]
  readonly properties: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
}

/** A Puffin file, and where in it the blobs begin, in their order. */
export interface PuffinFile {
  readonly bytes: Uint8Array
  readonly offsets: readonly number[]
}

/** The bytes of a Puffin file of blobs that are not compressed, and whose snapshot is not known yet. */
export function writePuffin(blobs: readonly PuffinBlob[]): PuffinFile {
  let offset = MAGIC.length
  const offsets = blobs.map(({ bytes }) => {
    offset += bytes.length
    return offset - bytes.length
  })
  const payload = Buffer.from(
    stringifyJson({
      blobs: blobs.map(({ type, fields, properties, bytes }, index) => ({
        type,
        fields,
        // Not known when the file is written; every reader takes them from the manifest.
        'snapshot-id': -1,
        'sequence-number': -1,
        offset: offsets[index],
        length: bytes.length,
        properties,
      })),
      properties: { 'created-by': 'Ingot' },
    }),
  )
  const payloadSize = Buffer.alloc(4)
  payloadSize.writeInt32LE(payload.length)
  const footer = [MAGIC, payload, payloadSize, NO_FLAGS, MAGIC]
  return { bytes: Buffer.concat([MAGIC, ...blobs.map(({ bytes }) => bytes), ...footer]), offsets }
}

/**
 * The bytes of a Puffin file with another footer, which `change` makes of the JSON text that it has. Blobs stay where they are.
 * @throws METADATA_INVALID when it is none; UNSUPPORTED when the footer is compressed
 */
export function changePuffinFooter(bytes: Uint8Array, change: (payload: string) => string): Uint8Array {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = file.length - FOOTER_END_BYTES
  const size = end < 0 ? -1 : file.readInt32LE(end)
  const begin = end - size
  const isPuffin = size >= 0 && begin >= 2 * MAGIC.length && file.subarray(-MAGIC.length).equals(MAGIC)
  if (!isPuffin || !file.subarray(begin - MAGIC.length, begin).equals(MAGIC)) {
    throw new IngotError('METADATA_INVALID', 'puffin file: it does not end as one')
  }
  const flags = file.subarray(end + 4, end + 8)
  if (!flags.equals(NO_FLAGS)) {
    throw new IngotError('UNSUPPORTED', 'puffin file: its footer is compressed', {
      hint: 'rewrite the deletes of the table with an engine that does not compress the footer',
    })
  }
  const payload = Buffer.from(change(file.toString('utf8', begin, end)))
  const payloadSize = Buffer.alloc(4)
  payloadSize.writeInt32LE(payload.length)
  return Buffer.concat([file.subarray(0, begin), payload, payloadSize, NO_FLAGS, MAGIC])
}
