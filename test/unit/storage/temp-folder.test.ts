import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { isIngotError } from '../../../src/errors.ts'
import { countTempFolders, openTempFolder, type TempFolder } from '../../../src/storage/temp-folder.ts'
import { createLog } from '../../../src/telemetry/log.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** A path for the folder of temporary folders: not there yet, in a folder that goes when the test ends. */
async function newParent(context: TestContext): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'ingot-temp-'))
  context.after(() => rm(base, { recursive: true, force: true }))
  return join(base, 'temp')
}

const open = (parent: string, laterMs = 0): Promise<TempFolder> =>
  openTempFolder({ parent, nowMs: Date.now() + laterMs, log: createLog({ level: 'silent' }) })

/** A folder that a process of its own made, and the process. */
async function openElsewhere(parent: string) {
  const module = pathToFileURL(join(import.meta.dirname, '../../../src/storage/temp-folder.js')).href
  const program = `import { openTempFolder } from '${module}'
    const { path } = await openTempFolder({ parent: process.argv[1], nowMs: Date.now() })
    process.stdout.write(path)
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, parent], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [path] = await once(child.stdout, 'data')
  return { child, name: basename(String(path)) }
}

test('a folder goes when its process is done with it', async context => {
  const parent = await newParent(context)
  const folder = await open(parent)
  await writeFile(join(folder.path, 'file'), '')
  await folder.remove()
  assert.deepEqual(await readdir(parent), [])
})

test('what a killed process left goes when the next one begins, what a living one has stays', async context => {
  const parent = await newParent(context)
  const { child, name } = await openElsewhere(parent)
  await writeFile(join(parent, name, 'part'), 'x')
  const mine = await open(parent)
  const another = await open(parent)
  assert.deepEqual(
    (await readdir(parent)).sort(),
    [name, basename(mine.path), basename(another.path)].sort(),
    'all three live',
  )
  assert.deepEqual(await countTempFolders(parent, Date.now()), { inUse: 3, abandoned: 0, elsewhere: 0 })
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.deepEqual(await countTempFolders(parent, Date.now()), { inUse: 2, abandoned: 1, elsewhere: 0 })
  await Promise.all([open(parent), open(parent)])
  const left = await readdir(parent)
  assert.ok(!left.includes(name))
  assert.equal(left.length, 4)
})

test('a process that has the id of an earlier one is another', { skip: skipWithoutProc() }, async context => {
  const parent = await newParent(context)
  const { path } = await open(parent)
  const [place, pid, began = ''] = basename(path).split('-')
  await rename(path, join(parent, `${place}-${pid}-${Number(began) - 1}-abcdef`))
  const { path: mine } = await open(parent)
  assert.deepEqual(await readdir(parent), [basename(mine)])
})

test('what nobody here can know the owner of stays a day after its last change', async context => {
  const parent = await newParent(context)
  const mine = await open(parent)
  const foreign = basename(mine.path).replace(/^\w+-/, '00000000-')
  for (const name of [foreign, 'load-abc']) await mkdir(join(parent, name))
  await writeFile(join(parent, 'load-abc', 'part'), 'x')
  const longAgo = new Date(Date.now() - 2 * DAY_MS)
  for (const name of [foreign, 'load-abc']) await utimes(join(parent, name), longAgo, longAgo)
  await open(parent)
  const left = await readdir(parent)
  assert.deepEqual([left.includes(foreign), left.includes('load-abc')], [false, true])
  await open(parent, 2 * DAY_MS)
  assert.ok(!(await readdir(parent)).includes('load-abc'))
})

test('a folder that cannot be made says so', async context => {
  const parent = await newParent(context)
  await writeFile(parent, '')
  await assert.rejects(open(parent), (error: unknown) => isIngotError(error))
})

/** Only Linux tells when a process began. */
function skipWithoutProc(): string | false {
  return process.platform === 'linux' ? false : 'only Linux tells when a process began'
}

test('folders are counted where there are none, and those of another host apart', async context => {
  const parent = await newParent(context)
  const none = { inUse: 0, abandoned: 0, elsewhere: 0 }
  assert.deepEqual(await countTempFolders(parent, Date.now()), none)
  await mkdir(join(parent, '00000000-1-1-abcdef'), { recursive: true })
  assert.deepEqual(await countTempFolders(parent, Date.now()), { ...none, elsewhere: 1 })
  assert.deepEqual(await countTempFolders(parent, Date.now() + 2 * DAY_MS), { ...none, abandoned: 1 })
})
