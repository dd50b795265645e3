import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

const PRECISION = 38
const SCALE = 9

const digits = (max: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: max }).map(all => all.join(''))

/** Numbers as JSON writes them, some with more digits than the column has. */
const numbers = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(31).map(whole => whole.replace(/^0+(?=\d)/, '')),
    fc.option(digits(11)),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.integer({ min: 0, max: 12 }))),
  )
  .map(([sign, whole, fraction, exponent]) => {
    return `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : exponent.join('')}`
  })

/** What decimal(38, 9) holds of the number, or null when it would have to round or overflow. */
function exactDecimal(text: string): string | null {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(text) ?? []
  const shift = SCALE - fraction.length + Number(exponent)
  let unscaled = BigInt(whole + fraction)
  if (shift >= 0) unscaled *= 10n ** BigInt(shift)
  else if (unscaled % 10n ** BigInt(-shift) !== 0n) return null
  else unscaled /= 10n ** BigInt(-shift)
  if (unscaled >= 10n ** BigInt(PRECISION)) return null
  const padded = unscaled.toString().padStart(SCALE + 1, '0')
  return `${unscaled === 0n ? '' : sign}${padded.slice(0, -SCALE)}.${padded.slice(-SCALE)}`
}

test('money is what the text says, as a number and as a text, or is rescued', async () => {
  const lab = await IngestLab.open()
  try {
    const table = bronzeTable({
      columns: { n: `decimal(${PRECISION}, ${SCALE})`, t: `decimal(${PRECISION}, ${SCALE})` },
    })
    const seed = Date.now()
    const texts = fc.sample(numbers, { numRuns: 5000, seed })
    await lab.write('inbox/money.ndjson', texts.map(text => `{"n":${text},"t":"${text}"}\n`).join(''))
    await lab.load(table)
    const rows = await lab.rows('bronze.events', 'n::VARCHAR, t::VARCHAR, _rescued')
    assert.equal(rows.length, texts.length)
    for (const [index, text] of texts.entries()) {
      const exact = exactDecimal(text)
      const rescued = exact === null ? `{"n":${text},"t":"${text}"}` : null
      assert.deepEqual(rows[index], [exact, exact, rescued], `${text} (seed ${seed})`)
    }
  } finally {
    await lab.close()
  }
})
