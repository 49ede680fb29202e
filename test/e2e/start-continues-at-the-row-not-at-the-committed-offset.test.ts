import { expect, inject, test } from 'vitest'
import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('offsets that another tool has reset, moved beyond the log or deleted: every group continues at its row, repeats and misses nothing, and logs what was moved', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 4)
  const signups = people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person }))
  const first = fixture.daemon()
  await first.ready()
  await fixture.publisher.publishMany(signups.slice(0, 3))
  await fixture.drained()
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)

  // As kafka-consumer-groups does it: no member, no metadata of ours.
  const email = fixture.group('email-workers')
  const position = fixture.group('position-workers')
  await fixture.admin.setCommitted(email, fixture.topic, new Map([[0, 0n]]))
  await fixture.admin.setCommitted(position, fixture.topic, new Map([[0, 1_003n]]))
  const { kafka, destroyConnections: cut } = createKafkaClient({ brokers: inject('kafkaBootstrap'), clientId: 'test' }, { retries: 5 })
  const tool = kafka.admin()
  await tool.connect()
  await tool.deleteGroups([fixture.group('reward-workers')])
  await tool.disconnect()
  cut()
  await fixture.publisher.publishMany(signups.slice(3))

  const daemon = fixture.daemon()
  await daemon.ready()
  await fixture.drained()
  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients).toSorted()).toEqual(people.map((person) => person.email).toSorted())
  const reported = daemon.lines.filter(({ msg }) => msg.includes('moved by another tool'))
  expect(reported.map((line) => `${String(line['group'])}: ${String(line['committed'])}, row ${String(line['row'])}`).toSorted()).toEqual([
    `${email}: 0, row 3`,
    `${position}: 1003, row 3`,
  ])
  expect(reported[0]?.msg).toMatch(/npm run workerctl -- offsets reset --group .*-workers$/)
  expect(daemon.lines.filter(({ msg }) => msg === 'database-behind-kafka')).toEqual([])
  await eventually('the rows are committed to Kafka again', async () => {
    const committed = await Promise.all(fixture.groups.map((group) => fixture.admin.committed(fixture.group(group), fixture.topic)))
    return committed.every((offsets) => offsets.get(0) === 4n) || committed.map((offsets) => String(offsets.get(0))).join(', ')
  })
})
