import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import kafkajs from 'kafkajs'
import createSnappyCodec from 'kafkajs-snappy'
import { compressFrame, decompressFrame } from 'lz4-napi'

/** The codecs by the names that producers know them by. */
export const codecs = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  snappy: kafkajs.CompressionTypes.Snappy,
  lz4: kafkajs.CompressionTypes.LZ4,
  zstd: kafkajs.CompressionTypes.ZSTD,
}

/**
 * Registers the codecs that kafkajs does not bring, to send by them and to read record sets from before Kafka 0.11; those of today are
 * unpacked by unpack.ts. For the whole process; gzip is built in. Kafka's lz4 is the frame format, not the raw block.
 */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs
  CompressionCodecs[CompressionTypes.Snappy] = createSnappyCodec
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd
}

/** What kafkajs asks of a codec: it hands over its encoder, and takes a Buffer. */
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
