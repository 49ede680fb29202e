import { randomUUID } from 'node:crypto'
import avsc from 'avsc'
import { expect, inject, it } from 'vitest'
import { framed } from '../../src/events/framed-value.ts'
import { connectPublisher } from '../../src/publisher/connect-publisher.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { useRegisteredEvents } from '../support/registered-events.ts'

const registry = useRegisteredEvents()

/** A schema as a Java program would have it: its own names and order, a time that counts milliseconds, optional fields, and one more. */
const foreignSchema = {
  type: 'record',
  name: 'UserVerifiedEvent',
  namespace: 'com.example.accounts',
  fields: [
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'type', type: 'string' },
    { name: 'shard', type: 'int' },
    { name: 'campaign_id', type: ['null', 'string'] },
    { name: 'account_id', type: 'string' },
    { name: 'id', type: 'string' },
    {
      name: 'data',
      type: {
        type: 'record',
        name: 'Details',
        fields: [
          { name: 'email', type: ['null', 'string'], default: null },
          { name: 'campaign_id', type: 'string' },
          { name: 'user_id', type: 'string' },
        ],
      },
    },
  ],
}

function foreignValue({ accountId, campaignId }: Campaign, { userId, email }: { userId: string; email: string }): Buffer {
  return avsc.Type.forSchema(JSON.parse(JSON.stringify(foreignSchema))).toBuffer({
    timestamp: Date.now(),
    type: 'user.verified',
    shard: 3,
    campaign_id: campaignId,
    account_id: accountId,
    id: randomUUID(),
    data: { email, campaign_id: campaignId, user_id: userId },
  })
}

it('a daemon reads Avro of the publisher, of others, and JSON beside it; the rest are dead letters; it waits while the registry is away', async () => {
  await using fixture = await createFixture({ groups: ['email-workers', 'position-workers'], smtp: { keepBodies: true } })
  const group = fixture.group('email-workers')
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const publisher = await connectPublisher({
    brokers: inject('kafkaBootstrap'),
    clientId: 'avro',
    topic: fixture.topic,
    schemaRegistry: { url: registry.server().url },
  })
  const daemon = fixture.daemon({ KAFKA_SCHEMA_REGISTRY_URL: registry.server().url })
  await daemon.ready()
  const accepted = async () => {
    const rows = await fixture.sql.query<{ outcome: string; count: string }>(
      'SELECT outcome, count(*) FROM worker.outcomes WHERE group_name = $1 GROUP BY 1',
      [group],
    )
    return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, Number(count)]))
  }

  const { eventId } = await publisher.publishUserSignedUp({ ...campaign, ...person })
  await publisher.close()
  await fixture.publisher.publishUserVerified({ ...campaign, ...person })
  await fixture.drained()
  expect(await accepted()).toEqual({ accepted: 2 })
  expect(fixture.smtp.mails.some(({ raw }) => String(raw).includes(eventId))).toBe(true)

  const foreignId = await registry.client().register('accounts-value', JSON.stringify(foreignSchema))
  const value = foreignValue(campaign, await platform.person(campaign))
  const headers = { 'event-type': 'user.verified' }
  const key = campaign.campaignId
  await fixture.sendRaw([
    { key, value: framed(foreignId, value), headers },
    { key, value: framed(foreignId, value.subarray(0, -3)), headers },
    { key, value: framed(999_999, value), headers },
  ])
  await fixture.drained()
  expect(await accepted()).toEqual({ accepted: 3 })
  expect(daemon.lines.filter((line) => line.msg === 'dead letter' && line['group'] === group).map((line) => line['reason'])).toEqual([
    'not-avro',
    'unknown-schema',
  ])

  const later = await registry.client().register('accounts-later', JSON.stringify({ ...foreignSchema, name: 'Later' }))
  registry.server().signal('SIGSTOP')
  try {
    await fixture.sendRaw([{ key, value: framed(later, foreignValue(campaign, await platform.person(campaign))), headers }])
    await eventually('the group says what it waits for', async () => {
      const answer = await (await fetch(`${daemon.url()}/readyz`)).text()
      return answer.includes('does not answer (no answer within 5 s): start it') ? true : answer
    })
    expect(await accepted()).toEqual({ accepted: 3 })
  } finally {
    registry.server().signal('SIGCONT')
  }
  await fixture.drained()
  expect(await accepted()).toEqual({ accepted: 4 })
  await daemon.ready()
})

it('a publisher does not connect to a registry that lacks a schema or is away, and says which', async () => {
  const brokers = inject('kafkaBootstrap')
  await expect(connectPublisher({ brokers, clientId: 'avro', schemaRegistry: { url: 'http://127.0.0.1:1' } })).rejects.toMatchObject({
    reason: 'unavailable',
    message: 'the schema registry at http://127.0.0.1:1 does not answer (ECONNREFUSED): start it, or correct `schemaRegistry.url`',
  })
  await expect(
    connectPublisher({ brokers, clientId: 'avro', schemaRegistry: { url: registry.server().url.replace('/apis/ccompat/v7', '') } }),
  ).rejects.toMatchObject({
    reason: 'refused',
    message: expect.stringContaining('`schemaRegistry.url` needs the path of its Confluent API, such as /apis/ccompat/v7'),
  })
  for (const url of ['http://u:p@registry.example.com', 'https://u:100%@registry.example.com', 'registry.example.com'])
    await expect(connectPublisher({ brokers, clientId: 'avro', schemaRegistry: { url } })).rejects.toThrow(TypeError)
})
