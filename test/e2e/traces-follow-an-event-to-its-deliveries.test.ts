import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { inject, expect, test } from 'vitest'
import { connectPublisher } from '../../src/publisher/connect-publisher.ts'
import { createFixture } from '../support/fixture.ts'
import { startOtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts'
import { Platform } from '../support/platform.ts'

const CLIENT = 3
const CONSUMER = 5
const ERROR = 2

test('the spans of an event lead from its publisher over the accept to the mail and each attempt at the webhook, and hold no personal data', async () => {
  await using receiver = await startOtlpReceiver()
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const { userId, email } = await platform.person(campaign)
  const { url, secret } = fixture.webhooks.endpoint('/rewards')
  await platform.webhook(campaign, url, secret)
  const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: url })
  const userRewardId = await platform.earned(campaign, rewardId, userId)
  const inVain = await platform.campaign()
  const down = fixture.webhooks.endpoint('/down')
  const endpoint = await platform.webhook(inVain, down.url, down.secret)
  await fixture.sql.query('UPDATE webhooks SET retry_enabled = false WHERE id = $1', [endpoint])
  const winner = await platform.person(inVain)
  const lost = await platform.reward(inVain, { method: 'webhook', webhookUrl: down.url })
  const lostTo = { rewardId: lost, userRewardId: await platform.earned(inVain, lost, winner.userId), userId: winner.userId }
  const calls = (path: string) => fixture.webhooks.calls.filter((call) => call.path === path)
  fixture.webhooks.respondWith(({ path }) => ({ status: path === '/down' || calls(path).length === 1 ? 500 : 204 }))
  const daemon = fixture.daemon({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20key%20of%20a%20service',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  })
  await daemon.ready()

  const published = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: published })] })
  const publisher = await connectPublisher({
    brokers: [inject('kafkaBootstrap')].flat(),
    clientId: 'a-service',
    topic: fixture.topic,
    tracer: provider.getTracer('a-service'),
  })
  const signedUp = await publisher.publishUserSignedUp({ ...campaign, userId, email })
  const earned = await publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId })
  const inOutbox = await fixture.transaction((tx) => publisher.inTransaction(tx).publishUserVerified({ ...campaign, userId, email }))
  const failed = await fixture.publisher.publishRewardEarned({ ...inVain, ...lostTo })
  await fixture.drained()
  await publisher.close()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)

  const { spans } = receiver
  const named = (name: string, event: string) => spans.filter((span) => span.name === name && eventOf(span) === event)
  const sent = published.getFinishedSpans()
  expect(
    sent.map(({ name, kind, attributes }) => [name, kind, attributes['messaging.operation.type'], attributes['messaging.message.id']]),
  ).toEqual([
    [`send ${fixture.topic}`, 3, 'send', signedUp.eventId],
    [`send ${fixture.topic}`, 3, 'send', earned.eventId],
    [`create ${fixture.topic}`, 3, 'create', inOutbox.eventId],
  ])
  const publishedBy = new Map(sent.map((span) => [span.attributes['messaging.message.id'], span.spanContext()]))

  // Each group's `process` span links to that of the publisher, over Kafka; the one from the outbox, too.
  for (const { eventId } of [signedUp, earned, inOutbox]) {
    const by = publishedBy.get(eventId)
    const processed = named(`process ${fixture.topic}`, eventId)
    expect(processed.length).toBeGreaterThan(0)
    expect(new Set(processed.map(({ links }) => JSON.stringify(links)))).toEqual(
      new Set([JSON.stringify([{ traceId: by?.traceId, spanId: by?.spanId }])]),
    )
    expect(processed.every(({ parentSpanId, kind }) => kind === CONSUMER && !parentSpanId)).toBe(true)
  }
  const relayed = spans.find(({ name }) => name === `send ${fixture.topic}`)
  expect([relayed?.kind, relayed?.links.map(({ spanId }) => spanId)]).toEqual([CLIENT, [publishedBy.get(inOutbox.eventId)?.spanId]])

  const accepted = named(`process ${fixture.topic}`, earned.eventId)
  expect(accepted.map(({ attributes }) => attributes)).toContainEqual({
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': fixture.topic,
    'messaging.destination.partition.id': expect.stringMatching(/^\d$/),
    'messaging.consumer.group.name': fixture.group('reward-workers'),
    'messaging.kafka.offset': expect.any(BigInt),
    'messaging.kafka.message.key': campaign.campaignId,
    'messaging.message.id': earned.eventId,
    'kafka_worker.event.type': 'reward.earned',
    'kafka_worker.outcome': 'accepted',
  })

  // Each attempt links to the span of the accept, over the database; the request carries its own.
  const attempts = named('send webhook', earned.eventId)
  expect(
    attempts.map(
      ({ kind, status, events, attributes: { 'kafka_worker.intent.attempt': attempt, 'kafka_worker.outcome': outcome, ...of } }) => {
        return [kind, attempt, outcome, of['error.type'], of['kafka_worker.reply.status'], status, events]
      },
    ),
  ).toEqual([
    [CLIENT, 1n, 'retry', 'server-error', 500n, 0, []],
    [CLIENT, 2n, 'delivered', undefined, 204n, 0, []],
  ])
  expect(calls('/rewards').map(({ headers }) => headers['traceparent'])).toEqual(
    attempts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
  )
  expect(
    named('send webhook', failed.eventId).map(({ status, attributes }) => [
      status,
      attributes['error.type'],
      attributes['kafka_worker.outcome'],
    ]),
  ).toEqual([[ERROR, 'server-error', 'dead']])
  const mails = named('send email', signedUp.eventId)
  expect(mails.map(({ attributes }) => attributes['kafka_worker.outcome'])).toEqual(['sent'])
  for (const delivery of [...attempts, ...mails]) {
    const [link, ...others] = delivery.links
    const from = spans.find(({ spanId }) => spanId === link?.spanId)
    expect([from?.name, from?.traceId, from && eventOf(from), others]).toEqual([
      `process ${fixture.topic}`,
      link?.traceId,
      eventOf(delivery),
      [],
    ])
    expect(from && from.end <= delivery.end && from.start <= from.end).toBe(true)
  }

  const operations = new Set(spans.map(({ name, kind, attributes }) => `${name} ${kind} ${String(attributes['messaging.operation.type'])}`))
  expect([...operations]).toEqual(
    expect.arrayContaining([`poll ${fixture.topic} 3 receive`, `commit ${fixture.topic} 3 settle`, 'run leaderboard 1 undefined']),
  )
  expect(receiver.headers['x-key']).toBe('a key of a service')
  expect(spans[0]?.resource).toMatchObject({ 'service.name': 'kafka-worker', 'deployment.environment.name': 'test' })
  const everything = JSON.stringify([spans, sent.map(({ attributes }) => attributes)], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  for (const personal of [email, userId, secret]) expect(everything).not.toContain(personal)
  for (const mail of fixture.smtp.mails) expect(String(mail.raw)).not.toMatch(/^traceparent:/im)
})

function eventOf({ attributes }: ReceivedSpan): unknown {
  return attributes['messaging.message.id'] ?? attributes['kafka_worker.event.id']
}
