import { after, before, describe, it } from 'node:test'
import { openLabEngine, PipelineLab } from './pipeline-lab.ts'

/** Checks by what they show, each given a lake of its own. */
export type LabChecks = Readonly<Record<string, (lab: PipelineLab) => Promise<void>>>

/** One engine serves the lakes of all checks, one after the other. */
export function describeLab(title: string, checks: LabChecks): void {
  describe(title, () => {
    let shared: Awaited<ReturnType<typeof openLabEngine>>
    before(async () => {
      shared = await openLabEngine()
    })
    after(() => shared.close())

    for (const [name, check] of Object.entries(checks)) {
      it(name, async () => {
        const lab = await PipelineLab.open(shared.engine)
        try {
          await check(lab)
        } finally {
          await lab.close()
        }
      })
    }
  })
}
