import { expect, test } from 'vitest'
import { startKafka } from '../../stack/kafka-broker.ts'
import { defaultGroups } from '../../src/consumers/registry.ts'
import { applyTopics, compareTopics } from '../../src/admin/topics/apply-topics.ts'
import type { TopicFinding } from '../../src/admin/topics/topic-findings.ts'
import { eventTopics } from '../../src/catalogue/event-topics.ts'
import { userSignedUp } from '../../src/events/catalogue/user/user-signed-up.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import { eventually } from '../support/eventually.ts'
import { createWorkerctlFixture, runWorkerctl, type WorkerctlFixture } from './workerctl-fixture.ts'

const MONTH = '2592000000'
const QUARTER = '7776000000'
const WEEK = '604800000'

const lettersOf = (s: WorkerctlFixture) => defaultGroups.map((name) => `${s.topic}.${s.prefix}${name}.dlq`)

/** All of the topic's partitions and settings, and of its dead-letter topics: what must not change. */
async function everything(s: WorkerctlFixture) {
  const states = await s.admin.topicStates([s.topic, ...lettersOf(s)])
  return [...states].map(([name, { partitions, config }]) => [name, partitions.length, Object.fromEntries(config)])
}

/** What verify reports of these topics, and how it ended. The catalogue may have events with topics of their own. */
async function verified(s: WorkerctlFixture, environment: Record<string, string> = {}) {
  const { code, out } = await s.workerctl(['topics', 'verify', '--json'], { environment })
  const found: { findings: readonly TopicFinding[] } = JSON.parse(out)
  const findings = found.findings.filter(({ topic }) => topic?.startsWith(s.topic) !== false)
  return { code, findings, kinds: findings.map(({ topic, is }) => `${topic === s.topic ? 'topic' : topic}: ${is}`) }
}

test('plan says what is missing and exits with 2, apply creates it, and then plan exits with 0 and verify finds nothing', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const planned = await s.workerctl(['topics', 'plan'])
  expect(planned).toMatchObject({ code: 2, err: '' })
  expect(planned.out.split('\n').filter((line) => line.includes(s.topic))).toEqual([
    `Create ${s.topic} with 10 partitions, the brokers' default of replicas and retention.ms ${MONTH} (30 days).`,
    ...lettersOf(s).map(
      (name) => `Create ${name} with 10 partitions, the brokers' default of replicas and retention.ms ${QUARTER} (90 days).`,
    ),
  ])
  expect(planned.out).toMatch(/\n\d+ of \d+ topics would change\.$/)
  const missing = await verified(s)
  expect(missing).toMatchObject({ code: 2, kinds: ['topic: missing', ...lettersOf(s).map((name) => `${name}: missing`)] })

  const dry = await s.workerctl(['topics', 'apply', '--dry-run'])
  expect(dry.code).toBe(0)
  expect(dry.out).toContain('Dry run: nothing was changed.')
  expect(await everything(s)).toEqual([])

  const applied = await s.workerctl(['topics', 'apply', '--replication-factor', '1', '--json'])
  expect(JSON.parse(applied.out)).toMatchObject({ applied: true, changes: expect.any(Number) })
  expect(JSON.parse(applied.out).topics).toContainEqual(expect.objectContaining({ name: s.topic, action: 'create', partitions: 10 }))
  const states = await s.admin.topicStates([s.topic, ...lettersOf(s)])
  expect(
    [...states].map(([name, { partitions, config }]) => [
      name,
      partitions.length,
      config.get('retention.ms'),
      config.get('cleanup.policy'),
    ]),
  ).toEqual([[s.topic, 10, MONTH, 'delete'], ...lettersOf(s).map((name) => [name, 10, QUARTER, 'delete'])])

  expect(await s.workerctl(['topics', 'plan'])).toEqual({ code: 0, out: 'Nothing to do.', err: '' })
  expect((await s.workerctl(['topics', 'apply'])).out).toBe('Nothing to do.')
  expect(await s.workerctl(['topics', 'verify'])).toEqual({
    code: 0,
    out: expect.stringMatching(/^\d+ topics verified: nothing found\.$/),
    err: '',
  })
})

test('apply alters the settings of existing topics that would lose records, and leaves their others', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const [letters = ''] = lettersOf(s)
  const settings = {
    'cleanup.policy': 'compact,delete',
    'retention.ms': WEEK,
    'retention.bytes': '1073741824',
    'max.message.bytes': '700000',
    'segment.ms': '3600000',
  }
  await s.admin.createTopic({ name: s.topic, partitions: 2, config: settings })
  await s.admin.createTopic({ name: letters, partitions: 2, config: { 'retention.ms': WEEK } })
  const before = await s.workerctl(['topics', 'plan'])
  expect(before.code).toBe(2)
  expect(
    before.out
      .split('\n')
      .filter((line) => line.includes(s.topic))
      .slice(0, 4),
  ).toEqual([
    `Change cleanup.policy of ${s.topic} from compact,delete to delete, because compaction keeps only the last record of each key.`,
    `Change retention.ms of ${s.topic} from ${WEEK} (7 days) to ${MONTH} (30 days).`,
    `Change retention.bytes of ${s.topic} from 1073741824 to -1, because a limit of size deletes records however young they are.`,
    `Change retention.ms of ${letters} from ${WEEK} (7 days) to ${QUARTER} (90 days).`,
  ])
  expect((await verified(s)).kinds.slice(0, 4)).toEqual([
    'topic: compaction',
    'topic: retention',
    'topic: size-limit',
    `${letters}: retention`,
  ])

  expect((await s.workerctl(['topics', 'apply'])).code).toBe(0)
  const config = await s.admin.topicConfig(s.topic)
  expect(Object.fromEntries(Object.keys(settings).map((name) => [name, config.get(name)]))).toEqual({
    ...settings,
    'cleanup.policy': 'delete',
    'retention.ms': MONTH,
    'retention.bytes': '-1',
  })
  expect((await s.admin.topicConfig(letters)).get('retention.ms')).toBe(QUARTER)
  expect((await s.workerctl(['topics', 'plan'])).code).toBe(0)
  expect(await verified(s)).toMatchObject({ code: 0, findings: [] })
})

test('turning compaction off deletes no record: a topic that was only compacted keeps them forever until its retention is set', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const settings = { 'cleanup.policy': 'compact', 'retention.ms': WEEK, 'retention.bytes': '1000' }
  await s.admin.createTopic({ name: s.topic, partitions: 1, config: settings })
  expect((await verified(s)).kinds[0]).toBe('topic: compaction')
  const { code, out } = await s.workerctl(['topics', 'apply'])
  expect(code).toBe(0)
  expect(out).toContain(
    `Change cleanup.policy of ${s.topic} from compact to delete, retention.ms to -1 and retention.bytes to -1, because compaction keeps only ` +
      `the last record of each key; no record is deleted. To delete those older than 30 days later, set retention.ms to ${MONTH} by kafka-configs.sh.`,
  )
  const config = await s.admin.topicConfig(s.topic)
  expect(Object.keys(settings).map((name) => config.get(name))).toEqual(['delete', '-1', '-1'])
  expect((await s.workerctl(['topics', 'plan'])).code).toBe(0)
  expect((await verified(s)).kinds).toEqual(['topic: retention'])
})

test('a longer retention is reported and never shortened', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  await s.admin.createTopic({ name: s.topic, partitions: 1, config: { 'retention.ms': '-1' } })
  expect((await s.workerctl(['topics', 'apply'])).code).toBe(0)
  expect((await s.admin.topicConfig(s.topic)).get('retention.ms')).toBe('-1')
  const { code, findings } = await verified(s)
  expect({ code, is: findings.map(({ is }) => is) }).toEqual({ code: 2, is: ['retention'] })
  expect(findings[0]?.sentence).toContain(`${s.topic} keeps records forever`)
})

test('more partitions are planned, refused as a whole without --allow-partition-change, and added with it', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const [letters = ''] = lettersOf(s)
  await s.admin.createTopic({ name: s.topic, partitions: 4, config: { 'retention.ms': WEEK } })
  await s.admin.createTopic({ name: letters, partitions: 4 })
  const environment = { KAFKA_TOPIC_PARTITIONS: '6' }
  const planned = await s.workerctl(['topics', 'plan'], { environment })
  expect(planned.code).toBe(2)
  expect(planned.out).toContain(
    `Raise ${s.topic} from 4 to 6 partitions, only with --allow-partition-change: later events of a campaign_id may lie in another partition`,
  )
  const before = await everything(s)
  const refused = await s.workerctl(['topics', 'apply'], { environment })
  expect(refused.code).toBe(1)
  expect(refused.err).toBe(
    `Nothing was changed: ${s.topic} would go from 4 to 6 partitions, and keys would move to other partitions. ` +
      'Give --allow-partition-change once the workers have caught up, or set KAFKA_TOPIC_PARTITIONS to the partitions that there are.',
  )
  expect(await everything(s)).toEqual(before)
  expect((await verified(s, environment)).kinds.slice(0, 2)).toEqual(['topic: partitions', 'topic: retention'])

  expect((await s.workerctl(['topics', 'apply', '--allow-partition-change'], { environment })).code).toBe(0)
  expect((await everything(s)).map(([, partitions]) => partitions)).toEqual([6, ...lettersOf(s).map(() => 6)])
  expect((await s.workerctl(['topics', 'plan'], { environment })).code).toBe(0)
  expect(await verified(s, environment)).toMatchObject({ code: 0, findings: [] })
  // The option of the command line goes before the variable.
  const more = await s.workerctl(['topics', 'plan', '--partitions', '7'], { environment })
  expect(more.out).toContain(`Raise ${s.topic} from 6 to 7 partitions`)
  // Without a wish, what there is, is right.
  expect((await s.workerctl(['topics', 'plan'])).code).toBe(0)
})

test('a dead-letter topic that is too narrow grows without the flag, because no key moves', async () => {
  await using s = await createWorkerctlFixture({ partitions: 3 })
  const [letters = ''] = lettersOf(s)
  await s.admin.createTopic({ name: letters, partitions: 1 })
  expect((await verified(s)).findings).toContainEqual(expect.objectContaining({ topic: letters, is: 'partitions' }))
  expect((await s.workerctl(['topics', 'apply'])).code).toBe(0)
  expect((await s.admin.topics([letters])).get(letters)).toBe(3)
})

test('each topic of a catalogue is planned, applied and kept by the class of its own events', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const [orders, logins] = [`${s.topic}-orders`, `${s.topic}-logins`]
  const catalogue = eventTopics(
    [
      userSignedUp,
      { ...userSignedUp, type: 'order.placed', topic: orders, retention: 'analytics' },
      { ...userSignedUp, type: 'login.refused', topic: logins, retention: 'audit' },
    ],
    s.topic,
  )
  const groups = [{ name: 'order-workers', id: `${s.prefix}order-workers`, topic: orders, enabled: true }]
  const wishes = { catalogue, groups, partitions: 3, replicas: 1 }
  await s.admin.createTopic({ name: logins, partitions: 3, config: { 'retention.ms': WEEK } })
  const planned = await compareTopics(s.admin, wishes)
  expect(planned.steps.flatMap(({ sentences }) => sentences)).toEqual([
    `Create ${s.topic} with 3 partitions, 1 replica of each and retention.ms ${MONTH} (30 days).`,
    `Create ${orders} with 3 partitions, 1 replica of each and retention.ms 31536000000 (365 days).`,
    `Create ${orders}.${s.prefix}order-workers.dlq with 3 partitions, 1 replica of each and retention.ms ${QUARTER} (90 days).`,
    `Change retention.ms of ${logins} from ${WEEK} (7 days) to -1 (forever).`,
  ])
  await applyTopics(planned, { admin: s.admin, allowPartitionChange: false, clock })
  const kept = [...(await s.admin.topicStates([s.topic, orders, logins])).values()].map(({ config }) => config.get('retention.ms'))
  expect(kept).toEqual([MONTH, '31536000000', '-1'])
  expect((await compareTopics(s.admin, wishes)).steps.map(({ action }) => action)).toEqual(['keep', 'keep', 'keep', 'keep'])
})

test('topics refused by the broker and invalid counts are named', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const refused = await s.workerctl(['topics', 'apply', '--replication-factor', '5'])
  expect(refused.code).toBe(1)
  expect(refused.err).toContain(`topic "${s.topic}" cannot have 5 copies of each partition: the cluster has 1 broker`)
  const usage = await s.workerctl(['topics', 'apply', '--partitions', 'many'])
  expect(usage.code).toBe(1)
  expect(usage.err).toContain('Give a whole number from 1 to 10000.')
})

test('verify reports unclean leader election, fewer replicas than min.insync.replicas and other replicas than wanted', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const dangerous = { 'retention.ms': MONTH, 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '2' }
  await s.admin.createTopic({ name: s.topic, partitions: 2, config: dangerous })
  await s.workerctl(['topics', 'apply'])
  const { code, kinds, findings } = await verified(s, { KAFKA_TOPIC_REPLICAS: '1' })
  expect({ code, kinds }).toEqual({ code: 2, kinds: ['topic: fewer-replicas-than-min-insync', 'topic: unclean-leader-election'] })
  expect(findings[0]?.sentence).toContain(`${s.topic} has fewer replicas than min.insync.replicas (2) in partitions 0, 1,`)
  const wanted = (await verified(s, { KAFKA_TOPIC_REPLICAS: '3' })).findings.filter(({ is }) => is === 'replicas')
  expect(wanted).toHaveLength(1 + defaultGroups.length)
  expect(wanted[0]?.sentence).toBe(
    `${s.topic} does not have the 3 replicas that it should have in partitions 0, 1. Change that by kafka-reassign-partitions.sh, or set KAFKA_TOPIC_REPLICAS.`,
  )
})

test('on a cluster of three, verify reports brokers that create topics, and partitions that a lost broker leaves below min.insync.replicas', async () => {
  const kafka = await startKafka({ brokers: 3, properties: { 'auto.create.topics.enable': true } })
  const admin = createKafkaAdmin({ brokers: kafka.bootstrap, clientId: 'integration' })
  try {
    const environment = {
      KAFKA_BROKERS: kafka.bootstrap.join(','),
      DATABASE_URL: 'postgresql://db.example.com/platform?sslmode=verify-full',
      KAFKA_TOPIC_REPLICAS: '3',
    }
    const verify = async () => {
      const { code, out } = await runWorkerctl(['topics', 'verify', '--json'], environment)
      const { findings }: { findings: readonly TopicFinding[] } = JSON.parse(out)
      return { code, findings }
    }
    const applied = await runWorkerctl(['topics', 'apply'], environment)
    expect(applied).toMatchObject({ code: 0, err: '' })
    const state = (await admin.topicStates(['domain-events'])).get('domain-events')
    expect(new Set(state?.partitions.map(({ replicas }) => replicas))).toEqual(new Set([3]))
    expect(await runWorkerctl(['topics', 'plan'], environment)).toMatchObject({ code: 0 })
    const quiet = await verify()
    expect(quiet.code).toBe(2)
    expect(quiet.findings.map(({ topic, is }) => [topic, is])).toEqual([1, 2, 3].map(() => [null, 'automatic-creation']))
    expect(quiet.findings[1]?.sentence).toMatch(/^Broker 2 creates topics by itself \(auto\.create\.topics\.enable\)/)

    // A second broker cannot be lost: the controllers need a majority of the three.
    await admin.alterTopic('domain-events', { 'min.insync.replicas': '3' })
    await kafka.brokers[2]?.kill()
    await eventually(
      'the lost replicas are reported',
      async () => {
        const found = (await verify()).findings.filter(({ is }) => is === 'below-min-insync')
        return found.length === 1 || JSON.stringify(found)
      },
      60_000,
    )
    const below = (await verify()).findings.find(({ is }) => is === 'below-min-insync')
    expect(below?.topic).toBe('domain-events')
    expect(below?.sentence).toContain('too few replicas in sync for min.insync.replicas (3) in partitions 0, 1, 2, 3, 4, 5, 6, 7, 8, 9')
  } finally {
    await admin.disconnect()
    await kafka.stop()
  }
})
