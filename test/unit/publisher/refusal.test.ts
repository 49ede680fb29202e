import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../src/publisher/refusal.ts'
import { OperatorError } from '../../../src/std/failure.ts'

const of = { brokers: ['kafka.example.com:9092'], topic: 'domain-events' }
const cause = (fields: object) => new Error('wrapped', { cause: Object.assign(new Error('inner'), fields) })

describe('a refusal of the brokers', () => {
  it.each([
    [{ type: 'MESSAGE_TOO_LARGE' }, 'event', 'max.message.bytes'],
    [{ type: 'INVALID_RECORD' }, 'event', 'refuses the event'],
    [{ type: 'UNKNOWN_TOPIC_OR_PARTITION' }, 'topic', 'topic "domain-events" does not exist on Kafka at kafka.example.com:9092: create it'],
    [{ type: 'TOPIC_AUTHORIZATION_FAILED' }, 'topic', 'grant it'],
    [{ type: 'CLUSTER_AUTHORIZATION_FAILED' }, 'cluster', 'the right Write on topic "domain-events": grant it'],
    [{ type: 'SASL_AUTHENTICATION_FAILED' }, 'cluster', 'correct `sasl`'],
    [{ name: 'KafkaJSSASLAuthenticationError' }, 'cluster', 'rejects the login'],
    [{ type: 'UNSUPPORTED_SASL_MECHANISM' }, 'cluster', 'correct `sasl.mechanism`'],
    [{ type: 'TOKEN_REFUSED', message: 'Install the signer' }, 'cluster', 'Install the signer'],
    [{ type: 'ILLEGAL_SASL_STATE' }, 'cluster', 'leave out `sasl`'],
    [{ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'cluster', 'is not signed by a trusted authority (SELF_SIGNED_CERT_IN_CHAIN): correct `tls`'],
  ])('%o names the way out', (fields, isOf, sentence) => {
    expect(refusalOf(cause(fields), of)).toMatchObject({ isOf, sentence: expect.stringContaining(sentence) })
  })

  it('is what makes settings unusable', () => {
    expect(refusalOf(new OperatorError('SASL PLAIN sends the password unencrypted'), of)).toEqual({
      isOf: 'cluster',
      sentence: 'SASL PLAIN sends the password unencrypted',
    })
  })

  it.each([
    { name: 'KafkaJSConnectionError' },
    { type: 'NOT_ENOUGH_REPLICAS' },
    { type: 'TOKEN_UNAVAILABLE' },
    { type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
  ])('is not %o, which may pass', (fields) => {
    expect(refusalOf(cause(fields), of)).toBeNull()
  })
})
