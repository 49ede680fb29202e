/** What we touch of kafkajs 2.2.4 and its codec package without published types, declared no wider than we use it. */

declare module 'kafkajs/src/network/requestQueue/index.js' {
  interface RequestQueueState {
    readonly pending: readonly unknown[]
    readonly throttledUntil: number
  }
  const RequestQueue: { readonly prototype: { scheduleCheckPendingRequests(this: RequestQueueState): void } }
  export = RequestQueue
}

declare module 'kafkajs/src/protocol/decoder.js' {
  class Decoder {
    constructor(bytes: Buffer)
    offset: number
    readInt32(): number
    readBytes(length: number): Buffer
    canReadBytes(length: number): boolean
  }
  export = Decoder
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js'
  function decodeRecordBatch(decoder: Decoder): Promise<{ readonly records: readonly unknown[] }>
  export = decodeRecordBatch
}

declare module 'kafkajs-snappy' {
  const createSnappyCodec: () => {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
    decompress(compressed: Buffer): Promise<Buffer>
  }
  export = createSnappyCodec
}
