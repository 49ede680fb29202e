import { SchemaRegistry as KafkaJsClient } from '@kafkajs/confluent-schema-registry'
import otherClient from 'avro-schema-registry'
import { expect, it } from 'vitest'
import { events } from '../../src/events/catalogue/events.ts'
import { sendByTopic, type EventTransport } from '../../src/events/event-transport.ts'
import { schemaIdOf, readFramed } from '../../src/events/framed-value.ts'
import { createRegistrySchemas } from '../../src/infra/registry/registry-schemas.ts'
import { inAvro } from '../../src/publisher/avro-transport.ts'
import { systemClock } from '../../src/std/clock.ts'
import { sampleEvent } from '../support/sample-event.ts'
import { useRegisteredEvents } from '../support/registered-events.ts'

const registry = useRegisteredEvents()

const { signal } = new AbortController()
const clients = {
  '@kafkajs/confluent-schema-registry': () => {
    const foreign = new KafkaJsClient({ host: registry.server().url })
    return {
      decode: (value: Buffer): Promise<unknown> => foreign.decode(value),
      encode: async (subject: string, value: object) => foreign.encode(await foreign.getLatestSchemaId(subject), value),
    }
  },
  'avro-schema-registry': () => {
    const foreign = otherClient(`${registry.server().url}/`)
    return {
      decode: (value: Buffer): Promise<unknown> => foreign.decode(value),
      encode: (subject: string, value: object) => foreign.encodeMessageByTopicName(subject, value),
    }
  },
}

it.each(Object.entries(clients))('%s reads what the publisher writes, and the daemon what it writes', async (_, open) => {
  const foreign = open()
  const sent: Buffer[] = []
  const transport: EventTransport = { send: async (_topic, messages) => void sent.push(...messages.map(({ value }) => value)) }
  const avro = await inAvro(transport, registry.client())
  const samples = events.map(({ type }) => sampleEvent(type))
  for (const event of samples) {
    const value = Buffer.from(JSON.stringify(event))
    await sendByTopic(avro, [{ topic: 'domain-events', key: event.campaign_id, value, headers: { 'event-type': event.type } }])
  }
  expect(await Promise.all(sent.map(foreign.decode))).toEqual(samples)

  const written = await Promise.all(samples.map((event) => foreign.encode(event.type, event)))
  const schemas = createRegistrySchemas(registry.client(), systemClock)
  const read = written.map(async (value) => {
    const id = schemaIdOf(value) ?? 0
    return readFramed(value, new Map([[id, await schemas.reader(id, signal)]]))
  })
  expect(await Promise.all(read)).toEqual(samples.map((value) => ({ value, isAvro: true })))
})
