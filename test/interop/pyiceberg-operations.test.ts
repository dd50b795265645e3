import { test } from 'node:test'
import { currentSchema } from '../../src/format/schema.ts'
import { pathOf, pythonTool, skipWithout } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'
import { PYICEBERG_OPERATIONS } from './pyiceberg-operations.ts'
import { tryOperations } from './try-operations.ts'

const python = await pythonTool()

test('PyIceberg', skipWithout(python), t =>
  tryOperations(t, {
    engine: 'PyIceberg',
    operations: PYICEBERG_OPERATIONS,
    connect: async ({ url, store }) => {
      const pyiceberg = await PyIceberg.connect(pathOf(python), url, PyIceberg.bucketProperties(store.s3))
      return {
        nameOf: table => table,
        run: (...codes) => Promise.all(codes.map(code => pyiceberg.call('python', { code }))),
        facts: ({ identifier, metadata }) =>
          pyiceberg.facts([...identifier.namespace, identifier.name], currentSchema(metadata).fields),
        close: () => pyiceberg[Symbol.asyncDispose](),
      }
    },
  }),
)
