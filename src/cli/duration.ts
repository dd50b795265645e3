import { IngotError } from '../errors.ts'

const UNITS_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** `30d` in milliseconds: a whole number above 0 of minutes, hours, days or weeks. @throws REQUEST_INVALID */
export function parseDuration(text: string, option: string): number {
  const [, digits, unit] = /^([1-9]\d{0,5})([mhdw])$/.exec(text) ?? []
  if (digits !== undefined && unit !== undefined) return Number(digits) * (UNITS_MS[unit] ?? Number.NaN)
  throw new IngotError('REQUEST_INVALID', `${option} ${text} is not a duration`, {
    hint: 'write minutes, hours, days or weeks: 90m, 12h, 30d, 4w',
  })
}
