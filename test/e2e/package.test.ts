import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { REPOSITORY } from './ingot-process.ts'
import { withFolder } from './state.ts'

const runFile = promisify(execFile)

/** Runs a command line as a person would type it, and resolves with what it printed; its failure is the test's. */
async function shell(line: string, cwd: string): Promise<string> {
  const env = { ...process.env, NO_COLOR: '1' }
  const { stdout } = await runFile('sh', ['-c', line], { cwd, env, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

/** The compiler options of a project that follows Node's own rules, as `tsc --init` of TypeScript 7 has them. */
const TSCONFIG = {
  compilerOptions: {
    ...{ module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: [] },
    ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, verbatimModuleSyntax: true },
  },
  include: ['lake.ts', 'ingot-types.d.ts'],
}

test('the packed package makes a lake that runs, with exactly the commands that it prints', async () => {
  await withFolder(async folder => {
    const packed = await shell(`npm pack --silent --pack-destination ${folder}`, REPOSITORY)
    const tarball = packed.trim().split('\n').at(-1) ?? ''
    assert.match(tarball, /^ingot-.*\.tgz$/)
    const project = join(folder, 'project')
    await mkdir(project)
    await shell('npm init -y', project)
    await shell(`npm install --no-audit --no-fund --prefer-offline ../${tarball}`, project)

    const printed = await shell('npx ingot init my-lake', project)
    const [, ...commands] = printed.slice(printed.indexOf('next:')).trimEnd().split('\n')
    assert.equal(commands.length, 4)
    const outputs = await followCommands(commands, project)
    assert.match(outputs[1] ?? '', /^day .*vehicles .*mean_speed_kmh|^depot .*vehicles .*mean_speed_kmh/)
    assert.match(outputs[2] ?? '', /^table +reason +rows/)

    const lake = join(project, 'my-lake')
    const types = await shell('npx ingot types', lake)
    assert.match(types, /written$/m)
    await writeFile(join(lake, 'package.json'), '{"private":true,"type":"module"}')
    await writeFile(join(lake, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    const tsc = join(REPOSITORY, 'node_modules', '.bin', 'tsc')
    await shell(`${tsc} --noEmit -p .`, lake)
  })
})

/** Runs each line where the `cd` lines before it lead, and resolves with what those after them printed. */
async function followCommands(lines: readonly string[], start: string): Promise<readonly string[]> {
  let cwd = start
  const outputs: string[] = []
  for (const line of lines.map(text => text.trim())) {
    const [, folder] = /^cd (.+)$/.exec(line) ?? []
    if (folder === undefined) outputs.push(await shell(line, cwd))
    else cwd = join(cwd, folder)
  }
  return outputs
}
