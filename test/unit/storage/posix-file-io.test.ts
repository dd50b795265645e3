import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, type IngotError, isIngotError } from '../../../src/errors.ts'
import { type DiskFault, type DiskStep, systemError } from '../../../src/storage/memory-disk.ts'
import { createMemoryFileIO, type MemoryFileIO } from '../../../src/storage/memory-file-io.ts'
import { createSeededRandom } from '../../simulation/seeded-random.ts'

const CONTENT = new TextEncoder().encode('what a reader must see in full, or not at all')
const LOCATION = 'file:///lake/silver/metadata/v1.json'

/** The storage of a machine whose `faultAt`-th disk step (from 0) meets the fault that `toFault` makes. */
function createFaultyIO(faultAt: number, toFault: (step: DiskStep) => DiskFault) {
  const steps: DiskStep[] = []
  let isArmed = true
  const io = createMemoryFileIO({
    random: createSeededRandom(1),
    faults: async step => {
      if (!isArmed) return undefined
      steps.push(step)
      return steps.length - 1 === faultAt ? toFault(step) : undefined
    },
  })
  return {
    io,
    steps,
    disarm() {
      isArmed = false
    },
  }
}

async function readIfThere(io: MemoryFileIO, location: string): Promise<Uint8Array | undefined> {
  return (await io.stat(location)) === undefined ? undefined : io.read(location)
}

async function countSteps(work: (io: MemoryFileIO) => Promise<unknown>): Promise<number> {
  const { io, steps } = createFaultyIO(-1, () => ({ type: 'skip' }))
  await work(io)
  return steps.length
}

/** Every later step fails as well: the process is gone. */
function createDyingIO(diesAt: number) {
  let count = 0
  let isDead = false
  const io = createMemoryFileIO({
    random: createSeededRandom(1),
    faults: async () => {
      isDead ||= count++ === diesAt
      if (isDead) throw new Error('the process died')
      return undefined
    },
  })
  return {
    io,
    revive() {
      count = Number.NEGATIVE_INFINITY
      isDead = false
    },
  }
}

test('a file that was created, or an engine wrote and we synced, is whole after a power loss, wherever it came', async () => {
  const work = async (io: MemoryFileIO): Promise<string> => {
    await io.create(LOCATION, CONTENT)
    await io.writeUnsynced('file:///lake/silver/data/day=1/x.parquet', CONTENT)
    await io.sync(['file:///lake/silver/data/day=1/x.parquet'])
    return 'all'
  }
  const stepsCount = await countSteps(work)
  assert.ok(stepsCount > 20, `${stepsCount} steps`)
  for (let diesAt = 0; diesAt <= stepsCount; diesAt++) {
    for (let seed = 0; seed < 20; seed++) {
      const { io, revive } = createDyingIO(diesAt)
      const acknowledged = await work(io).catch(() => undefined)
      assert.equal(acknowledged, diesAt === stepsCount ? 'all' : undefined)
      revive()
      io.crash(createSeededRandom(seed))
      const after = io.reopen()
      const created = await readIfThere(after, LOCATION)
      if (created !== undefined || acknowledged)
        assert.deepEqual(created, CONTENT, `step ${diesAt}, seed ${seed}`)
      if (!acknowledged) continue
      assert.deepEqual(await after.read('file:///lake/silver/data/day=1/x.parquet'), CONTENT)
    }
  }
})

test('a disk that lies about any fsync of the protocol loses files: none of them is superfluous', async () => {
  const { io: healthy, steps } = createFaultyIO(-1, () => ({ type: 'skip' }))
  await healthy.create(LOCATION, CONTENT)
  const fsyncs = steps.flatMap((step, index) => (step.call === 'fsync' ? [index] : []))
  // The root's entry, two parents, the file, its folder.
  assert.equal(fsyncs.length, 5)
  for (const index of fsyncs) {
    let lost = 0
    for (let seed = 0; seed < 40; seed++) {
      const { io, disarm } = createFaultyIO(index, () => ({ type: 'skip' }))
      await io.create(LOCATION, CONTENT)
      disarm()
      io.crash(createSeededRandom(seed))
      const read = await readIfThere(io.reopen(), LOCATION)
      if (read === undefined || Buffer.compare(read, CONTENT) !== 0) lost += 1
    }
    assert.ok(lost > 0, `fsync at step ${index} of ${JSON.stringify(steps[index])} made no difference`)
  }
})

test('an error at any step of create is told, and leaves no half file and a name that works or is taken', async () => {
  const stepsCount = await countSteps(io => io.create(LOCATION, CONTENT))
  for (const type of ['fail', 'fail-after'] as const) {
    for (const errno of ['EIO', 'ENOSPC', 'EMFILE', 'EAGAIN']) {
      for (let index = 0; index < stepsCount; index++) {
        const { io, steps, disarm } = createFaultyIO(index, step => ({
          type,
          error: systemError(errno, step.path),
        }))
        const error: unknown = await io.create(LOCATION, CONTENT).then(
          () => undefined,
          reason => reason,
        )
        disarm()
        // Only the unlink of the temporary file, after which the file is there, may fail unheard.
        if (steps[index]?.call === 'unlink') assert.equal(error, undefined)
        else assertCode(error, 'STORAGE_FAILED', errno)
        const read = await readIfThere(io, LOCATION)
        if (read === undefined) await io.create(LOCATION, CONTENT)
        else assert.deepEqual(read, CONTENT)
      }
    }
  }
})

test('an fsync that fails is told by sync, for the file and for its folder', async () => {
  for (const path of ['/lake/x.parquet', '/lake']) {
    const io = createMemoryFileIO({
      faults: async step =>
        step.call === 'fsync' && step.path === path
          ? { type: 'fail', error: systemError('EIO', path) }
          : undefined,
    })
    await io.writeUnsynced('file:///lake/x.parquet', CONTENT)
    const error: unknown = await io.sync(['file:///lake/x.parquet']).catch((reason: unknown) => reason)
    assertCode(error, 'STORAGE_FAILED', 'EIO')
    assert.ok(isIngotError(error) && !error.retryable)
  }
})

test('an error says what it is, and what to do', async () => {
  for (const [errno, says, hint, retryable] of [
    ['ENOSPC', /disk is full/, /free space/, true],
    ['EACCES', /permission denied/, /right to read and write/, false],
    ['EMFILE', /too many open files/, /ulimit/, true],
    ['EROFS', /read-only/, /mount/, false],
    ['EXDEV', /EXDEV/, /check the file system/, false],
  ] as const) {
    const { io } = createFaultyIO(0, step => ({ type: 'fail', error: systemError(errno, step.path) }))
    const error = await failure(io.read(LOCATION))
    assertCode(error, 'STORAGE_FAILED', errno)
    assert.match(error.message, says)
    assert.match(error.hint ?? '', hint)
    assert.equal(error.retryable, retryable)
    assert.equal(error.context.location, LOCATION)
  }
})

test('what is no system error comes through as it was', async () => {
  const io = createMemoryFileIO({ faults: () => Promise.reject(new TypeError('a bug')) })
  await assert.rejects(io.create(LOCATION, CONTENT), TypeError)
})

test('a parent that may not be opened, and was there already, does not stop a create', async () => {
  const io = createMemoryFileIO({
    faults: async step =>
      step.call === 'fsync' && step.path === '/'
        ? { type: 'fail', error: systemError('EACCES', '/') }
        : undefined,
  })
  await assert.rejects(io.create('file:///home/lake/x', CONTENT), /permission denied/)
  await io.create('file:///home/lake/x', CONTENT)
  assert.deepEqual(await io.read('file:///home/lake/x'), CONTENT)
})

async function failure(work: Promise<unknown>): Promise<IngotError> {
  const error: unknown = await work.then(
    () => undefined,
    reason => reason,
  )
  assert.ok(isIngotError(error), String(error))
  return error
}

function assertCode(error: unknown, code: ErrorCode, errno: string): void {
  assert.ok(isIngotError(error, code), `expected ${code}, got ${String(error)}`)
  assert.equal(error.context.errno, errno)
}
