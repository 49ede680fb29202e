import { expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { topicTool } from '../support/faults/topic-tool.ts'
import { createFixture } from '../support/fixture.ts'
import { namedByStatus, operatorStatus } from '../support/operator-status.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

test('workerctl status says that nothing is wrong while nothing is, then names a held lock, a group without a process, lost records and a recreated topic', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const signUp = async () => fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  const daemon = fixture.daemon()
  await daemon.ready()
  await signUp()
  await fixture.drained()

  await eventually('nothing is wrong', async () => {
    const { code, out } = await runWorkerctl(['status'], fixture.variables)
    return (code === 0 && out.startsWith('Nothing is wrong.\n')) || out
  })

  // The row that every accept of the partition moves.
  const mails = fixture.group('email-workers')
  await fixture.transaction(async (tx) => {
    const [session] = await tx.query<{ pid: number }>(
      'SELECT pg_backend_pid() AS pid FROM worker.progress WHERE group_name = $1 FOR UPDATE',
      [mails],
    )
    await signUp()
    const blocked = await namedByStatus(fixture, 'statement-blocked')
    expect(blocked).toMatchObject({ at: 0, code: 2, command: `psql -c 'SELECT pg_terminate_backend(${session?.pid})'` })
    expect(blocked.sentence).toContain(`for a lock of "test" with pid ${session?.pid} (idle in transaction)`)
  })
  await fixture.drained()

  daemon.kill('SIGTERM')
  await daemon.exited
  for (let count = 0; count < 3; count += 1) await signUp()
  const alone = await namedByStatus(fixture, 'no-member')
  expect(alone).toMatchObject({ at: 0, code: 2, command: expect.stringMatching(/^KAFKA_GROUPS=[a-z-]+ npm start$/) })
  expect(alone.sentence).toContain('which is behind by 3 records')

  const { high = 0n } = (await fixture.admin.ranges(fixture.topic)).get(0) ?? {}
  await tool.deleteRecordsBelow(fixture.topic, 0, high)
  const lost = await namedByStatus(fixture, 'data-lost')
  expect(lost).toMatchObject({
    at: 0,
    code: 2,
    command: expect.stringMatching(/offsets reset --group \S+ --partition 0 --to earliest --accept-loss$/),
  })
  expect(lost.sentence).toContain('has lost data of partition 0: records 2 to 4 were deleted')

  await tool.deleteTopic(fixture.topic)
  expect(await namedByStatus(fixture, 'topic-missing')).toMatchObject({ at: 0, command: 'npm run workerctl -- topics apply' })
  await eventually('it is recreated', async () => {
    await fixture.admin.createTopic({ name: fixture.topic, partitions: 1 })
    return (await fixture.admin.ranges(fixture.topic)).get(0)?.high === 0n || 'it has no leader yet'
  })
  const recreated = await namedByStatus(fixture, 'topic-recreated')
  expect(recreated).toMatchObject({ at: 0, code: 2, command: expect.stringContaining('--to earliest --accept-loss') })

  // A server that does not answer comes first, and hides nothing that another one says.
  const noDatabase = await operatorStatus(fixture, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  expect(noDatabase).toMatchObject({ code: 2, findings: [{ kind: 'database-away' }] })
  const noKafka = await operatorStatus(fixture, { KAFKA_BROKERS: '127.0.0.1:1' })
  expect(noKafka).toMatchObject({ code: 2, findings: [{ kind: 'kafka-away' }] })
})
