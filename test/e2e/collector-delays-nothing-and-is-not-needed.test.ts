import { expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'
import { Platform } from '../support/platform.ts'

const reporting = { NODE_OPTIONS: `--import ${new URL('../support/loaded-packages.ts', import.meta.url).href}` }

/** Those of OpenTelemetry, once it has ended. */
function loadedBy(daemon: Daemon): readonly string[] {
  const line = daemon.other.find((text) => text.startsWith('loaded: '))
  if (line === undefined) throw new Error(`no list of packages in ${JSON.stringify(daemon.other)}`)
  return JSON.parse(line.slice('loaded: '.length))
}

async function mails(fixture: Fixture, count: number): Promise<void> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  for (let index = 0; index < count; index++)
    await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await fixture.drained()
}

test('a daemon whose collector refuses or never answers delivers, counts the spans that are lost, and stops cleanly', async () => {
  await using refusing = await startOtlpReceiver({ status: 400 })
  await using hanging = await startOtlpReceiver({ hangs: true })
  await using fixture = await createFixture()
  const daemon = fixture.daemon({ ...reporting, OTEL_EXPORTER_OTLP_ENDPOINT: refusing.url })
  await daemon.ready()
  await mails(fixture, 3)
  expect(fixture.smtp.counters.mails).toBe(3)
  await eventually('lost spans are counted', async () => {
    const metrics = await daemon.metrics()
    return /^kafka_worker_trace_spans_dropped_total\{reason="not-exported"\} [1-9]/m.test(metrics) || 'none yet'
  })
  await eventually('and logged', () => daemon.lines.some(({ msg }) => msg === 'spans of traces dropped') || 'not yet')
  expect(daemon.lines.find(({ msg }) => msg === 'spans of traces dropped')).toMatchObject({ cause: 'the collector answered 400' })
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(loadedBy(daemon)).toContain('@opentelemetry/sdk-trace')

  const another = fixture.daemon({ OTEL_EXPORTER_OTLP_ENDPOINT: hanging.url })
  await another.ready()
  await mails(fixture, 3)
  expect(fixture.smtp.counters.mails).toBe(6)
  await eventually('the collector hangs', () => hanging.requests > 0 || 'no request yet')
  another.kill('SIGTERM')
  expect(await another.exited).toBe(0)
})

test('without a collector no part of OpenTelemetry but its interface is loaded, and no intent or webhook names a span', async () => {
  await using receiver = await startOtlpReceiver()
  await using fixture = await createFixture()
  const daemon = fixture.daemon({ ...reporting, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_TRACES_EXPORTER: 'none' })
  await daemon.ready()
  await mails(fixture, 1)
  expect(await fixture.sql.query(`SELECT DISTINCT traceparent FROM worker.intents WHERE kind <> ''`)).toEqual([{ traceparent: null }])
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  // prom-client brings it.
  expect(loadedBy(daemon)).toEqual(['@opentelemetry/api'])
  expect(receiver.requests).toBe(0)
})

test('with a sampler by parent a publisher that is not sampled decides for the accept and the deliveries of its event', async () => {
  await using receiver = await startOtlpReceiver()
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const daemon = fixture.daemon({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })
  await daemon.ready()
  const publish = async (flags: string) => {
    const traceparent = `00-${'a'.repeat(31)}${flags.at(-1)}-${'b'.repeat(16)}-${flags}`
    return fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)), traceparent })
  }
  const unsampled = await publish('00')
  const sampled = await publish('01')
  await fixture.drained()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  const events = receiver.spans.flatMap(({ attributes }) => [attributes['messaging.message.id'], attributes['kafka_worker.event.id']])
  expect(events).toContain(sampled.eventId)
  expect(events).not.toContain(unsampled.eventId)
  const [mail] = await fixture.sql.query<{ traceparent: string }>(
    `SELECT traceparent FROM worker.intents WHERE event_id = $1 AND channel = 'email'`,
    [unsampled.eventId],
  )
  expect(mail?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
})
