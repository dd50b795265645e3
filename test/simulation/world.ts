import type { Catalog, VersionsOfTable } from '../../src/catalog/catalog.ts'
import { createLocalCatalog } from '../../src/catalog/local-catalog.ts'
import type { CatalogStore, StoreTransaction } from '../../src/catalog/store.ts'
import { IngotError } from '../../src/errors.ts'
import { type Random, randomFraction } from '../../src/random.ts'
import { type DiskFault, type DiskStep, systemError } from '../../src/storage/memory-disk.ts'
import { createMemoryFileIO, type MemoryFileIO } from '../../src/storage/memory-file-io.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import type { TableContext } from '../../src/table/staged-table.ts'
import { MemoryStore } from './memory-store.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { createSeededRandom } from './seeded-random.ts'

/** The root of the lake in every simulation. */
export const ROOT = 'file:///lake'

/**
 * What can happen at a step. `power-loss`: every process stops and the disk loses what was not synced. `kill`: one
 * process stops. `fail`: the step does nothing but fail. `lose-answer`: it works, and its caller hears of a failure.
 * Of a commit also: `late`: its caller hears of a failure, and it works some time later (it was still on its way);
 * `kill-after`, `power-loss-after`: it works, and the process is gone before it hears so.
 */
export type FaultType =
  | 'power-loss'
  | 'kill'
  | 'fail'
  | 'lose-answer'
  | 'late'
  | 'kill-after'
  | 'power-loss-after'

/** What a step could do to the world, which decides what faults it can meet. */
export type StepKind = 'read' | 'write' | 'commit'

/** A fault and the step that meets it: by number (from 0, over all processes), or the next commit after the fault before. */
export interface PlannedFault {
  readonly step: number | 'next commit'
  readonly type: FaultType
}

const READING_CALLS: ReadonlySet<DiskStep['call']> = new Set(['read', 'stat', 'names'])

/** A late commit arrives before this many other steps were taken. */
const LATE_TURNS_MAX = 40

/** Thrown to the code of a process that is gone. */
export class SimulatedCrash extends Error {}

/** What a program has of the world, until it dies. */
export interface Process {
  readonly context: TableContext & { readonly io: MemoryFileIO }
  /** How many processes started before it: with it a client tells its own lives apart. */
  readonly life: number
  readonly isDead: boolean
}

/** A broken protocol: what stands between the program and the world, and leaves something out. */
export interface Variant {
  readonly name: string
  wrapIO?(io: MemoryFileIO): MemoryFileIO
  wrapCatalog?(catalog: Catalog, io: MemoryFileIO): Catalog
  wrapStore?(store: CatalogStore): CatalogStore
  /** Whether the disk forgets to do this step, and says that it did. */
  skips?(step: DiskStep): boolean
}

/** The protocol as it is. */
export const SOUND: Variant = { name: 'sound' }

interface LivingProcess extends Process {
  isDead: boolean
}

/** One machine with its disk and its catalog's database, and the processes on it. All of it follows from the seed. */
export class World {
  readonly scheduler: Scheduler
  readonly #variant: Variant
  /** Those still to come, in their order. */
  readonly #faults: PlannedFault[]
  readonly #productRandom: Random
  readonly #faultRandom: Random
  readonly #disk: MemoryFileIO
  readonly #store = new MemoryStore()
  #processes: LivingProcess[] = []
  #livesCount = 0
  readonly #steps: StepKind[] = []
  #isCounting = false
  #isDown = false

  constructor(seed: number, variant: Variant, faults: readonly PlannedFault[]) {
    this.#variant = variant
    this.#faults = [...faults]
    this.#productRandom = createSeededRandom(seed * 3 + 1)
    this.#faultRandom = createSeededRandom(seed * 3 + 2 + Number(faults[0]?.step ?? 0) * 7919)
    this.scheduler = createScheduler(createSeededRandom(seed * 3))
    this.#disk = createMemoryFileIO({ clock: this.scheduler.clock, random: this.#productRandom })
  }

  /** Steps since faults were let loose. */
  get steps(): readonly StepKind[] {
    return this.#steps
  }

  get isDown(): boolean {
    return this.#isDown
  }

  /** From now on steps are counted, and meet their faults. */
  letFaultsLoose(): void {
    this.#isCounting = true
  }

  stopFaults(): void {
    this.#isCounting = false
  }

  startProcess(): Process {
    const process: LivingProcess = {
      life: this.#livesCount++,
      isDead: false,
      context: this.#contextOf(() => process),
    }
    this.#processes.push(process)
    return process
  }

  /** Power is back. Every process must have come to its end. */
  restore(): void {
    this.#disk.crash(this.#faultRandom)
    this.#processes = []
    this.#isDown = false
  }

  #contextOf(process: () => LivingProcess): Process['context'] {
    const plain = this.#disk.reopen(step => this.#diskFault(process(), step))
    const io = this.#variant.wrapIO?.(plain) ?? plain
    const clock = this.#clockOf(process)
    const seen = this.#storeOf(process)
    const store = this.#variant.wrapStore?.(seen) ?? seen
    const random = this.#productRandom
    const catalog = createLocalCatalog({ store, io, clock, random, root: ROOT })
    return {
      io,
      catalog: this.#variant.wrapCatalog?.(catalog, io) ?? catalog,
      clock,
      random,
      manifests: createManifestCache(),
    }
  }

  #clockOf(process: () => LivingProcess) {
    const { clock } = this.scheduler
    return {
      nowMs: () => clock.nowMs(),
      sleep: async (ms: number) => {
        await clock.sleep(ms)
        if (process().isDead) throw new SimulatedCrash()
      },
    }
  }

  /** Waits for its turn; then the fault that this step meets, unless that ends the process. */
  async #step(process: LivingProcess, kind: StepKind): Promise<FaultType | undefined> {
    await this.scheduler.turn()
    if (process.isDead) throw new SimulatedCrash()
    if (!this.#isCounting) return undefined
    const step = this.#steps.length
    this.#steps.push(kind)
    const [next] = this.#faults
    if (next === undefined) return undefined
    if (next.step === 'next commit' ? kind !== 'commit' : next.step !== step) return undefined
    this.#faults.shift()
    if (next.type === 'power-loss') this.#cutPower()
    if (next.type === 'kill') this.#kill(process)
    return next.type
  }

  #kill(process: LivingProcess): never {
    process.isDead = true
    throw new SimulatedCrash()
  }

  #cutPower(): never {
    this.#isDown = true
    for (const process of this.#processes) process.isDead = true
    throw new SimulatedCrash()
  }

  async #diskFault(process: LivingProcess, step: DiskStep): Promise<DiskFault | undefined> {
    const fault = await this.#step(process, READING_CALLS.has(step.call) ? 'read' : 'write')
    if (fault === undefined) return this.#variant.skips?.(step) ? { type: 'skip' } : undefined
    const errno = randomFraction(this.#faultRandom) < 0.5 ? 'EIO' : 'ENOSPC'
    return { type: fault === 'lose-answer' ? 'fail-after' : 'fail', error: systemError(errno, step.path) }
  }

  #storeOf(process: () => LivingProcess): CatalogStore {
    const store = this.#store
    const read = async <T>(work: () => Promise<T>): Promise<T> => {
      if ((await this.#step(process(), 'read')) === undefined) return work()
      throw new IngotError('CATALOG_UNAVAILABLE', 'simulated failure of the store', { retryable: true })
    }
    return {
      namespaces: () => read(() => store.namespaces()),
      namespace: namespace => read(() => store.namespace(namespace)),
      tables: namespace => read(() => store.tables(namespace)),
      views: namespace => read(() => store.views(namespace)),
      pointer: (identifier, kind) => read(() => store.pointer(identifier, kind)),
      pointerAt: (identifier, point) => read(() => store.pointerAt(identifier, point)),
      versions: () => read(() => store.versions()),
      forgetVersions: (versions, isRemoved) => this.#forget(process(), versions, isRemoved),
      transactions: query => read(() => store.transactions(query)),
      findKey: key => read(() => store.findKey(key)),
      giveUpKey: key => read(() => store.giveUpKey(key)),
      apply: request => this.#apply(process(), request),
      close: () => store.close(),
    }
  }

  async #apply(process: LivingProcess, request: StoreTransaction) {
    const fault = await this.#step(process, 'commit')
    if (fault === undefined) return this.#store.apply(request)
    if (fault === 'fail')
      throw new IngotError('CATALOG_UNAVAILABLE', 'simulated failure of the store', { retryable: true })
    if (fault === 'late') void this.#applyLate(request)
    else await this.#store.apply(request)
    if (fault === 'kill-after') this.#kill(process)
    if (fault === 'power-loss-after') this.#cutPower()
    throw new IngotError('COMMIT_STATE_UNKNOWN', 'simulated loss of an answer')
  }

  async #forget(process: LivingProcess, versions: readonly VersionsOfTable[], isRemoved: boolean) {
    const fault = await this.#step(process, 'write')
    if (fault !== 'fail') await this.#store.forgetVersions(versions, isRemoved)
    if (fault !== undefined)
      throw new IngotError('CATALOG_UNAVAILABLE', 'simulated failure of the store', { retryable: true })
  }

  async #applyLate(request: StoreTransaction): Promise<void> {
    const turnsCount = Math.floor(randomFraction(this.#faultRandom) * LATE_TURNS_MAX)
    for (let turn = 0; turn < turnsCount; turn++) await this.scheduler.turn()
    await this.#store.apply(request)
  }
}
