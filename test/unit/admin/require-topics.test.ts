import { expect, test } from 'vitest'
import { operatorGroups } from '../../../src/admin/operator-group.ts'
import { requireTopic, requireTopics } from '../../../src/admin/require-topics.ts'
import { OperatorError } from '../../../src/std/failure.ts'

const groups = operatorGroups([{ name: 'a' }, { name: 'b', topic: 'orders' }], { topic: 'events', groupPrefix: '', groups: [] })
const having = (...names: readonly string[]) => ({
  topics: () => Promise.resolve(new Map(names.map((name) => [name, 1]))),
  topicNames: () => Promise.resolve(names),
})

test('a topic of the groups that is missing is named with the way out', async () => {
  await expect(requireTopics(having('events', 'orders'), groups)).resolves.toBeUndefined()
  const refused = requireTopics(having('orders'), groups)
  await expect(refused).rejects.toBeInstanceOf(OperatorError)
  await expect(refused).rejects.toThrow('Topic events does not exist on these brokers: correct KAFKA_TOPIC or KAFKA_BROKERS, or create it')
})

test('of a topic that an option names, the option is to be corrected, and the nearest topic is named', async () => {
  const brokers = having('domain-events', 'orders')
  await expect(requireTopic(brokers, 'orders', 'events')).resolves.toBeUndefined()
  await expect(requireTopic(brokers, 'domain-event', 'orders')).rejects.toThrow(
    new OperatorError('There is no topic "domain-event" (did you mean domain-events?): correct --topic, or KAFKA_BROKERS.'),
  )
  await expect(requireTopic(brokers, undefined, 'events')).rejects.toThrow(
    'Topic events does not exist on these brokers: correct KAFKA_TOPIC',
  )
})
