import { expect, inject, test } from 'vitest'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('a held mail that the operator retries while the daemon runs is sent once more with the same Message-ID', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const { userId, email } = await platform.person(campaign)
  const daemon = fixture.daemon({ MAIL_AMBIGUOUS: 'hold' })
  await daemon.ready()
  const workerctl = async (...args: string[]) => {
    const environment = {
      KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
      KAFKA_TOPIC: fixture.topic,
      KAFKA_GROUP_PREFIX: fixture.groupPrefix,
      DATABASE_URL: fixture.databaseUrl,
    }
    const { code, out, err } = await runWorkerctl([...args, '--json'], environment)
    if (code !== 0) throw new Error(err)
    return JSON.parse(out)
  }

  // The relay takes the whole message and is gone before it answers.
  fixture.smtp.respondWith((stage) => (stage === 'data' ? { drop: true } : undefined))
  await fixture.publisher.publishUserSignedUp({ ...campaign, userId, email })
  await eventually('the mail is held', async () => {
    const { matching } = await workerctl('intents', 'list', '--state', 'held', '--user', userId)
    return matching === 1 || `${matching} held`
  })
  fixture.smtp.respondWith(undefined)

  expect(await workerctl('intents', 'retry', '--state', 'held', '--group', 'email-workers', '--yes')).toMatchObject({
    planned: 1,
    missed: 0,
  })
  await fixture.drained()
  const [first, second, ...more] = fixture.smtp.mails
  expect(more).toEqual([])
  expect(first?.messageId).toMatch(/^<.+@.+>$/)
  expect(second).toMatchObject({ messageId: first?.messageId, recipients: first?.recipients, size: first?.size })
  const { intents } = await workerctl('intents', 'list', '--user', userId)
  expect(intents).toMatchObject([{ state: 'sent', messageId: first?.messageId }])
  expect(await fixture.sql.query('SELECT status FROM email_logs')).toEqual([{ status: 'sent' }])
})
