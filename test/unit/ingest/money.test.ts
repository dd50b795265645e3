import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

const digits = (max: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: max }).map(all => all.join(''))

const zeros = (max: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max }).map(count => '0'.repeat(count))

/** Numbers as JSON writes them, some with more digits than the column has, some with most of them in the exponent. */
const numbers = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.tuple(digits(31), zeros(12)).map(([whole, noughts]) => `${whole}${noughts}`.replace(/^0+(?=\d)/, '')),
    fc.option(fc.tuple(zeros(20), digits(11)).map(all => all.join(''))),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.integer({ min: 0, max: 30 }))),
  )
  .map(([sign, whole, fraction, exponent]) => {
    return `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : exponent.join('')}`
  })

/** What the decimal holds of the number, or null when it would have to round or overflow. */
function exactDecimal(text: string, precision: number, scale: number): string | null {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(text) ?? []
  const shift = scale - fraction.length + Number(exponent)
  let unscaled = BigInt(whole + fraction)
  if (shift >= 0) unscaled *= 10n ** BigInt(shift)
  else if (unscaled % 10n ** BigInt(-shift) !== 0n) return null
  else unscaled /= 10n ** BigInt(-shift)
  if (unscaled >= 10n ** BigInt(precision)) return null
  const padded = unscaled.toString().padStart(scale + 1, '0')
  return `${unscaled === 0n ? '' : sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
}

for (const [precision, scale] of [
  [38, 9],
  [9, 6],
  [38, 30],
] as const) {
  test(`money is what the text says, as a number and as a text, or is rescued: decimal(${precision}, ${scale})`, async () => {
    const lab = await IngestLab.open()
    try {
      const type = `decimal(${precision}, ${scale})` as const
      const table = bronzeTable({ columns: { n: type, t: type } })
      const seed = Date.now()
      const texts = fc.sample(numbers, { numRuns: 5000, seed })
      await lab.write('inbox/money.ndjson', texts.map(text => `{"n":${text},"t":"${text}"}\n`).join(''))
      await lab.load(table)
      const rows = await lab.rows('bronze.events', 'n::VARCHAR, t::VARCHAR, _rescued')
      assert.equal(rows.length, texts.length)
      for (const [index, text] of texts.entries()) {
        const exact = exactDecimal(text, precision, scale)
        const rescued = exact === null ? `{"n":${text},"t":"${text}"}` : null
        assert.deepEqual(rows[index], [exact, exact, rescued], `${text} (seed ${seed})`)
      }
    } finally {
      await lab.close()
    }
  })
}
