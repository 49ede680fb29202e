import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaAccess, KafkaSasl } from '../../../src/infra/kafka/client/access.ts'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { messageOf, OperatorError } from '../../../src/std/failure.ts'
import { LogAccessRefused } from '../../../src/ingest/log-admin.ts'
import { createAuthority, type Certificate } from '../../../stack/certificates.ts'
import { startKafka, type KafkaServer } from '../../../stack/kafka-broker.ts'

/** The listeners of the broker; the plain one stands beside them. */
type Listener = 'PLAIN' | 'TLS' | 'MUTUAL' | 'LOGIN' | 'CLEARLOGIN' | 'EXPIRED' | 'MISNAMED'

const word = 'hidden-word'
const good: KafkaSasl = { mechanism: 'SCRAM-SHA-512', username: 'worker', password: 'right-word' }
let kafka: KafkaServer
let ca: string
let foreignCa: string
let client: Certificate
let foreignClient: Certificate

beforeAll(async () => {
  const [own, foreign] = await Promise.all([createAuthority('Own'), createAuthority('Foreign')])
  const here = ['127.0.0.1']
  const server = await own.server(here)
  const sasl = { mechanisms: ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'], plainUsers: [{ name: 'plain', password: 'plain-word' }] }
  ca = own.ca
  foreignCa = foreign.ca
  client = await own.client('worker')
  foreignClient = await foreign.client('worker')
  kafka = await startKafka({
    users: [{ name: 'worker', password: 'right-word' }],
    listeners: [
      { name: 'TLS', tls: { server } },
      { name: 'MUTUAL', tls: { server, clientCa: own.ca } },
      { name: 'LOGIN', tls: { server }, sasl },
      { name: 'CLEARLOGIN', sasl: { mechanisms: ['SCRAM-SHA-512'] } },
      { name: 'EXPIRED', tls: { server: await own.server(here, { expired: true }) } },
      { name: 'MISNAMED', tls: { server: await own.server(['elsewhere.example.com']) } },
    ],
  })
})

afterAll(async () => kafka.stop())

function at(listener: Listener): string {
  return (listener === 'PLAIN' ? kafka.bootstrap[0] : kafka.secured[listener]) ?? ''
}

/** The error of a request for a topic, or null. */
async function requestError(listener: Listener, access: KafkaAccess): Promise<unknown> {
  const admin = createKafkaAdmin({ brokers: [at(listener)], clientId: 'contract', connectionTimeoutMs: 5_000, ...access })
  try {
    await admin.connect()
    await admin.topics(['none'])
    return null
  } catch (error) {
    return error
  } finally {
    await admin.disconnect()
  }
}

describe('clients that the brokers admit', () => {
  test.each<[string, Listener, () => KafkaAccess]>([
    ['TLS with a given authority', 'TLS', () => ({ tls: { ca } })],
    ['with a client certificate', 'MUTUAL', () => ({ tls: { ca, ...client } })],
    ['SCRAM-SHA-512 under TLS', 'LOGIN', () => ({ tls: { ca }, sasl: good })],
    ['SCRAM-SHA-256 under TLS', 'LOGIN', () => ({ tls: { ca }, sasl: { ...good, mechanism: 'SCRAM-SHA-256' } })],
    ['PLAIN under TLS', 'LOGIN', () => ({ tls: { ca }, sasl: { mechanism: 'PLAIN', username: 'plain', password: 'plain-word' } })],
    ['SCRAM-SHA-512 without TLS', 'CLEARLOGIN', () => ({ sasl: good })],
  ])('%s', async (_name, listener, access) => {
    expect(await requestError(listener, access())).toBeNull()
  })
})

function badLogin(mechanism: string): string {
  return `Kafka at BROKER rejects the user or the password (${mechanism}): correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`
}

describe('a refused login or certificate is reported at once, with the way out and without the password', () => {
  const untrusted = 'The certificate of the Kafka broker at BROKER is not signed by a trusted authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE): '
  const noClient = 'give a certificate that it trusts, and its key, by KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE'
  test.each<[string, Listener, () => KafkaAccess, string]>([
    [
      'another authority',
      'TLS',
      () => ({ tls: { ca: foreignCa } }),
      `${untrusted}give the certificate of the authority that signed it by KAFKA_SSL_CA_FILE, which holds another one`,
    ],
    [
      'the public authorities',
      'TLS',
      () => ({ tls: {} }),
      `${untrusted}give the certificate of the authority that signed it by KAFKA_SSL_CA_FILE`,
    ],
    [
      'an expired certificate',
      'EXPIRED',
      () => ({ tls: { ca } }),
      'The certificate of the Kafka broker at BROKER has expired or is not valid yet (CERT_HAS_EXPIRED): renew it on the broker, or correct the clock of this machine',
    ],
    [
      'a certificate for another name',
      'MISNAMED',
      () => ({ tls: { ca } }),
      'The certificate of the Kafka broker at BROKER is for another host name (ERR_TLS_CERT_ALTNAME_INVALID): give KAFKA_BROKERS, and advertised.listeners of the broker, a name that the certificate holds',
    ],
    [
      'no client certificate',
      'MUTUAL',
      () => ({ tls: { ca } }),
      `The Kafka broker at BROKER refuses our client certificate, or the lack of one (ALERT): ${noClient}`,
    ],
    [
      'a client certificate of a foreign authority',
      'MUTUAL',
      () => ({ tls: { ca, ...foreignClient } }),
      `The Kafka broker at BROKER refuses our client certificate, or the lack of one (ALERT): ${noClient}`,
    ],
    ['the wrong password', 'LOGIN', () => ({ tls: { ca }, sasl: { ...good, password: word } }), badLogin('SCRAM-SHA-512')],
    ['an unknown user', 'LOGIN', () => ({ tls: { ca }, sasl: { ...good, username: 'nobody', password: word } }), badLogin('SCRAM-SHA-512')],
    [
      'the wrong password by PLAIN',
      'LOGIN',
      () => ({ tls: { ca }, sasl: { mechanism: 'PLAIN', username: 'plain', password: word } }),
      badLogin('PLAIN'),
    ],
    [
      'a mechanism that is not offered',
      'CLEARLOGIN',
      () => ({ sasl: { ...good, mechanism: 'SCRAM-SHA-256', password: word } }),
      'Kafka at BROKER does not offer SCRAM-SHA-256: set KAFKA_SASL_MECHANISM to one that its listener has enabled',
    ],
    [
      'a login on a listener without logins',
      'TLS',
      () => ({ tls: { ca }, sasl: { ...good, password: word } }),
      'Kafka at BROKER accepts no login on this listener: set KAFKA_SECURITY_PROTOCOL to SSL, or correct the port in KAFKA_BROKERS',
    ],
  ])('%s', async (_name, listener, access, sentence) => {
    const error = await requestError(listener, access())
    expect(error).toBeInstanceOf(LogAccessRefused)
    expect(
      messageOf(error)
        .replace(at(listener), 'BROKER')
        .replace(/\(\S+_ALERT_\w+\)/, '(ALERT)'),
    ).toBe(sentence)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(word)
  })
})

describe('the protocol of another listener is reported with the variable to set', () => {
  test.each<[string, Listener, () => KafkaAccess, RegExp]>([
    ['plaintext on a TLS listener', 'TLS', () => ({}), /^no Kafka broker answers at .* or KAFKA_SECURITY_PROTOCOL$/],
    ['TLS on a plaintext listener', 'PLAIN', () => ({ tls: { ca } }), /^no Kafka broker answers at .* or KAFKA_SECURITY_PROTOCOL$/],
    [
      'without a login under TLS',
      'LOGIN',
      () => ({ tls: { ca } }),
      /: set KAFKA_SECURITY_PROTOCOL to SASL_SSL if its listener requires that/,
    ],
    ['without a login', 'CLEARLOGIN', () => ({}), /: set KAFKA_SECURITY_PROTOCOL to SASL_SSL or SSL if its listener requires that/],
  ])('%s', async (_name, listener, access, sentence) => {
    const error = await requestError(listener, access())
    expect(error).toBeInstanceOf(OperatorError)
    // The listener may be starting, or be behind a load balancer: the boot keeps trying.
    expect(error).not.toBeInstanceOf(LogAccessRefused)
    expect(messageOf(error)).toMatch(sentence)
  })
})

test('PLAIN without TLS is refused before anything is sent', () => {
  const sasl = { mechanism: 'PLAIN', username: 'plain', password: word } as const
  expect(() => createEventProducer({ brokers: [at('CLEARLOGIN')], clientId: 'contract', sasl })).toThrow(
    /^SASL PLAIN sends the password unencrypted: connect to the brokers over TLS \(SASL_SSL\), or use SCRAM-SHA-512$/,
  )
})

test('the publisher of an application logs in over TLS, and a refusal is reported', async () => {
  const settings = { brokers: [at('LOGIN')], clientId: 'contract', tls: { ca } }
  const admin = createKafkaAdmin({ ...settings, sasl: good })
  const producer = createEventProducer({ ...settings, sasl: good })
  try {
    await admin.createTopic({ name: 'published', partitions: 1 })
    await producer.connect()
    await producer.send('published', [{ key: 'k', value: Buffer.from('v'), headers: {} }])
    expect((await admin.ranges('published')).get(0)?.high).toBe(1n)
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
  const refused = createEventProducer({ ...settings, sasl: { ...good, password: word } })
  await expect(refused.connect()).rejects.toThrow(/rejects the user or the password \(SCRAM-SHA-512\)/)
  await refused.disconnect()
})
