import { describe, expect, it } from 'vitest'
import { decode } from '../../../src/events/decode.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import { InvalidEvent } from '../../../src/events/invalid-event.ts'
import { createPublisher } from '../../../src/events/publisher.ts'
import { avroReader } from '../../../src/infra/registry/avro-reader.ts'
import { inAvro } from '../../../src/publisher/avro-transport.ts'
import { campaignId, uuid } from '../../support/sample-event.ts'

const registered = new Map<string, string>()
const registry = {
  async idOf(subject: string, schema: string) {
    registered.set(subject, schema)
    return registered.size
  },
}
const person = { accountId: uuid('f', 1), campaignId, userId: uuid('a', 1), email: 'ada@example.com' }

function sink() {
  const sent: Parameters<EventTransport['send']>[1][number][] = []
  const transport: EventTransport = { send: async (_, messages) => void sent.push(...messages) }
  return { sent, transport }
}

describe('a publisher of Avro', () => {
  it('writes what a group reads by the schema of the registry', async () => {
    const { sent, transport } = sink()
    const publisher = createPublisher({ transport: await inAvro(transport, registry), topic: 'domain-events' })
    const { eventId } = await publisher.publishUserSignedUp(person)
    const [message] = sent
    expect(message?.headers).toMatchObject({ 'event-type': 'user.signed_up', 'event-version': '1', 'content-type': 'application/avro' })
    const value = message?.value ?? Buffer.alloc(0)
    const id = [...registered.keys()].indexOf('user.signed_up') + 1
    expect([...value.subarray(0, 5)]).toEqual([0, 0, 0, 0, id])
    const schemas = new Map([[id, avroReader(JSON.parse(registered.get('user.signed_up') ?? ''))]])
    const headers = Object.fromEntries(Object.entries(message?.headers ?? {}).map(([name, text]) => [name, Buffer.from(text)]))
    expect(decode({ value, headers }, { maxBytes: 10_000 }, schemas)).toMatchObject({
      is: 'event',
      event: { id: eventId, type: 'user.signed_up', data: { user_id: person.userId, email: person.email } },
    })
  })

  it('refuses what Avro cannot say, by the name of the field, and sends nothing', async () => {
    const { sent, transport } = sink()
    const publisher = createPublisher({ transport: await inAvro(transport, registry), topic: 'domain-events' })
    const publishing = publisher.publishUserSignedUp({ ...person, email: 'half \ud800 pair' })
    await expect(publishing).rejects.toThrow(InvalidEvent)
    await expect(publishing).rejects.toMatchObject({ path: 'email', faults: 'email breaks the form in Avro: it is not a string of Avro' })
    const list = [{ type: 'user.verified', ...person } as const, { type: 'user.signed_up', ...person, email: 'half \ud800 pair' } as const]
    await expect(publisher.publishMany(list)).rejects.toThrow(InvalidEvent)
    expect(sent).toEqual([])
  })

  it('does not connect while a schema is missing', async () => {
    const { transport } = sink()
    await expect(inAvro(transport, { idOf: async (subject) => (subject === 'reward.earned' ? null : 1) })).rejects.toThrow(
      'the schema registry does not have the schema of reward.earned under the subject reward.earned: register it, by `npm run catalogue -- register` of the worker',
    )
  })
})
