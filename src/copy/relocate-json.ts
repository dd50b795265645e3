import type { Relocation } from './relocation.ts'

/** A text in a JSON document: a quote ends it unless a backslash stands before. */
const TEXT = /"(?:[^"\\]|\\.)*"/g

/**
 * The JSON document with every text that is a location of the lake moved. Nothing else of it changes, be it numbers beyond
 * 53 bits, members that nobody here knows, or the space between.
 */
export function relocateJson(json: string, relocation: Relocation): string {
  return json.replace(TEXT, token => {
    const text: string = JSON.parse(token)
    const moved = relocation.moveIfInside(text)
    return moved === text ? token : JSON.stringify(moved)
  })
}
