import assert from 'node:assert/strict'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from '../../../src/cli/command.ts'
import { initCommand } from '../../../src/cli/init.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { type CommandOutcome, runCommand } from './captured-terminal.ts'

/** A folder for one project, and commands called on it. Dispose of it. */
export class CommandLab implements AsyncDisposable {
  readonly folder: string
  readonly project: string

  private constructor(folder: string) {
    this.folder = folder
    this.project = join(folder, 'my lake')
  }

  /** The project's folder is not there yet. */
  static async open(): Promise<CommandLab> {
    return new CommandLab(await mkdtemp(join(await realpath(tmpdir()), 'ingot-cli-')))
  }

  /** With the lake of `ingot init` in it, no run made. */
  static async withLake(): Promise<CommandLab> {
    const lab = await CommandLab.open()
    assert.equal((await runCommand(initCommand, [lab.project])).exitCode, 0)
    return lab
  }

  call(command: Command, ...args: readonly string[]): Promise<CommandOutcome> {
    return runCommand(command, [...args, '-p', this.project])
  }

  /** Standard output of a command that must end well. */
  async good(command: Command, ...args: readonly string[]): Promise<string> {
    const outcome = await this.call(command, ...args)
    assert.deepEqual([outcome.error, outcome.exitCode], [undefined, 0], args.join(' '))
    return outcome.out
  }

  /** The code, message and hint by which a command is refused. */
  async refused(command: Command, ...args: readonly string[]): Promise<{ code: string; text: string }> {
    const { error } = await this.call(command, ...args)
    assert.ok(error, `${args.join(' ')} is refused`)
    return { code: error.code, text: `${error.message}\n${error.hint}` }
  }

  async countOf(table: string, ...options: readonly string[]): Promise<number> {
    const sql = `select count(*)::integer as n from ${table}`
    const [row] = JSON.parse(await this.good(queryCommand, sql, '--json', ...options))
    return row.n
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
