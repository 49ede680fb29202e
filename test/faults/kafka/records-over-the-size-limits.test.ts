import { expect, inject, test } from 'vitest'
import { deadLetterTopic } from '../../../src/ingest/dead-letter.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { readTopic } from '../../support/faults/read-topic.ts'
import { topicTool } from '../../support/faults/topic-tool.ts'

const EVENT_MAX_BYTES = 200_000
const LETTER_MAX_BYTES = 100_000

/**
 * Fault: Records above EVENT_MAX_BYTES, and bad records below it that exceed what the dead-letter topic of one group accepts, arrive among
 * good ones.
 * Promise: Each becomes a dead letter of every group, complete where its topic accepts that, otherwise without its value and marked so; the
 * good records are processed.
 */
test('records over the size limits become dead letters, without their value where it does not fit, and affect no others', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 41,
    partitions: 1,
    variables: { EVENT_MAX_BYTES: String(EVENT_MAX_BYTES) },
  })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const { admin, topic, group, sendRaw } = fixture.base
  const [narrow, wide] = [deadLetterTopic(topic, group('email-workers')), deadLetterTopic(topic, group('reward-workers'))]
  await tool.deleteTopic(narrow)
  await admin.createTopic({ name: narrow, partitions: 1, config: { 'max.message.bytes': String(LETTER_MAX_BYTES) } })
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 80, events: 100 })
  const large = [EVENT_MAX_BYTES + 100_000, EVENT_MAX_BYTES - 50_000, 1_000].map((bytes) => Buffer.alloc(bytes, 'x'))
  for (const value of large) await sendRaw([{ key: 'k', value, headers: {} }])
  await traffic.done
  await fixture.drained()

  expect(await lettersOf(wide)).toEqual(['too-large 300000', 'not-json 150000', 'not-json 1000'])
  expect(await lettersOf(narrow)).toEqual(['too-large no value true', 'not-json no value true', 'not-json 1000'])
  await fixture.assertHistory()
})

/** What stands in a dead-letter topic of the large records: reason, bytes, and whether the value was left out. */
async function lettersOf(name: string): Promise<string[]> {
  const letters: string[] = []
  await readTopic(inject('kafkaBootstrap'), name, (_, { value, headers }) => {
    const [code, omitted] = [headers?.['dlq-error-code'], headers?.['value-omitted']].map((text) => text?.toString())
    if (value === null || /^x+$/.test(value.toString())) letters.push(`${code} ${value?.length ?? 'no value'} ${omitted ?? ''}`.trim())
  })
  return letters
}
