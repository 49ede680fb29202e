import { describe, expect, it } from 'vitest'
import { connectPublisher } from '../../../src/publisher/connect-publisher.ts'
import { createOutboxPublisher } from '../../../src/publisher/outbox-publisher.ts'

const right = { brokers: ['127.0.0.1:1'], clientId: 'signup-page', timeoutMs: 50 }
const scram = { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'hidden-word' }
const oauth = { tokenUrl: 'https://login.example.com/token', id: 'i', secret: 'hidden-word' }
const bearer = (token: unknown) => ({ sasl: { mechanism: 'OAUTHBEARER', token } })

/** As a caller without types does. */
async function connect(...given: readonly unknown[]): Promise<unknown> {
  try {
    return await Reflect.apply(connectPublisher, null, given)
  } catch (error) {
    return error
  }
}

const LOGINS = 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS-MSK-IAM'
const MS = 'must be a number of milliseconds above 0, and at most 2147483647 (24 days)'
const TOPIC = '`topic` must be a topic name: letters, digits, dot, underscore and hyphen, at most 249'
const BROKER = "must be the text host:port of a broker, such as 'kafka-1.example.com:9092', the host by its name"

describe('a connect refuses at once, by a TypeError that names the option and what it takes', () => {
  it.each([
    ['no list of brokers', { brokers: 'kafka:9092' }, '`brokers` must be a list of host:port, with one at least'],
    ['a port alone', { brokers: [9092] }, `\`brokers[0]\` ${BROKER}`],
    ['a broker without a port', { brokers: ['kafka:9092', 'kafka'] }, `\`brokers[1]\` ${BROKER}`],
    ['a port that does not exist', { brokers: ['kafka:65536'] }, `\`brokers[0]\` ${BROKER}`],
    ['a URL', { brokers: ['kafka://kafka:9092'] }, `\`brokers[0]\` ${BROKER}`],
    ['a name beyond ASCII', { clientId: 'ü' }, '`clientId` must name this application in 1 to 200 printable ASCII characters without @'],
    ['an empty topic', { topic: '' }, TOPIC],
    ['a topic that Kafka cannot have', { topic: 'domain events' }, TOPIC],
    ['a topic of dots', { topic: '..' }, TOPIC],
    ['a topic of 250 characters', { topic: 'a'.repeat(250) }, TOPIC],
    ['a mode that does not exist', { mode: 'quick' }, "`mode` must be 'guaranteed' or 'fire-and-forget'"],
    ['no end', { timeoutMs: Number.POSITIVE_INFINITY }, `\`timeoutMs\` ${MS}`],
    ['a time beyond the timers', { timeoutMs: 2 ** 31 }, `\`timeoutMs\` ${MS}`],
    ['no time', { closeTimeoutMs: 0 }, `\`closeTimeoutMs\` ${MS}`],
    ['half an event', { maxBufferedEvents: 1.5 }, '`maxBufferedEvents` must be a whole number above 0'],
    ['endless memory', { maxBufferedBytes: Number.POSITIVE_INFINITY }, '`maxBufferedBytes` must be a whole number above 0'],
    ['TLS as a switch', { tls: true }, '`tls` must be an object: {} trusts the public authorities; leave it out for plaintext'],
    ['a login as text', { sasl: 'PLAIN' }, '`sasl` must be an object with a `mechanism`'],
    ['a mechanism in lower case', { sasl: { ...scram, mechanism: 'scram-sha-512' } }, `must be one of ${LOGINS}, in upper case`],
    ['no mechanism', { sasl: { ...scram, mechanism: undefined } }, '`sasl.mechanism` must be one of'],
    ['no password', { sasl: { ...scram, password: undefined } }, '`sasl.password` must be a text that is not empty'],
    ['an empty user', { sasl: { ...scram, username: '' } }, '`sasl.username` must be a text that is not empty'],
    ['no region', { sasl: { mechanism: 'AWS-MSK-IAM' } }, '`sasl.region` must be a text that is not empty'],
    ['no token', bearer(undefined), '`sasl.token` must be a token, a function that returns one, or an object with `tokenUrl`'],
    ['an empty token', bearer(''), '`sasl.token` must be a token, a function that returns one, or an object with `tokenUrl`'],
    ['a client without its secret', bearer({ ...oauth, secret: undefined }), '`sasl.token.secret` must be a text that is not empty'],
    ['a token endpoint without a scheme', bearer({ ...oauth, tokenUrl: 'login' }), '`sasl.token.tokenUrl` must be a URL'],
    ['access that is read already', { accessNow: {} }, '`accessNow` must be a function, or be left out'],
    ['a context that is read already', { context: {} }, '`context` must be a function, or be left out'],
    ['a provider of tracers', { tracer: { getTracer: () => ({}) } }, '`tracer` must be a tracer of OpenTelemetry'],
    ['no registry', { schemaRegistry: null }, '`schemaRegistry` must be an object with a `url`; leave it out to publish in JSON'],
    ['a registry as text', { schemaRegistry: 'https://registry.example.com' }, '`schemaRegistry` must be an object with a `url`'],
    ['a registry without a URL', { schemaRegistry: {} }, '`schemaRegistry.url` must be an https:// URL'],
    [
      'a URL that is read already',
      { schemaRegistry: { url: new URL('https://r.example.com') } },
      '`schemaRegistry.url` must be an https:// URL',
    ],
    [
      'a password in plaintext',
      { schemaRegistry: { url: 'http://u:hidden@r.example.com' } },
      '`schemaRegistry.url` must be an https:// URL',
    ],
    ['a half escape', { schemaRegistry: { url: 'https://u:hidden%@r.example.com' } }, '`schemaRegistry.url` must be an https:// URL'],
    [
      'authorities as bytes',
      { schemaRegistry: { url: 'https://r.example.com', ca: Buffer.from('') } },
      '`schemaRegistry.ca` must be a text',
    ],
    [
      'no authorities',
      { schemaRegistry: { url: 'https://r.example.com', ca: '' } },
      '`schemaRegistry.ca` must be a text in PEM that is not empty',
    ],
    ['no callback', { onDrop: 'log' }, '`onDrop` must be a function, or be left out'],
  ])('%s', async (_, wrong, sentence) => {
    const refused = await connect({ ...right, ...wrong })
    expect(refused).toBeInstanceOf(TypeError)
    expect(refused).toHaveProperty('message', expect.stringContaining(sentence))
    expect(String(refused)).not.toContain('hidden')
  })

  it('no options at all', async () => {
    expect(await connect()).toEqual(new TypeError('connectPublisher needs an object with `brokers` and `clientId`'))
  })
})

it.each([
  ['whatever has a default', {}],
  ['the longest time', { closeTimeoutMs: 2 ** 31 - 1 }],
  ['a password', { sasl: scram }],
  ['a token', bearer('a.b.')],
  ['a function for a token', bearer(() => 'a.b.')],
  ['the client of an authorization server', { ...bearer(oauth), tls: {} }],
  ['a role', { tls: {}, sasl: { mechanism: 'AWS-MSK-IAM', region: 'eu-central-1' } }],
])('a connect takes %s, and goes on to the brokers', async (_, options) => {
  expect(await connect({ ...right, ...options })).toMatchObject({ name: 'PublisherError' })
})

describe('a publisher in transactions alone refuses', () => {
  it.each([
    ['no options at all', undefined, 'createOutboxPublisher needs an object with `clientId`'],
    ['a name beyond ASCII', { clientId: 'ü' }, '`clientId` must name this application in 1 to 200 printable ASCII characters without @'],
    ['a topic that Kafka cannot have', { clientId: 'c', topic: 'domain events' }, TOPIC],
    ['a context that is read already', { clientId: 'c', context: {} }, '`context` must be a function, or be left out'],
    [
      'a tracer by its name',
      { clientId: 'c', tracer: 'my-service' },
      "`tracer` must be a tracer of OpenTelemetry, such as `trace.getTracer('my-service')`, or be left out",
    ],
  ])('%s', (_, options, sentence) => {
    expect(() => Reflect.apply(createOutboxPublisher, null, [options])).toThrow(new TypeError(sentence))
  })
})
