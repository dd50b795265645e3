// Dates and times as DuckDB prints and reads them, in UTC whatever the process's zone is. The binding's own `toString` prints
// the year 1 BC as `0000` and an infinite date as a day.

import { civilFromDays, daysFromCivil, floorDivide } from '../format/civil-date.ts'

const MICROS_PER_SECOND = 1_000_000n
const MICROS_PER_DAY = 86_400_000_000n
/** DuckDB stores infinity as the greatest number of the type, -infinity as its negative. */
const INFINITE_DATE = 2 ** 31 - 1
const INFINITE_TIMESTAMP = 2n ** 63n - 1n

/** `days` since 1970 as `2024-02-29`, `0044-03-15 (BC)`, `infinity`. */
export function formatDate(days: number): string {
  if (Math.abs(days) === INFINITE_DATE) return days > 0 ? 'infinity' : '-infinity'
  const { year, month, day } = civilFromDays(days)
  const shownYear = year > 0 ? year : 1 - year
  const text = `${String(shownYear).padStart(4, '0')}-${pad(month)}-${pad(day)}`
  return year > 0 ? text : `${text} (BC)`
}

/** `micros` since midnight as `12:00:00.5`: the fraction without trailing zeros. */
export function formatTime(micros: bigint): string {
  const seconds = Number(micros / MICROS_PER_SECOND)
  const fraction = Number(micros % MICROS_PER_SECOND)
  const clock = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return fraction === 0 ? clock : `${clock}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
}

/** `micros` since 1970 as `2024-02-29 12:00:00.5`, `-infinity`. */
export function formatTimestamp(micros: bigint): string {
  if (micros === INFINITE_TIMESTAMP) return 'infinity'
  if (micros === -INFINITE_TIMESTAMP) return '-infinity'
  const days = floorDivide(micros, MICROS_PER_DAY)
  return `${formatDate(Number(days))} ${formatTime(micros - days * MICROS_PER_DAY)}`
}

/** As `formatTimestamp`, with the zone: `2024-02-29 12:00:00.5+00`. */
export function formatTimestampTz(micros: bigint): string {
  const text = formatTimestamp(micros)
  return text.endsWith('infinity') ? text : `${text}+00`
}

const DATE = /^(\d{4,7})-(\d\d)-(\d\d)( \(BC\))?$/
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/
const TIMESTAMP = /^(.+?)[T ](\d\d:[\d:.]+)(Z|[+-]\d\d(?::?\d\d)?)?$/

/** Days since 1970 of what `formatDate` prints; undefined when `text` is no date. */
export function parseDate(text: string): number | undefined {
  if (text === 'infinity') return INFINITE_DATE
  if (text === '-infinity') return -INFINITE_DATE
  const match = DATE.exec(text)
  if (!match) return undefined
  const [, years, months, daysOfMonth, bc] = match
  const civil = {
    year: bc ? 1 - Number(years) : Number(years),
    month: Number(months),
    day: Number(daysOfMonth),
  }
  const days = daysFromCivil(civil)
  const { year, month, day } = civilFromDays(days)
  // A day that does not exist, such as 30 February, comes back as another.
  return year === civil.year && month === civil.month && day === civil.day ? days : undefined
}

/** Microseconds since midnight of `12:00`, `12:00:00` or `12:00:00.123456`; undefined when `text` is no time of day. */
export function parseTime(text: string): bigint | undefined {
  const match = TIME.exec(text)
  if (!match) return undefined
  const [, hours, minutes, seconds = '0', fraction = ''] = match
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return BigInt(total) * MICROS_PER_SECOND + BigInt(fraction.padEnd(6, '0'))
}

/**
 * Microseconds since 1970 of what `formatTimestamp` and `formatTimestampTz` print and of ISO 8601 (`2024-02-29T12:00:00.5Z`);
 * without a zone it is UTC. Undefined when `text` is none, or has more than six decimals.
 */
export function parseTimestamp(text: string): bigint | undefined {
  if (text === 'infinity') return INFINITE_TIMESTAMP
  if (text === '-infinity') return -INFINITE_TIMESTAMP
  const match = TIMESTAMP.exec(text)
  if (!match) return undefined
  const [, date = '', time = '', zone = 'Z'] = match
  const days = parseDate(date)
  const micros = parseTime(time)
  const offsetMinutes = parseOffset(zone)
  if (days === undefined || Math.abs(days) === INFINITE_DATE) return undefined
  if (micros === undefined || offsetMinutes === undefined) return undefined
  const total = BigInt(days) * MICROS_PER_DAY + micros - BigInt(offsetMinutes) * 60n * MICROS_PER_SECOND
  return total > -INFINITE_TIMESTAMP && total < INFINITE_TIMESTAMP ? total : undefined
}

function parseOffset(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(':', '') || '0')]
  if (hours > 15 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

function pad(part: number): string {
  return String(part).padStart(2, '0')
}
