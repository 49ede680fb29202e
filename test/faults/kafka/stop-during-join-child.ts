import { createKafkaSource } from '../../../src/infra/kafka/consumer/kafka-source.ts'

/** Joins a group until it is stopped, and must then exit by itself: anything that still runs after the stop keeps the process alive. */
const [broker = '', groupId = '', topic = ''] = process.argv.slice(2)
const settings = { brokers: [broker], clientId: 'faults' }
const source = createKafkaSource({ settings, groupId, topic, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, crashLimit: 3 })
const started = source.start({
  assigned: () => Promise.reject(new Error('the group was to hold the join up')),
  batch: ({ nextOffset }) => Promise.resolve(nextOffset),
  report: () => undefined,
})
process.once('message', () => {
  process.disconnect()
  void source.stop()
})
await started.catch(() => undefined)
