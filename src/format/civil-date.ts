/** A day of the Gregorian calendar, continued to before it began. */
export interface CivilDate {
  /** Astronomical: 0 is 1 BC. */
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
}

const DAYS_OF_400_YEARS = 146_097
/** From 0000-03-01, where counted years begin so that leap days end them, to 1970-01-01. */
const DAYS_BEFORE_1970 = 719_468

/**
 * The date of a day counted from 1970-01-01. JavaScript's Date covers only part of the days that 32 bits hold.
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
export function civilFromDays(days: number): CivilDate {
  const shifted = days + DAYS_BEFORE_1970
  const era = Math.floor(shifted / DAYS_OF_400_YEARS)
  const dayOfEra = shifted - era * DAYS_OF_400_YEARS
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

/** Days since 1970-01-01; the inverse of civilFromDays. */
export function daysFromCivil({ year, month, day }: CivilDate): number {
  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_OF_400_YEARS + dayOfEra - DAYS_BEFORE_1970
}

/** The quotient rounded down, also for what lies before 1970. */
export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient
}
