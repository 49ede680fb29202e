import { avroNameOf, avroSchemaOf, NotInAvro, type AvroRecord } from '../events/avro-schema.ts'
import { avroOf } from '../events/avro-writer.ts'
import { events } from '../events/catalogue/events.ts'
import type { EventTransport } from '../events/event-transport.ts'
import { framed } from '../events/framed-value.ts'
import { inInput } from '../events/broken-fields.ts'
import { header } from '../events/header.ts'
import { InvalidEvent } from '../events/invalid-event.ts'
import type { RegistryClient } from '../infra/registry/registry-client.ts'

/** The part of a registry's API that a publisher needs: it registers nothing. */
export type SchemaIds = Pick<RegistryClient, 'idOf'>

interface Registered {
  readonly id: number
  readonly schema: AvroRecord
}

/**
 * A transport whose events are values in Avro, each behind the id of its schema. It encodes with an {@link InvalidEvent} for what JSON can say and
 * Avro cannot.
 *
 * @throws {Error} one sentence: a schema is not registered, or the registry cannot be asked
 */
export async function inAvro(transport: EventTransport, registry: SchemaIds): Promise<EventTransport> {
  const found = await Promise.all(events.map(async (event) => [event.type, await registeredOf(event, registry)] as const))
  const registered = new Map<string, Registered>(found)
  return {
    send: (topic, messages) => transport.send(topic, messages),
    encode(message) {
      const type = message.headers[header.type] ?? ''
      const known = registered.get(type)
      if (known === undefined) throw new Error(`no schema of ${type} is known`)
      const headers = { ...message.headers, [header.contentType]: 'application/avro' }
      return { key: message.key, headers, value: framed(known.id, encoded(type, known.schema, message.value)) }
    },
  }
}

async function registeredOf(event: (typeof events)[number], registry: SchemaIds): Promise<Registered> {
  const subject = avroNameOf(event)
  const schema = avroSchemaOf(event)
  const id = await registry.idOf(subject, JSON.stringify(schema))
  if (id !== null) return { id, schema }
  throw new Error(
    `the schema registry does not have the schema of ${event.type} under the subject ${subject}: register it, by \`npm run catalogue -- register\` of the worker`,
  )
}

function encoded(type: string, schema: AvroRecord, value: Buffer): Buffer {
  try {
    return avroOf(schema, JSON.parse(value.toString('utf8')))
  } catch (error) {
    if (!(error instanceof NotInAvro)) throw error
    throw new InvalidEvent(type, [
      {
        path: inInput(
          error.path
            .replace(/^\/data\b/, '')
            .split('/')
            .slice(1),
        ),
        rule: `breaks the form in Avro: it ${error.why}`,
      },
    ])
  }
}
