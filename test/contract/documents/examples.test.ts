import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, inject, test, vi } from 'vitest'
import type { DecidingConsumer } from '../../../src/model/consumer.ts'
import { exampleNamed, writeExamples } from '../../support/document-examples.ts'
import { migratedDatabase } from '../../support/migrated-database.ts'
import { sampleEvent } from '../../support/sample-event.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { insert, createReward } from '../consumers/earned-reward.ts'
import { createSourceFixture } from '../kafka/source-fixture.ts'

test('the publishing program of the README publishes an event', async () => {
  await using s = await createSourceFixture()
  const example = exampleNamed('publish')
  const code = example.code.replace('kafka.example.com:9092', inject('kafkaBootstrap')[0] ?? '').replace('domain-events', s.topic)
  expect(code).toContain(s.topic)
  await using written = await writeExamples([{ ...example, code }])
  const { stdout } = await promisify(execFile)(process.execPath, [...written.paths])
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.values()).toHaveLength(1), { timeout: 100_000, interval: 25 })
  expect(member.values()[0]).toContain(`"id":"${stdout.trim()}"`)
})

test('the consumer of the README prepares its delivery from the rows, and skips where there is no endpoint', async () => {
  const database = await migratedDatabase()
  try {
    await using written = await writeExamples([exampleNamed('consumer')])
    const { crmConsumer }: { crmConsumer: DecidingConsumer } = await import(written.paths[0] ?? '')
    const [kind] = crmConsumer.kinds
    const reward = await createReward(database.sql)
    const [draft] = crmConsumer.accept({ ...sampleEvent('user.verified'), campaign_id: reward.campaignId })
    const intent = sampleIntent({ ...draft, channel: 'webhook' })
    expect(await kind?.prepare([intent], database.sql)).toEqual([{ is: 'skip', reason: 'no-endpoint' }])
    const url = 'https://example.com/hook'
    const id = await insert(database.sql, 'webhooks', {
      account_id: reward.accountId,
      url,
      secret: 'whsec_c2VjcmV0',
      events: ['user.verified'],
    })
    const message = { endpointId: id, url, eventType: 'crm.verified', payload: { event: intent.data['event'] } }
    expect(await kind?.prepare([intent], database.sql)).toMatchObject([{ is: 'message', message }])
  } finally {
    await database.close()
  }
})
