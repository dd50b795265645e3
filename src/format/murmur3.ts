const C1 = 0xcc9e2d51
const C2 = 0x1b873593

/** Murmur3, 32 bits, x86 variant, seed 0, as a signed integer (Iceberg spec, "Appendix B: 32-bit Hash Requirements"). */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wholeBytes = bytes.length & ~3
  let hash = 0
  for (let offset = 0; offset < wholeBytes; offset += 4) {
    hash ^= mixBlock(view.getUint32(offset, true))
    hash = (Math.imul(rotateLeft(hash, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let offset = bytes.length - 1; offset >= wholeBytes; offset -= 1)
    tail = (tail << 8) | view.getUint8(offset)
  if (bytes.length > wholeBytes) hash ^= mixBlock(tail)
  return finish(hash ^ bytes.length)
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function mixBlock(block: number): number {
  return Math.imul(rotateLeft(Math.imul(block, C1), 15), C2)
}

function finish(hash: number): number {
  let mixed = hash
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
