import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Command, type CommandInput, commandHelp, parseCommandLine } from '../../../src/cli/command.ts'
import { CapturedTerminal } from './captured-terminal.ts'

const COMMAND: Command = {
  name: 'look',
  summary: 'look at a table',
  positionals: '<table>',
  positionalsCount: [1, 1],
  options: {
    limit: { config: { type: 'string' }, value: '<rows>', help: 'how many' },
    only: { config: { type: 'string', multiple: true }, value: '<column>', help: 'repeatable' },
  },
  examples: ['ingot look silver.orders'],
  run: async () => 0,
}

function parse(...args: readonly string[]): CommandInput | 'help' {
  const surroundings = {
    environment: {},
    signal: new AbortController().signal,
    terminal: new CapturedTerminal(),
  }
  return parseCommandLine(COMMAND, args, surroundings)
}

function input(...args: readonly string[]): CommandInput {
  const parsed = parse(...args)
  assert.notEqual(parsed, 'help')
  return parsed as CommandInput
}

test('arguments become what a command reads', () => {
  const parsed = input(
    'silver.orders',
    '--limit',
    '7',
    '--only',
    'a',
    '--only=b',
    '--json',
    '-p',
    '/somewhere',
  )
  assert.deepEqual(parsed.positionals, ['silver.orders'])
  assert.equal(parsed.count('limit', 20), 7)
  assert.deepEqual(parsed.texts('only'), ['a', 'b'])
  assert.equal(parsed.json, true)
  assert.equal(parsed.projectFolder, '/somewhere')
  assert.equal(input('t').count('limit', 20), 20)
  assert.equal(input('t').projectFolder, process.cwd())
  assert.deepEqual(input('t').texts('only'), [])
})

const WRONG: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['t', '--lmit', '7'], /'--lmit'/],
  [['t', '--limit'], /'--limit <value>' argument missing/],
  [['t', '--json=yes'], /'--json'/],
  [[], /ingot look takes <table>/],
  [['t', 'u'], /ingot look takes <table>/],
]

for (const [args, message] of WRONG) {
  test(`ingot look ${args.join(' ')} is refused with what is wrong`, () => {
    assert.throws(() => parse(...args), { code: 'REQUEST_INVALID', message, hint: 'run: ingot look --help' })
  })
}

for (const text of ['0', '-1', '1.5', '1e3', 'all', '', '9999999999', ' 7', '0x10']) {
  test(`--limit=${text} is no count`, () => {
    assert.throws(() => input('t', `--limit=${text}`).count('limit', 20), {
      code: 'REQUEST_INVALID',
      message: `--limit is ${text}, which is not a whole number above 0`,
    })
  })
}

test('help shows every option, what it takes and an example', () => {
  assert.equal(parse('--help'), 'help')
  assert.equal(parse('t', '-h'), 'help')
  const lines = commandHelp(COMMAND).split('\n')
  assert.equal(lines[2], 'usage: ingot look <table> [options]')
  assert.ok(lines.includes('      --limit <rows>      how many'))
  assert.ok(lines.includes('  -p, --project <folder>  the folder of lake.ts (default: this one)'))
  assert.equal(lines.at(-1), '  ingot look silver.orders')
})
