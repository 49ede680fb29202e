import { expect, inject, test } from 'vitest'
import { runWorkerctl } from '../integration/workerctl-scene.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('a held mail that the operator retries while the daemon runs goes out once more, under the same Message-ID', async () => {
  await using scene = await setScene()
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const { userId, email } = await platform.person(campaign)
  const daemon = scene.daemon({ MAIL_AMBIGUOUS: 'hold' })
  await daemon.ready()
  const workerctl = async (...args: string[]) => {
    const environment = {
      KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
      KAFKA_TOPIC: scene.topic,
      KAFKA_GROUP_PREFIX: scene.groupPrefix,
      DATABASE_URL: scene.databaseUrl,
    }
    const { code, out, err } = await runWorkerctl([...args, '--json'], environment)
    if (code !== 0) throw new Error(err)
    return JSON.parse(out)
  }

  // The relay takes the whole message and is gone before it answers.
  scene.smtp.respondWith((stage) => (stage === 'data' ? { drop: true } : undefined))
  await scene.publisher.publishUserSignedUp({ ...campaign, userId, email })
  await eventually('the mail is held', async () => {
    const { matching } = await workerctl('intents', 'list', '--state', 'held', '--user', userId)
    return matching === 1 || `${matching} held`
  })
  scene.smtp.respondWith(undefined)

  expect(await workerctl('intents', 'retry', '--state', 'held', '--group', 'email-workers', '--yes')).toMatchObject({
    planned: 1,
    missed: 0,
  })
  await scene.settled()
  const [first, second, ...more] = scene.smtp.mails
  expect(more).toEqual([])
  expect(first?.messageId).toMatch(/^<.+@.+>$/)
  expect(second).toMatchObject({ messageId: first?.messageId, recipients: first?.recipients, size: first?.size })
  const { intents } = await workerctl('intents', 'list', '--user', userId)
  expect(intents).toMatchObject([{ state: 'sent', messageId: first?.messageId }])
  expect(await scene.sql.query('SELECT status FROM email_logs')).toEqual([{ status: 'sent' }])
})
