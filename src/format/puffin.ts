import { stringifyJson } from '../json.ts'

// Puffin spec, "File structure": Magic Blob₁ … Blobₙ, then the footer: Magic FooterPayload FooterPayloadSize Flags Magic
const MAGIC = Buffer.from('PFA1')
const NO_FLAGS = Buffer.alloc(4)

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
