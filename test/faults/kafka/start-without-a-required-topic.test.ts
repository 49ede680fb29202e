import { expect, inject, test } from 'vitest'
import { deadLetterTopic } from '../../../src/ingest/dead-letter.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { topicTool } from '../../support/faults/topic-tool.ts'
import { refusalOf } from '../../support/refusal.ts'

/**
 * Fault: The topic, or the dead-letter topic of a group, does not exist when a daemon starts.
 * Promise: The start is refused with a sentence that names the topic and the way out, and creates no topic; once the topic exists, the
 * start succeeds.
 */
test.each([
  { missing: 'the topic', seed: 38 },
  { missing: 'a dead-letter topic', seed: 39 },
] as const)(
  'a start without a required topic is refused and names the topic, and works once it exists ($missing)',
  async ({ missing, seed }) => {
    await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed, partitions: 2 })
    await using tool = await topicTool(inject('kafkaBootstrap'))
    const { admin, topic, group } = fixture.base
    const name = missing === 'the topic' ? topic : deadLetterTopic(topic, group('email-workers'))
    await fixture.fault(`${missing} is missing`, ['kafka'], async () => {
      await tool.deleteTopic(name)
      const sentence = await refusalOf(fixture.daemon())
      expect(sentence).toContain(`${name} `)
      expect(sentence).toContain('npm run workerctl -- topics apply')
      expect(await admin.topics([name])).toEqual(new Map())
      await admin.createTopic({ name, partitions: 2 })
    })
    await fixture.daemon().ready()
    const traffic = fixture.traffic({ eventsPerSecond: 80, events: 100 })
    await traffic.done
    await fixture.assertHistory()
  },
)
