import { setImmediate as nextTurn } from 'node:timers/promises'
import { createUnzip, createZstdDecompress, unzipSync, zstdDecompressSync } from 'node:zlib'
import { unpackLz4 } from './unpack-lz4.ts'
import { unpackSnappy } from './unpack-snappy.ts'

/** The codec of a record batch, by its number in the attributes. */
export type Codec = 0 | 1 | 2 | 3 | 4

/** The approximate size of a decompressed piece. */
const PIECE_BYTES = 65_536
/** Up to these sizes, compressed and decompressed, a batch is small. */
const SMALL_PACKED_BYTES = 65_536
const SMALL_BYTES = 524_288

/**
 * Decompresses the records of one batch piece by piece. Only a piece and the codec's window are held, however large the output is, and
 * decompression can stop at any piece. Throws on bytes that the codec cannot decode.
 */
export function unpack(codec: Codec, packed: Buffer): Buffer | AsyncIterable<Buffer> {
  switch (codec) {
    case 0:
      return packed
    case 1:
      return atOnce(unzipSync, packed) ?? throughStream(createUnzip({ chunkSize: PIECE_BYTES }), packed)
    case 2:
      return atOnceOrInTurns(unpackSnappy(packed))
    case 3:
      return atOnceOrInTurns(unpackLz4(packed))
    case 4:
      return atOnce(zstdDecompressSync, packed) ?? throughStream(createZstdDecompress({ chunkSize: PIECE_BYTES }), packed)
  }
}

/** The bytes that the codec itself holds while it decompresses, besides the piece. */
export function windowOf(codec: Codec, packed: Buffer): number {
  switch (codec) {
    case 0:
      return 0
    case 1:
    case 2:
    case 3:
      return SMALL_BYTES
    case 4:
      return Math.max(SMALL_BYTES, zstdWindow(packed))
  }
}

/**
 * Decompresses a small batch in one call, because creating a stream takes ten times as long. Null when the batch is not small, or its output
 * is not; that costs at most a millisecond.
 */
function atOnce(unpackSync: typeof unzipSync | typeof zstdDecompressSync, packed: Buffer): Buffer | null {
  if (packed.length > SMALL_PACKED_BYTES) return null
  try {
    return unpackSync(packed, { chunkSize: PIECE_BYTES, maxOutputLength: SMALL_BYTES })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return null
    throw error
  }
}

async function* throughStream(
  stream: ReturnType<typeof createUnzip | typeof createZstdDecompress>,
  packed: Buffer,
): AsyncGenerator<Buffer> {
  stream.end(packed)
  // Leaving the loop destroys the stream.
  for await (const piece of stream) if (Buffer.isBuffer(piece)) yield piece
}

/**
 * Unpacks in plain JavaScript: what is small at once, since most batches are and a turn of the event loop takes longer; otherwise the loop
 * turns before each further piece.
 */
function atOnceOrInTurns(pieces: Iterator<Buffer>): Buffer | AsyncIterable<Buffer> {
  const begun: Buffer[] = []
  for (let bytes = 0; bytes <= SMALL_BYTES;) {
    const { done, value } = pieces.next()
    if (done === true) return begun.length === 1 && begun[0] !== undefined ? begun[0] : Buffer.concat(begun)
    begun.push(value)
    bytes += value.length
  }
  return inTurns(begun, pieces)
}

async function* inTurns(begun: readonly Buffer[], others: Iterator<Buffer>): AsyncGenerator<Buffer> {
  yield* begun
  for (;;) {
    await nextTurn()
    const { done, value } = others.next()
    if (done === true) return
    yield value
  }
}

/** The window size of a frame (RFC 8878, 3.1.1.1): how much of its output the decompressor must keep. */
function zstdWindow(packed: Buffer): number {
  const descriptor = packed[4] ?? 0
  const isSingleSegment = (descriptor & 0x20) !== 0
  if (!isSingleSegment) {
    const window = packed[5] ?? 0
    const base = 2 ** (10 + (window >> 3))
    return base + (base / 8) * (window & 7)
  }
  const at = 5 + (ZSTD_DICTIONARY_ID_BYTES[descriptor & 3] ?? 0)
  const sizeBytes = 2 ** (descriptor >> 6)
  if (at + sizeBytes > packed.length) return 0
  if (sizeBytes === 1) return packed.readUInt8(at)
  if (sizeBytes === 2) return packed.readUInt16LE(at) + 256
  return sizeBytes === 4 ? packed.readUInt32LE(at) : Number(packed.readBigUInt64LE(at))
}

const ZSTD_DICTIONARY_ID_BYTES = [0, 1, 2, 4]
