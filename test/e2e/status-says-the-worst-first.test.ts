import { expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { topicTool } from '../support/faults/topic-tool.ts'
import { createFixture } from '../support/fixture.ts'
import { freshDatabase } from '../support/fresh.ts'
import { namedByStatus, operatorStatus } from '../support/operator-status.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

test('workerctl status says that nothing is wrong while nothing is, then names held locks, without what they hide, a missing topic and servers that do not answer', async () => {
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
    expect(blocked).toMatchObject({ at: 0, code: 2, command: `psql "$DATABASE_URL" -c 'SELECT pg_terminate_backend(${session?.pid})'` })
    expect(blocked.sentence).toContain(`for a lock of "test" with pid ${session?.pid} (idle in transaction)`)
  })
  await fixture.drained()

  // A lock hides only what is read from its table, and is no server that is away.
  await fixture.transaction(async (tx) => {
    const [session] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await tx.query('LOCK TABLE worker.intents, worker.progress IN ACCESS EXCLUSIVE MODE')
    const { code, findings, groups } = await operatorStatus(fixture)
    expect(code).toBe(2)
    const kinds = findings.map(({ kind }) => kind)
    expect([kinds[0], kinds.at(-1)]).toEqual(['statement-blocked', 'facts-unread'])
    expect(kinds.filter((kind) => kind.endsWith('-away'))).toEqual([])
    expect(findings[0]).toMatchObject({ command: `psql "$DATABASE_URL" -c 'SELECT pg_terminate_backend(${session?.pid})'` })
    expect(findings.at(-1)?.sentence).toMatch(/due intents.*: another session keeps worker\.intents and worker\.progress locked\.$/)
    expect(groups).toContainEqual(expect.objectContaining({ group: mails, members: 1, lag: expect.anything(), deadLetters: 0, due: null }))
  })
  await fixture.drained()

  daemon.kill('SIGTERM')
  await daemon.exited
  await tool.deleteTopic(fixture.topic)
  expect(await namedByStatus(fixture, 'topic-missing')).toMatchObject({ at: 0, command: 'npm run workerctl -- topics apply' })
  // A server that does not answer comes first, and hides nothing that another one says.
  const noDatabase = await operatorStatus(fixture, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  expect(noDatabase).toMatchObject({
    code: 2,
    findings: [{ kind: 'database-away', severity: 'bad', command: 'npm run workerctl -- doctor --only database' }],
  })
  const noKafka = await operatorStatus(fixture, { KAFKA_BROKERS: '127.0.0.1:1' })
  expect(noKafka).toMatchObject({ code: 2, findings: [{ kind: 'kafka-away', command: 'npm run workerctl -- doctor --only login' }] })
  const empty = await freshDatabase()
  const neither = await operatorStatus(fixture, { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: empty.url })
  expect(neither.findings.map(({ kind }) => kind).toSorted()).toEqual(['kafka-away', 'schema'])
  await empty.drop()
})
