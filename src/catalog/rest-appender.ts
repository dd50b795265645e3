import { z } from 'zod'
import { IngotError } from '../errors.ts'
import { encodeAppendFiles } from './append-body.ts'
import type { Append, Appender, AppendResult } from './appender.ts'
import type { LoadedTable } from './catalog.ts'
import { decode, stateUnknown } from './rest-answers.ts'
import type { RestClient } from './rest-client.ts'
import { tablePath } from './rest-paths.ts'

const appendJson = z.object({
  'transaction-id': z.int(),
  'snapshot-id': z.union([z.bigint(), z.int().transform(BigInt)]),
})

/** Hands appends to the catalog server, which groups those of all its writers. */
export class RestAppender implements Appender {
  readonly #client: RestClient

  constructor(client: RestClient) {
    this.#client = client
  }

  async append(table: LoadedTable, append: Append): Promise<AppendResult> {
    const { idempotencyKey, files, beganAtMs, progress = [] } = append
    const { metadata } = table
    const outcome = await this.#client.send({
      method: 'POST',
      path: `${tablePath(table.identifier, '/v1/ingot')}/appends`,
      idempotencyKey,
      body: {
        'table-uuid': metadata['table-uuid'],
        'schema-id': metadata['current-schema-id'],
        'spec-id': metadata['default-spec-id'],
        manifest: Buffer.from(encodeAppendFiles(metadata, files)).toString('base64'),
        'began-at-ms': beganAtMs,
        progress,
      },
    })
    if (outcome.type === 'failed') throw outcome.certain ? outcome.error : lost(outcome.error, idempotencyKey)
    const body = decode(appendJson, outcome.body)
    return { transactionId: body['transaction-id'], snapshotId: body['snapshot-id'] }
  }
}

/** The same append settles it: it is answered as the first was, or applied now. */
function lost(cause: IngotError, idempotencyKey: string): IngotError {
  const unknown = stateUnknown(cause, { idempotencyKey })
  return new IngotError(unknown.code, unknown.message, {
    cause,
    hint: 'append again under the same key when the catalog answers again; delete nothing',
    context: unknown.context,
  })
}
