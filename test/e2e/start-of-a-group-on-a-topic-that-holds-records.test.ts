import { expect, test } from 'vitest'
import { Platform, type Campaign } from '../support/platform.ts'
import { refusalOf } from '../support/refusal.ts'
import { setScene, type Scene } from '../support/scene.ts'

/** A scene whose one partition holds a sign-up of each of these people. */
async function sceneWithSignups(count: number): Promise<{ scene: Scene; campaign: Campaign; platform: Platform }> {
  const scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  await scene.publisher.publishMany(
    (await platform.crowd(campaign, count)).map((person) => ({ type: 'user.signed_up', ...campaign, ...person })),
  )
  return { scene, campaign, platform }
}

test('without KAFKA_START_FROM it is refused, and nobody is mailed; with it, the next start begins there', async () => {
  const { scene } = await sceneWithSignups(3)
  await using _ = scene
  expect(await refusalOf(scene.daemon({ KAFKA_GROUPS: 'email-workers' }))).toBe(
    `Group ${scene.group('email-workers')} starts for the first time and topic ${scene.topic} already holds records: say where to begin with KAFKA_START_FROM=earliest, latest or a time such as 2026-01-31T00:00:00Z.`,
  )
  expect(await scene.sql.query('SELECT * FROM worker.progress')).toEqual([])
  expect(scene.smtp.counters.mails).toBe(0)

  const daemon = scene.daemon({ KAFKA_START_FROM: 'earliest' })
  await daemon.ready()
  await scene.settled()
  expect(scene.smtp.counters.mails).toBe(3)
})

test('from latest, only what comes later is done', async () => {
  const { scene, campaign, platform } = await sceneWithSignups(3)
  await using _ = scene
  const daemon = scene.daemon({ KAFKA_START_FROM: 'latest' })
  await daemon.ready()
  const late = await platform.person(campaign)
  await scene.publisher.publishUserSignedUp({ ...campaign, ...late })
  await scene.settled()
  expect(scene.smtp.mails.map(({ recipients }) => recipients)).toEqual([[late.email]])
})

test('from a time, what was written before it is left alone', async () => {
  const { scene, campaign, platform } = await sceneWithSignups(3)
  await using _ = scene
  // The records' own times are the publisher's clock: strictly between them lies this.
  const boundary = await laterThan(Date.now())
  const late = await platform.person(campaign)
  await scene.publisher.publishUserSignedUp({ ...campaign, ...late })
  const daemon = scene.daemon({ KAFKA_START_FROM: new Date(boundary).toISOString() })
  await daemon.ready()
  await scene.settled()
  expect(scene.smtp.mails.map(({ recipients }) => recipients)).toEqual([[late.email]])
})

test('committed offsets without any row in the database are refused: it may be the wrong database', async () => {
  await using scene = await setScene({ partitions: 1 })
  await scene.admin.setCommitted(scene.group('email-workers'), scene.topic, new Map([[0, 0n]]))
  const daemon = scene.daemon({ KAFKA_GROUPS: 'email-workers' })
  expect(await refusalOf(daemon, [new URL(scene.databaseUrl).password])).toBe(
    `Group ${scene.group('email-workers')} has committed offsets on ${scene.topic}, but this database has no progress of it (a wrong or emptied database?): check DATABASE_URL, or say KAFKA_START_FROM=earliest, latest or a time.`,
  )
  expect(await scene.sql.query('SELECT * FROM worker.progress')).toEqual([])
})

test('a row outside the log is refused with the verb that decides', async () => {
  await using scene = await setScene({ partitions: 1 })
  await scene.sql.query(`INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, 0, 9, 0)`, [
    scene.group('email-workers'),
    scene.topic,
  ])
  expect(await refusalOf(scene.daemon({ KAFKA_GROUPS: 'email-workers' }))).toMatch(
    /^Group .*email-workers stands at offset 9 of .*\/0, but the log ends at 0 \(was the topic recreated\?\); decide with: npm run workerctl -- offsets reset .*\.$/,
  )
})

/** The first millisecond after `time`, once it has begun. */
async function laterThan(time: number): Promise<number> {
  while (Date.now() <= time) await new Promise((resolve) => setImmediate(resolve))
  return Date.now()
}
