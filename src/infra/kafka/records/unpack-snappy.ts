import { SlidingWindow } from './sliding-window.ts'

/** The header that snappy-java writes before its blocks; other clients send one raw block. */
const FRAMED = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const FRAMED_HEADER_BYTES = 16

/** Decompresses Snappy, framed or raw, piece by piece; a raw block may grow to twenty times its size, and libraries produce it all at once. */
export function* unpackSnappy(packed: Buffer): Generator<Buffer> {
  if (!packed.subarray(0, FRAMED.length).equals(FRAMED)) return yield* unpackBlock(packed)
  for (let at = FRAMED_HEADER_BYTES; at + 4 <= packed.length;) {
    const end = at + 4 + packed.readUInt32BE(at)
    yield* unpackBlock(packed.subarray(at + 4, end))
    at = end
  }
}

/** Elements of https://github.com/google/snappy/blob/main/format_description.txt: literals, and copies of earlier output. */
function* unpackBlock(packed: Buffer): Generator<Buffer> {
  const size = readSize(packed)
  const window = new SlidingWindow(size.value)
  let left = size.value
  let at = size.end
  while (at < packed.length) {
    const tag = packed.readUInt8(at++)
    let length = (tag >> 2) + 1
    if ((tag & 3) === 0) {
      if (length > 60) {
        const bytes = length - 60
        length = packed.readUIntLE(at, bytes) + 1
        at += bytes
      }
      window.literal(packed, at, length)
      at += length
    } else if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4
      window.copy(((tag >> 5) << 8) | packed.readUInt8(at), length)
      at += 1
    } else if ((tag & 3) === 2) {
      window.copy(packed.readUInt16LE(at), length)
      at += 2
    } else {
      window.copy(packed.readUInt32LE(at), length)
      at += 4
    }
    left -= length
    if (window.pieces.length > 0) yield* window.pieces.splice(0)
  }
  if (left !== 0) throw new RangeError('the size of a snappy block differs from its header')
  yield* window.take()
}

function readSize(packed: Buffer): { readonly value: number; readonly end: number } {
  let value = 0
  for (let end = 0; end < 5; end++) {
    const byte = packed.readUInt8(end)
    value += (byte & 0x7f) * 2 ** (7 * end)
    if (byte < 0x80) return { value, end: end + 1 }
  }
  throw new RangeError('a snappy block has no valid size')
}
