import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { clientLog } from '../../../../../src/infra/kafka/client/client-log.ts'

const { ERROR, WARN, INFO } = kafkajs.logLevel

test.each([
  [ERROR, 'Connection error: connect ECONNREFUSED', 'warn'],
  [ERROR, 'Response JoinGroup(key: 11, version: 5)', 'debug'],
  [WARN, 'The group is rebalancing, re-joining', 'info'],
  [ERROR, 'Crash: KafkaJSNonRetriableError: the source stops', 'debug'],
  [ERROR, 'Crash: KafkaJSNonRetriableError: another reason', 'warn'],
  [INFO, 'Consumer has joined the group', 'debug'],
])('level %i, "%s" becomes %s', (level, message, expected) => {
  const log = { timestamp: 'now', logger: 'kafkajs', message, stack: 'Error: at', broker: '127.0.0.1:9092' }
  expect(clientLog({ level, label: 'X', namespace: 'Connection', log })).toEqual({
    level: expected,
    message,
    detail: { namespace: 'Connection', broker: '127.0.0.1:9092' },
  })
})
