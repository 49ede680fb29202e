import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import kafkajs from 'kafkajs'
import createSnappyCodec from 'kafkajs-snappy'
import { compressFrame, decompressFrame } from 'lz4-napi'

/** The codecs by the names that producers use. */
export const codecs = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  snappy: kafkajs.CompressionTypes.Snappy,
  lz4: kafkajs.CompressionTypes.LZ4,
  zstd: kafkajs.CompressionTypes.ZSTD,
}

/**
 * Registers the codecs that kafkajs lacks, for the whole process. They serve producers, and record sets from before Kafka 0.11; current
 * record batches are unpacked by unpack.ts. gzip is built into kafkajs. Kafka's lz4 is the frame format, not the raw block.
 */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs
  CompressionCodecs[CompressionTypes.Snappy] = createSnappyCodec
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd
}

/** A codec as kafkajs expects it: it passes its encoder and expects a Buffer. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(compressed: Buffer): Promise<Buffer>
}

const lz4: Codec = {
  compress: ({ buffer }) => compressFrame(buffer),
  decompress: (compressed) => decompressFrame(compressed),
}

const compressZstd = promisify(zstdCompress)
const decompressZstd = promisify(zstdDecompress)

const zstd: Codec = {
  compress: ({ buffer }) => compressZstd(buffer),
  decompress: (compressed) => decompressZstd(compressed),
}
