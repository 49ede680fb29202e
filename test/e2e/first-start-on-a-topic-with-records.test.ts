import { expect, inject, test } from 'vitest'
import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import { eventually } from '../support/eventually.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { refusalOf } from '../support/refusal.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

/** A fixture whose one partition holds a sign-up of each of these people. */
async function sceneWithSignups(count: number): Promise<{ fixture: Fixture; campaign: Campaign; platform: Platform }> {
  const fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishMany(
    (await platform.crowd(campaign, count)).map((person) => ({ type: 'user.signed_up', ...campaign, ...person })),
  )
  return { fixture, campaign, platform }
}

test('without KAFKA_START_FROM the start is refused and no mail is sent; with it the next start begins there', async () => {
  const { fixture } = await sceneWithSignups(3)
  await using _ = fixture
  expect(await refusalOf(fixture.daemon({ KAFKA_GROUPS: 'email-workers' }))).toBe(
    `Group ${fixture.group('email-workers')} starts for the first time and topic ${fixture.topic} already holds records: set KAFKA_START_FROM to earliest, latest, committed (where another program's worker of this group stopped) or a time such as 2026-01-31T00:00:00Z.`,
  )
  expect(await fixture.sql.query('SELECT * FROM worker.progress')).toEqual([])
  expect(fixture.smtp.counters.mails).toBe(0)

  const daemon = fixture.daemon({ KAFKA_START_FROM: 'earliest' })
  await daemon.ready()
  await fixture.drained()
  expect(fixture.smtp.counters.mails).toBe(3)
})

test('from latest, only later events are processed', async () => {
  const { fixture, campaign, platform } = await sceneWithSignups(3)
  await using _ = fixture
  const daemon = fixture.daemon({ KAFKA_START_FROM: 'latest' })
  await daemon.ready()
  const late = await platform.person(campaign)
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...late })
  await fixture.drained()
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([[late.email]])
})

test('from a time, earlier events are not processed', async () => {
  const { fixture, campaign, platform } = await sceneWithSignups(3)
  await using _ = fixture
  // The records' own times are the publisher's clock: strictly between them lies this.
  const boundary = await laterThan(Date.now())
  const late = await platform.person(campaign)
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...late })
  const daemon = fixture.daemon({ KAFKA_START_FROM: new Date(boundary).toISOString() })
  await daemon.ready()
  await fixture.drained()
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([[late.email]])
})

test('committed offsets without any row in the database are refused, because it may be the wrong database', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  await fixture.admin.setCommitted(fixture.group('email-workers'), fixture.topic, new Map([[0, 0n]]))
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'email-workers' })
  expect(await refusalOf(daemon, [new URL(fixture.databaseUrl).password])).toBe(
    `Group ${fixture.group('email-workers')} has committed offsets on ${fixture.topic}, but this database has no progress of it (a wrong or emptied database?): check DATABASE_URL, or set KAFKA_START_FROM=committed to take over from another program's worker, or earliest, latest or a time.`,
  )
  expect(await fixture.sql.query('SELECT * FROM worker.progress')).toEqual([])
})

test('a row outside the log is refused with the command that decides', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  await fixture.sql.query(
    `INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, 0, 9, 0)`,
    [fixture.group('email-workers'), fixture.topic],
  )
  expect(await refusalOf(fixture.daemon({ KAFKA_GROUPS: 'email-workers' }))).toMatch(
    /^Group .*email-workers is at offset 9 of .*\/0, but the log ends at 0 \(was the topic recreated\?\); decide with: npm run workerctl -- offsets reset --group .*email-workers --partition 0 --to earliest --accept-loss\.$/,
  )
})

test('a start continues at the offsets of another program once that has left the group', async () => {
  await using fixture = await createFixture({ partitions: 2 })
  const platform = new Platform(fixture.sql)
  const people = async (count: number) => {
    // Two campaigns, a partition each: the events of a campaign share one.
    const campaign = await platform.campaign()
    const crowd = await platform.crowd(campaign, count)
    await fixture.publisher.publishMany(crowd.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
    const ranges = await fixture.admin.ranges(fixture.topic)
    return { emails: crowd.map(({ email }) => email), ranges }
  }
  const first = await people(5)
  const partition = [...first.ranges].find(([, { high }]) => high === 5n)?.[0] ?? -1
  const emails = [...first.emails]
  let other = first
  for (let untouched = true; untouched; untouched = [...other.ranges].some(([, { high }]) => high === 0n)) {
    other = await people(1)
    emails.push(...other.emails)
  }
  const group = fixture.group('email-workers')
  const { kafka, destroyConnections: cut } = createKafkaClient(
    { brokers: inject('kafkaBootstrap'), clientId: 'another-program' },
    { retries: 5 },
  )
  const stranger = kafka.consumer({ groupId: group, sessionTimeout: 10_000 })
  await stranger.connect()
  await stranger.subscribe({ topics: [fixture.topic] })
  const joined = Promise.withResolvers<void>()
  stranger.on('consumer.group_join', () => joined.resolve())
  await stranger.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => undefined })
  await joined.promise
  await stranger.commitOffsets([{ topic: fixture.topic, partition, offset: '3' }])

  const takingOver = { KAFKA_GROUPS: 'email-workers', KAFKA_START_FROM: 'committed' }
  expect(await refusalOf(fixture.daemon(takingOver))).toBe(
    `KAFKA_START_FROM is committed, but group ${group} has 1 running member that this database does not know: stop the worker that this one takes over from, so that its offsets no longer move; a killed worker counts until its session expires.`,
  )
  expect(await fixture.sql.query('SELECT * FROM worker.progress')).toEqual([])
  await stranger.disconnect()
  cut()

  const daemon = fixture.daemon(takingOver)
  await daemon.ready()
  // The three before the commit are the other program's; where it has committed nothing, all are ours.
  const ours = emails.slice(3)
  await eventually('the others are mailed', () => fixture.smtp.counters.mails === ours.length || String(fixture.smtp.counters.mails))
  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients).toSorted()).toEqual(ours.toSorted())
})

/** The first millisecond after `time`, once it has begun. */
async function laterThan(time: number): Promise<number> {
  while (Date.now() <= time) await new Promise((resolve) => setImmediate(resolve))
  return Date.now()
}
