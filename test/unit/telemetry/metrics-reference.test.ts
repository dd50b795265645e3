import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

/** Names of metrics as the source registers them. */
function registeredNames(): readonly string[] {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const names = files.flatMap(file =>
    [
      ...readFileSync(join('src', file), 'utf8').matchAll(/(?:counter|gauge|histogram)\(\s*'(ingot_\w+)'/g),
    ].map(match => match[1]),
  )
  return names.flatMap(name => name ?? [])
}

describe('docs/metrics.md', () => {
  const documented = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(ingot_\w+)` \|/gm)].map(
    match => match[1],
  )

  it('lists every metric that the source registers, and no other', () => {
    const registered = registeredNames()
    assert(registered.length >= 6, 'the source was not read')
    assert.deepEqual([...new Set(documented)].sort(), [...new Set(registered)].sort())
  })

  it('lists names that end in their unit or `_total`, or count things', () => {
    for (const name of documented) assert.match(String(name), /_(total|seconds|bytes|active|queued|info)$/)
  })
})
