import { SlidingWindow } from './sliding-window.ts'

const FRAME_MAGIC = 0x184d2204
const HAS_BLOCK_CHECKSUMS = 0x10
const HAS_SIZE = 0x08
const HAS_CHECKSUM = 0x04
const HAS_DICTIONARY_ID = 0x01
const IS_STORED = 0x8000_0000
const SHORTEST_COPY = 4

/**
 * Decompresses LZ4 frames piece by piece; libraries produce at least a block at a time, which may have 4 MiB. Kafka's lz4 is the frame format,
 * not the raw block. Blocks may refer to earlier ones. Checksums are skipped.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
export function* unpackLz4(packed: Buffer): Generator<Buffer> {
  for (let at = 0; at < packed.length;) {
    if (packed.readUInt32LE(at) !== FRAME_MAGIC) throw new RangeError('the batch is not an lz4 frame')
    const flags = packed.readUInt8(at + 4)
    at += 7 + (flags & HAS_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY_ID ? 4 : 0)
    const window = new SlidingWindow()
    for (;;) {
      const size = packed.readUInt32LE(at)
      at += 4
      if (size === 0) break
      const bytes = size % IS_STORED
      if (at + bytes > packed.length) throw new RangeError('the lz4 frame ends within a block')
      if (size >= IS_STORED) window.literal(packed, at, bytes)
      else yield* unpackBlock(packed.subarray(at, at + bytes), window)
      yield* window.take()
      at += bytes + (flags & HAS_BLOCK_CHECKSUMS ? 4 : 0)
    }
    if (flags & HAS_CHECKSUM) at += 4
  }
}

/** Sequences of https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md: literals, then a copy; the last one has literals only. */
function* unpackBlock(block: Buffer, window: SlidingWindow): Generator<Buffer> {
  let at = 0
  function length(short: number): number {
    let all = short
    if (short !== 15) return all
    for (;;) {
      const more = block.readUInt8(at++)
      all += more
      if (more !== 255) return all
    }
  }
  while (at < block.length) {
    const token = block.readUInt8(at++)
    const literals = length(token >> 4)
    window.literal(block, at, literals)
    at += literals
    if (at === block.length) return
    const distance = block.readUInt16LE(at)
    at += 2
    window.copy(distance, length(token & 15) + SHORTEST_COPY)
    if (window.pieces.length > 0) yield* window.pieces.splice(0)
  }
}
