import { expect, inject, test } from 'vitest'
import { createKafkaClient } from '../../src/infra/kafka/client.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { refusalOf } from '../support/refusal.ts'
import { setScene } from '../support/scene.ts'

test('a topic deleted and made anew under a running daemon stops the group, named, and the next start too, until the operator decides', async () => {
  await using scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const publish = async (people: readonly { userId: string; email: string }[]) =>
    scene.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  const group = scene.group('email-workers')
  const daemon = scene.daemon({ KAFKA_GROUPS: 'email-workers' })
  await daemon.ready()
  await publish(await platform.crowd(campaign, 5))
  await eventually('all are mailed', () => scene.smtp.counters.mails === 5 || String(scene.smtp.counters.mails))

  const { kafka, cut } = createKafkaClient({ brokers: inject('kafkaBootstrap'), clientId: 'test' }, { retries: 5 })
  const tool = kafka.admin()
  await tool.connect()
  await tool.deleteTopics({ topics: [scene.topic] })
  await eventually('it is made anew', async () => {
    await scene.admin.createTopic({ name: scene.topic, partitions: 1 })
    return (await scene.admin.ranges(scene.topic)).get(0)?.high === 0n || 'the old one is still there'
  })
  await tool.disconnect()
  cut()
  await publish(await platform.crowd(campaign, 1))

  const sentence = `Group ${group} stands at offset 5 of ${scene.topic}/0, but the log ends at 1 (was the topic recreated?); decide with: npm run workerctl -- offsets reset --group ${group}`
  await eventually('readiness says why', async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const body = await response.text()
    return (response.status === 503 && body.includes(sentence)) || body
  })
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  expect(daemon.lines.filter(({ msg }) => msg === 'group stopped')).toHaveLength(1)
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(await refusalOf(scene.daemon({ KAFKA_GROUPS: 'email-workers' }))).toContain(sentence)
  expect(scene.smtp.counters.mails).toBe(5)
})
