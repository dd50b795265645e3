import { z } from 'zod'
import { parseViewVersion } from '../format/view-metadata.ts'
import type { ViewRequirement, ViewUpdate } from '../format/view-types.ts'
import { formatBody, schemaBody, unknownKind, withoutNulls } from './commit-body.ts'

const properties = z.record(z.string(), z.string())

/** A view version that a client sends. */
export const viewVersionBody = formatBody(parseViewVersion, 'view-version')

const requirementSchema = z.discriminatedUnion(
  'type',
  [z.object({ type: z.literal('assert-view-uuid'), uuid: z.string() })],
  { error: unknownKind('view requirement', 'type') },
)

const updateSchema = withoutNulls(
  z.discriminatedUnion(
    'action',
    [
      z.object({ action: z.literal('assign-uuid'), uuid: z.string() }),
      z.object({ action: z.literal('upgrade-format-version'), 'format-version': z.int() }),
      z.object({ action: z.literal('add-schema'), schema: schemaBody }),
      z.object({ action: z.literal('set-location'), location: z.string() }),
      z.object({ action: z.literal('set-properties'), updates: properties }),
      z.object({ action: z.literal('remove-properties'), removals: z.array(z.string()) }),
      z.object({ action: z.literal('add-view-version'), 'view-version': viewVersionBody }),
      z.object({ action: z.literal('set-current-view-version'), 'view-version-id': z.int() }),
    ],
    { error: unknownKind('view update', 'action') },
  ),
)

/** What must hold of a view (REST spec, ViewRequirement). */
export const viewRequirementsSchema = z
  .array(requirementSchema)
  .transform((values): readonly ViewRequirement[] => values)

/** What a commit does to a view (REST spec, ViewUpdate). */
export const viewUpdatesSchema = z.array(updateSchema).transform(values => values as readonly ViewUpdate[])
