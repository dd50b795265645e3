import type { Relocation } from './relocation.ts'

/** A text in a JSON document: a quote ends it unless a backslash stands before. */
const TEXT = /"(?:[^"\\]|\\.)*"/g

/** A text that is a JSON list of plain texts, as a property has it that names several locations. */
const LIST = /^\["[^"\\\p{Cc}]*"(?:,"[^"\\\p{Cc}]*")*\]$/u

/**
 * The JSON document with every text that is a location of the lake moved. Nothing else of it changes, be it numbers beyond
 * 53 bits, members that nobody here knows, or the space between.
 */
export function relocateJson(json: string, relocation: Relocation): string {
  return json.replace(TEXT, token => {
    const text: string = JSON.parse(token)
    const moved = LIST.test(text) ? relocateJson(text, relocation) : relocation.moveIfInside(text)
    return moved === text ? token : JSON.stringify(moved)
  })
}
