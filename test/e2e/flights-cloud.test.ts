import { test } from 'node:test'
import { variablesOf, withCloudState, withCloudTools } from './cloud-state.ts'
import { assertFlightsRun } from './flights-lake.ts'
import { withFolder } from './state.ts'

test(
  'the flights example runs unchanged on S3 and PostgreSQL, by variables alone',
  withCloudTools,
  async () => {
    await withFolder(async folder => {
      await withCloudState(state => assertFlightsRun(folder, variablesOf(state)))
    })
  },
)
