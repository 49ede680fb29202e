import { expect, test } from 'vitest'
import { unpatchedDecode } from '../../../../../src/infra/kafka/patches/record-set.ts'

test('kafkajs’s function is the one that the patch was written for', () => {
  expect(
    unpatchedDecode
      .toString()
      .replaceAll(/\/\/.*/g, '')
      .replaceAll(/\s+/g, ' '),
  ).toMatchInlineSnapshot(
    `"async decoder => { const messagesSize = decoder.readInt32() if (messagesSize <= 0 || !decoder.canReadBytes(messagesSize)) { return [] } const messagesBuffer = decoder.readBytes(messagesSize) const messagesDecoder = new Decoder(messagesBuffer) const magicByte = messagesBuffer.slice(MAGIC_OFFSET).readInt8(0) if (magicByte === MAGIC_BYTE) { const records = [] while (messagesDecoder.canReadBytes(RECORD_BATCH_OVERHEAD)) { try { const recordBatch = await RecordBatchDecoder(messagesDecoder) records.push(...recordBatch.records) } catch (e) { if (e.name === 'KafkaJSPartialMessageError') { break } throw e } } return records } return MessageSetDecoder(messagesDecoder, messagesSize) }"`,
  )
})
