import type { LoadedTable } from '../catalog/catalog.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { loadManifests, mayHaveLiveFiles } from '../table/manifests.ts'
import { planScan } from '../table/scan.ts'
import type { TableLedger } from './maintenance-report.ts'
import { isLostToOthers, type MaintenanceRound } from './maintenance-round.ts'
import { type CompactionPlan, planCompaction, type Rewrite } from './plan-compaction.ts'
import { type RewriteStep, stageRewrite } from './rewrite-files.ts'
import { planManifests, stageManifests } from './rewrite-manifests.ts'

/** What one commit rewrites at most, unless a single bin is larger: so much is lost when maintenance is killed. */
const STEP_BYTES = 256 * 1024 * 1024

/** Writes files again that are small or of which much is deleted, step by step, each a commit of its own; then joins small manifests. */
export async function compactTable(
  round: MaintenanceRound,
  table: LoadedTable,
  ledger: TableLedger,
): Promise<void> {
  if (round.isDryRun) return await explain(round, table.metadata, ledger)
  try {
    while (await compactOnce(round, table, ledger));
    await joinManifests(round, table, ledger)
  } catch (error) {
    if (!isLostToOthers(error)) throw error
    ledger.postpone('writing files again: others changed the same files meanwhile')
  }
}

async function explain(round: MaintenanceRound, metadata: TableMetadata, ledger: TableLedger): Promise<void> {
  const { rewrites, recentCount } = await planRewrites(round, metadata)
  ledger.addRewrites(metadata, rewrites)
  postponeRecent(ledger, recentCount)
  const manifests = (await loadManifests(round.context, currentSnapshot(metadata))).filter(mayHaveLiveFiles)
  ledger.set({ manifestsJoined: planManifests(manifests).flatMap(group => group.manifests).length })
}

async function planRewrites(round: MaintenanceRound, metadata: TableMetadata): Promise<CompactionPlan> {
  const { tasks } = await planScan(round.context, metadata)
  return planCompaction({ metadata, tasks, nowMs: round.context.clock.nowMs() })
}

/** Whether there may be more to do. */
async function compactOnce(
  round: MaintenanceRound,
  { identifier, metadata }: LoadedTable,
  ledger: TableLedger,
): Promise<boolean> {
  let done: readonly Rewrite[] = []
  let base = metadata
  await round.commit(identifier, 'compaction', async staged => {
    const plan = await planScan(round.context, staged.metadata)
    const nowMs = round.context.clock.nowMs()
    const { rewrites, recentCount } = planCompaction({ metadata: staged.metadata, tasks: plan.tasks, nowMs })
    done = nextStep(round, rewrites)
    base = staged.metadata
    if (done.length === 0) {
      postponeRecent(ledger, recentCount)
      postponeRest(ledger, rewrites)
      return staged
    }
    const step: RewriteStep = { plan, rewrites: done }
    return await stageRewrite(round.context, round.engine, staged, step, round.signal)
  })
  ledger.addRewrites(base, done)
  round.spend(done.reduce((sum, rewrite) => sum + rewrite.bytes, 0))
  return done.length > 0
}

/** As many rewrites as one commit makes and the budget has room for: of each partition one, as each becomes one file. */
function nextStep(round: MaintenanceRound, rewrites: readonly Rewrite[]): readonly Rewrite[] {
  const step: Rewrite[] = []
  const partitions = new Set<string>()
  let bytes = 0
  if (round.isOver) return step
  for (const rewrite of rewrites) {
    if (partitions.has(rewrite.partition)) continue
    if (step.length > 0 && bytes + rewrite.bytes > Math.min(STEP_BYTES, round.rewriteBytesLeft)) continue
    if (step.length === 0 && !round.hasRoomFor(rewrite.bytes)) continue
    step.push(rewrite)
    partitions.add(rewrite.partition)
    bytes += rewrite.bytes
  }
  return step
}

function postponeRecent(ledger: TableLedger, recentCount: number): void {
  if (recentCount > 0)
    ledger.postpone(`${recentCount} files were written too recently (ingot.compaction.quiet-ms)`)
}

function postponeRest(ledger: TableLedger, rewrites: readonly Rewrite[]): void {
  const files = rewrites.reduce((sum, rewrite) => sum + rewrite.tasks.length, 0)
  if (files > 0) ledger.postpone(`${files} files to write again: the budget of this round is spent`)
}

async function joinManifests(
  round: MaintenanceRound,
  { identifier }: LoadedTable,
  ledger: TableLedger,
): Promise<void> {
  if (round.isOver) return
  const committed = await round.commit(identifier, 'manifests', staged =>
    stageManifests(round.context, staged),
  )
  const summary = committed && currentSnapshot(committed.metadata)?.summary
  ledger.set({ manifestsJoined: Number(summary?.['manifests-replaced'] ?? 0) })
}
