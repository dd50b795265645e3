import type { Hono } from 'hono'
import { z } from 'zod'
import { decodeAppendFiles } from '../catalog/append-body.ts'
import { IngotError } from '../errors.ts'
import type { AppendQueue } from '../table/append-queue.ts'
import { readJson, sendJson } from './json-exchange.ts'
import { identifierOf, mutationOptionsOf } from './route-parameters.ts'

/** As `/v1/config` advertises it. */
export const APPEND_ENDPOINT = 'POST /v1/ingot/namespaces/{namespace}/tables/{table}/appends'

const appendSchema = z.object({
  'table-uuid': z.string(),
  'schema-id': z.int(),
  'spec-id': z.int(),
  /** An Avro manifest whose added entries are the data files, in base64. */
  manifest: z.base64(),
  /** A time before the first of them was written. */
  'began-at-ms': z.int().min(0),
  progress: z
    .array(z.object({ key: z.string().min(1), expected: z.unknown().optional(), next: z.unknown() }))
    .default([]),
})

/**
 * Ingot's own append: data files, and the progress that they were written from. Those that arrive together become one
 * snapshot, and each is answered for itself; `Idempotency-Key` is required.
 */
export function addAppendRoutes(app: Hono, queue: Pick<AppendQueue, 'enqueue'>): void {
  app.post('/v1/ingot/namespaces/:namespace/tables/:table/appends', async context => {
    const { idempotencyKey } = mutationOptionsOf(context)
    if (idempotencyKey === undefined) {
      throw new IngotError('REQUEST_INVALID', 'an append has no Idempotency-Key', {
        hint: 'send a new UUID in the header, and the same one when you send the append again',
      })
    }
    const body = await readJson(context, appendSchema)
    const result = await queue.enqueue({
      identifier: identifierOf(context),
      idempotencyKey,
      tableUuid: body['table-uuid'],
      schemaId: body['schema-id'],
      specId: body['spec-id'],
      files: decodeAppendFiles(Buffer.from(body.manifest, 'base64')),
      beganAtMs: body['began-at-ms'],
      progress: body.progress,
    })
    return sendJson(context, {
      'transaction-id': result.transactionId,
      'snapshot-id': result.snapshotId,
    })
  })
}
