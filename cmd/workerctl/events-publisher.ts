import type { Config } from '../../config/load.ts'
import { createPublisher, type Publisher } from '../../src/events/publisher.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'

/** Works with a publisher of KAFKA_TOPIC, connected, and disconnects. */
export async function withPublisher<Result>({ kafka }: Config, work: (publisher: Publisher) => Promise<Result>): Promise<Result> {
  const clientId = `${kafka.clientId}-workerctl`
  const transport = createEventProducer({ brokers: kafka.brokers, clientId, tls: kafka.tls, sasl: kafka.sasl })
  await transport.connect()
  try {
    return await work(createPublisher({ transport, topic: kafka.topic }))
  } finally {
    await transport.disconnect()
  }
}
