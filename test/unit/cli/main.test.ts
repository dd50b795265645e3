import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ENTRY = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ingot-main-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function ingot(...args: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [ENTRY, ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

test('without a command the commands are listed, and it counts as called wrongly', () => {
  const { code, out, err } = ingot()
  assert.equal(code, 2)
  assert.match(out, /^ {2}quarantine {2}list what was refused/m)
  assert.equal(err, '')
  assert.deepEqual(ingot('--help'), { code: 0, out, err: '' })
})

test('the version is the package’s own', () => {
  const manifest = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')
  assert.deepEqual(ingot('--version'), { code: 0, out: `${JSON.parse(manifest).version}\n`, err: '' })
})

test('an unknown command ends with 2, what is wrong and what to do on standard error', () => {
  assert.deepEqual(ingot('rnu'), {
    code: 2,
    out: '',
    err: 'error REQUEST_INVALID there is no command rnu\nhint  did you mean run? ingot --help lists the commands\n',
  })
})

test('with --json an error is one JSON object on standard output', () => {
  const { code, out, err } = ingot('tables', '--nope', '--json')
  assert.equal(code, 2)
  assert.equal(err, '')
  const { error } = JSON.parse(out)
  assert.equal(error.code, 'REQUEST_INVALID')
  assert.equal(error.hint, 'run: ingot tables --help')
  assert.equal(error.retryable, false)
})

test('a project without lake.ts is named', () => {
  const { code, err } = ingot('run')
  assert.equal(code, 2)
  assert.match(err, /lake\.ts/)
  assert.match(err, /^hint {2}/m)
})

test('a folder that is no project is refused, and nothing is made in it', () => {
  const nowhere = join(folder, 'nowhere')
  for (const args of [['tables'], ['query', 'select 1'], ['history', '--project', nowhere]]) {
    const { code, err } = ingot(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, /there is no lake\.ts in .*\nhint {2}name the folder of the project/)
  }
  const doctor = ingot('doctor', '--project', nowhere)
  assert.equal(doctor.code, 1)
  assert.match(doctor.out, /there is no lake\.ts in .*nowhere/)
  assert.deepEqual(readdirSync(folder), [])
})

test('help for one command is its --help', () => {
  assert.deepEqual(ingot('help', 'query'), ingot('query', '--help'))
  assert.equal(ingot('help', 'nothing').code, 2)
})

test('a configuration that is not valid is named with its key', () => {
  const path = join(folder, 'ingot.json')
  writeFileSync(path, '{"engine":{"workers":0}}')
  try {
    const { code, err } = ingot('tables')
    assert.equal(code, 2)
    assert.match(err, /error CONFIG_INVALID the configuration is not valid/)
    assert.match(err, /the key engine\.workers: /)
    assert.match(err, /hint {2}docs\/configuration\.md/)
  } finally {
    rmSync(path)
  }
})

test('an unknown role is refused', () => {
  const { code, err } = ingot('start', '--role', 'warehouse')
  assert.equal(code, 2)
  assert.match(err, /there is no role warehouse\nhint {2}use catalog or pipeline/)
})

test('a plan is the plan alone, though nobody watches', () => {
  const made = ingot('init', 'lake')
  assert.equal(made.code, 0, made.err)
  const { code, out, err } = ingot('plan', '-p', 'lake')
  assert.deepEqual([code, err], [0, ''])
  assert.match(out, /^table +action .*\n[─ ]+\nbronze\.readings +load /)
})

test('an unknown variable is refused by every command', () => {
  process.env.INGOT_ENGINE_WORKER = '1'
  try {
    const { code, err } = ingot('tables')
    assert.equal(code, 2)
    assert.match(err, /there is no variable INGOT_ENGINE_WORKER\nhint {2}did you mean INGOT_ENGINE_WORKERS\?/)
  } finally {
    delete process.env.INGOT_ENGINE_WORKER
  }
})
