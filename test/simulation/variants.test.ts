import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, type Finding } from './explore.ts'
import type { Damage, ScenarioKind } from './scenario.ts'
import { BROKEN_FILE_LOADERS, rivalFileLoaders } from './scenarios/files.ts'
import { keyedAppends, rivalAppends } from './scenarios/keyed-appends.ts'
import { forgetfulLoaders } from './scenarios/loaders.ts'
import { lateWriter, removalBeforeHorizon, sharedFiles } from './scenarios/maintenance.ts'
import { rivalRuns } from './scenarios/runs.ts'
import { BROKEN_VARIANTS } from './variants.ts'
import { SOUND, type Variant } from './world.ts'

/** How far the search for a variant's damage goes. */
const SEEDS = [1, 2, 3, 4]

interface Expectation {
  readonly variant: Variant
  readonly scenario: ScenarioKind
  readonly damage: readonly Damage['type'][]
}

const { noIdempotencyKey, keyNotGivenUp, filesRemovedWhileUnknown, lastCommitWins, tablesOneByOne } =
  BROKEN_VARIANTS
const { dataFileNotSynced, dataFolderNotSynced, metadataFileNotSynced, metadataFolderNotSynced } =
  BROKEN_VARIANTS

const EXPECTATIONS: readonly Expectation[] = [
  { variant: noIdempotencyKey, scenario: keyedAppends, damage: ['duplicated'] },
  { variant: keyNotGivenUp, scenario: keyedAppends, damage: ['unreadable', 'stuck'] },
  { variant: dataFileNotSynced, scenario: keyedAppends, damage: ['unreadable'] },
  { variant: dataFolderNotSynced, scenario: keyedAppends, damage: ['unreadable'] },
  { variant: metadataFileNotSynced, scenario: keyedAppends, damage: ['unreadable'] },
  { variant: metadataFolderNotSynced, scenario: keyedAppends, damage: ['unreadable'] },
  { variant: BROKEN_VARIANTS.pointerBeforeMetadata, scenario: keyedAppends, damage: ['unreadable'] },
  { variant: filesRemovedWhileUnknown, scenario: keyedAppends, damage: ['unreadable'] },
  { variant: lastCommitWins, scenario: rivalAppends, damage: ['lost'] },
  { variant: tablesOneByOne, scenario: rivalFileLoaders, damage: ['duplicated'] },
  { variant: tablesOneByOne, scenario: rivalRuns, damage: ['duplicated', 'lost'] },
  { variant: BROKEN_VARIANTS.noHorizon, scenario: lateWriter, damage: ['unreadable', 'stuck'] },
  { variant: SOUND, scenario: removalBeforeHorizon, damage: ['unreadable', 'stuck'] },
  { variant: BROKEN_VARIANTS.familyIgnored, scenario: sharedFiles, damage: ['unreadable', 'stuck'] },
  { variant: BROKEN_VARIANTS.progressExpires, scenario: lateWriter, damage: ['duplicated'] },
  { variant: SOUND, scenario: forgetfulLoaders, damage: ['duplicated'] },
  ...BROKEN_FILE_LOADERS.map(
    (scenario): Expectation => ({ variant: SOUND, scenario, damage: ['duplicated'] }),
  ),
]

for (const { variant, scenario, damage } of EXPECTATIONS) {
  test(`the simulation sees the damage when ${variant === SOUND ? scenario.name : `${variant.name} (${scenario.name})`}`, async t => {
    const isExpected = (finding: Finding): boolean =>
      finding.damages.some(({ type }) => damage.includes(type))
    const { pointsCount, findings } = await explore(scenario, { variant, seeds: SEEDS, isEnough: isExpected })
    const seen = findings.find(isExpected)
    assert.ok(seen !== undefined, `${pointsCount} points and no such damage: the simulation is blind to it`)
    t.diagnostic(`point ${pointsCount}: ${JSON.stringify(seen.damages[0])}`)
  })
}
