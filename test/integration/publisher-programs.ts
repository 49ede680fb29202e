/** Programs of a service that has installed the package. Each publishes three events, a wrong one, and one to a port where nobody listens. */
const body = (types: boolean) => `
  const request = new Context()
  const publisher = await connectPublisher({ brokers: [brokers], clientId: 'another-service', topic, context: () => request.current })
  const campaignId = '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33'
  const about = { accountId: '7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11', campaignId }
  const person = { ...about, userId: 'b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55', email: 'guest@example.com' }
  request.current = { correlationId: 'request-1', traceparent: '00-' + 'a'.repeat(32) + '-' + 'b'.repeat(16) + '-01' }
  const first = await publisher.publishUserSignedUp(person)
  const others = await publisher.publishMany([
    { type: 'user.verified', ...person },
    { type: 'campaign.milestone_reached', ...about, milestone: '100_participants', participantCount: 100 },
  ])
  const thrown = (error${types ? ': unknown' : ''}) => error
  const wrong = await publisher.publishUserSignedUp({ ...person, userId: 'x' }).catch(thrown)
  const away = await connectPublisher({ brokers: [nobody], clientId: 'another-service', timeoutMs: 1_000 }).catch(thrown)
  await publisher.close()
  const rows${types ? ': unknown[][]' : ''} = []
  const client = { query: async (text${types ? ': string' : ''}, values${types ? ': unknown[]' : ''}) => void rows.push(values) }
  const cause = causedBy({ id: 'an-event' })
  const context = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1 }
  const span = { spanContext: () => context, isRecording: () => true, setAttribute() {}, setStatus() {}, end() {} }
  await createOutboxPublisher({ clientId: 'another-service', tracer: { startSpan: () => span } }).inTransaction(client).publishUserSignedUp({ ...person, ...cause })
  return {
    rows,
    campaignId,
    eventIds: [first, ...others].map(({ eventId }) => eventId),
    invalid: wrong instanceof InvalidEvent ? { name: wrong.name, path: wrong.path, known: true } : wrong,
    away: away instanceof PublisherError ? { name: away.name, reason: away.reason, message: away.message, waitedMs: away.waitedMs, known: true } : away,
  }
`

const untyped = `class Context {}
async function publish(brokers, topic, nobody) {${body(false)}}
publish(...process.argv.slice(2)).then((done) => console.log(JSON.stringify(done)))
`

export const esModule = `import { causedBy, connectPublisher, createOutboxPublisher, InvalidEvent, PublisherError } from 'kafka-worker/publisher'
${untyped}`

export const commonJs = `const { causedBy, connectPublisher, createOutboxPublisher, InvalidEvent, PublisherError } = require('kafka-worker/publisher')
${untyped}`

/** Publishes an event in Avro by a registry that wants TLS and a login, and tries it without trusting its certificate, and with another password. */
export const inAvro = `import { readFileSync } from 'node:fs'
import { connectPublisher } from 'kafka-worker/publisher'
const [brokers, topic, url, ca, event] = process.argv.slice(2)
const options = { brokers: [brokers], clientId: 'another-service', topic }
const access = { url, ca: readFileSync(ca, 'utf8') }
const publisher = await connectPublisher({ ...options, schemaRegistry: access })
const { eventId } = await publisher.publishUserSignedUp(JSON.parse(event))
await publisher.close()
const thrown = ({ reason, message }) => ({ reason, message })
const untrusted = await connectPublisher({ ...options, schemaRegistry: { url } }).catch(thrown)
const refused = await connectPublisher({ ...options, schemaRegistry: { ...access, url: url.replace('//', '//not-') } }).catch(thrown)
console.log(JSON.stringify({ eventId, untrusted, refused }))
`

/** Compiles under \`.mts\` to an ES module, and under \`.cts\` to CommonJS. */
export const typed = `import { causedBy, connectPublisher, createOutboxPublisher, InvalidEvent, PublisherError, type PublishContext } from 'kafka-worker/publisher'
class Context { current: PublishContext | undefined }
export async function publish(brokers: string, topic: string, nobody: string) {${body(true)}}
`

/** Each line below a comment must not compile, and everything else must. */
export const expectedErrors = `import { connectPublisher, type ConnectedPublisher, type DroppedEvent, type EventInput, type TypedInput } from 'kafka-worker/publisher'
const about = { accountId: 'a', campaignId: 'c' }
export async function wrong(publisher: ConnectedPublisher) {
  const { eventId } = await publisher.publishUserSignedUp({ ...about, userId: 'u', email: 'e', timestamp: new Date() })
  eventId satisfies string
  // @ts-expect-error: a misspelt field
  await publisher.publishUserSignedUp({ ...about, userid: 'u', email: 'e' })
  // @ts-expect-error: a missing field
  await publisher.publishUserSignedUp({ ...about, userId: 'u' })
  // @ts-expect-error: a field of another type
  await publisher.publishCampaignMilestoneReached({ ...about, milestone: 'm', participantCount: '100' })
  // @ts-expect-error: a field of another event
  await publisher.publishUserVerified({ ...about, userId: 'u', email: 'e', milestone: 'm' })
  // @ts-expect-error: an event that does not exist
  await publisher.publishUserDeleted({ ...about, userId: 'u' })
  // @ts-expect-error: a misspelt type
  await publisher.publishMany([{ type: 'user.signed-up', ...about, userId: 'u', email: 'e' }])
  // @ts-expect-error: read only
  publisher.dropped = 1
  // @ts-expect-error: a mode that does not exist
  await connectPublisher({ brokers: ['b:9092'], clientId: 'c', mode: 'quick' })
  // @ts-expect-error: a login without its password
  await connectPublisher({ brokers: ['b:9092'], clientId: 'c', sasl: { mechanism: 'PLAIN', username: 'u' } })
  // @ts-expect-error: a registry without its address
  await connectPublisher({ brokers: ['b:9092'], clientId: 'c', schemaRegistry: { ca: '' } })
  const count: number = publisher.dropped
  const input: EventInput['user.signed_up'] = { ...about, userId: 'u', email: 'e' }
  const list: readonly TypedInput[] = [{ type: 'user.signed_up', ...input }]
  await publisher.publishMany(list)
  const onDrop = ({ eventId, type, reason, detail }: DroppedEvent) => [eventId, type, reason satisfies 'full' | 'refused' | 'closed', detail]
  await connectPublisher({ brokers: ['b:9092'], clientId: 'c', mode: 'fire-and-forget', onDrop, maxBufferedEvents: count, schemaRegistry: { url: '' } })
}
`

/** As strict as TypeScript gets, without declarations of anything but the language. */
export function tsConfig(resolution: 'node16' | 'bundler', files: readonly string[]) {
  const module =
    resolution === 'node16' ? { module: 'node16', moduleResolution: 'node16' } : { module: 'esnext', moduleResolution: 'bundler' }
  const compilerOptions = {
    ...module,
    target: 'es2022',
    lib: ['es2022'],
    types: [] as string[],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    rootDir: '.',
    outDir: 'out',
  }
  return { compilerOptions, files }
}
