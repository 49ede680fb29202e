import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { endsMembership, isBrokerError, isBrokerTrouble } from '../../../../../src/infra/kafka/client/client-error.ts'

const protocolError = (type: string, retriable: boolean) =>
  Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable })
const wrapped = (cause: Error) => new Error('wrapped', { cause: new Error('again', { cause }) })

test.each(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR_FOR_GROUP'])(
  '%s ends the membership',
  (type) => {
    expect(endsMembership(wrapped(protocolError(type, true)))).toBe(true)
  },
)

test('a lost connection does not end the membership, and is transient', () => {
  const error = new kafkajs.KafkaJSConnectionError('closed')
  expect(endsMembership(error)).toBe(false)
  expect(isBrokerTrouble(wrapped(error))).toBe(true)
})

test('only errors that the broker calls retriable are transient', () => {
  expect(isBrokerTrouble(protocolError('LEADER_NOT_AVAILABLE', true))).toBe(true)
  expect(isBrokerTrouble(protocolError('TOPIC_AUTHORIZATION_FAILED', false))).toBe(false)
  expect(isBrokerTrouble(new TypeError('a bug'))).toBe(false)
  expect(isBrokerTrouble('thrown')).toBe(false)
})

test('an error of the broker is found by its type, however wrapped', () => {
  expect(isBrokerError(wrapped(protocolError('MESSAGE_TOO_LARGE', false)), 'MESSAGE_TOO_LARGE')).toBe(true)
  expect(isBrokerError(wrapped(protocolError('MESSAGE_TOO_LARGE', false)), 'RECORD_LIST_TOO_LARGE')).toBe(false)
})

test('an error that is its own cause does not loop', () => {
  const error = new Error('loop')
  error.cause = error
  expect(isBrokerTrouble(error)).toBe(false)
})
