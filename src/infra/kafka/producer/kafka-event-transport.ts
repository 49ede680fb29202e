import type { EventTransport } from '../../../events/event-transport.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { createLogProducer } from './kafka-producer.ts'

/** The publisher's transport, which partitions by key as Kafka's own clients do. Connect before the first send. */
export function createEventProducer(settings: KafkaSettings): EventTransport & { connect(): Promise<void>; disconnect(): Promise<void> } {
  const producer = createLogProducer(settings)
  return {
    connect: () => producer.connect(),
    send: (topic, messages) => producer.send(topic, [...messages]),
    disconnect: () => producer.disconnect(),
  }
}
