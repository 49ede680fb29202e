import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import { startBrokerWithRights, type BrokerWithRights, type Right } from '../support/broker-rights.ts'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

let broker: BrokerWithRights
let fixture: Fixture
let groupRead: Right
let topicRead: Right

beforeAll(async () => {
  broker = await startBrokerWithRights()
  fixture = await createFixture({ partitions: 1, brokers: broker.kafka.bootstrap })
  groupRead = ['group', fixture.group('email-workers'), 'Read']
  topicRead = ['topic', fixture.topic, 'Read']
  await broker.grant(
    topicRead,
    ['topic', fixture.topic, 'Describe'],
    ['topic', fixture.topic, 'DescribeConfigs'],
    ...fixture.groups.flatMap((name): Right[] => [
      ['group', fixture.group(name), 'Read'],
      ['topic', deadLetterTopic(fixture.topic, fixture.group(name)), 'Write'],
    ]),
  )
})

afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  await broker.stop()
})

interface Check {
  readonly ok: boolean
  readonly message?: string
}

async function checks(daemon: Daemon): Promise<Record<string, Check>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is in it is what the test asks
  const { checks } = (await (await fetch(`${daemon.url()}/readyz`)).json()) as { checks: Record<string, Check> }
  return checks
}

/** Waits until readiness says `sentence` of these groups and that all else is well. */
function refused(daemon: Daemon, names: readonly string[], sentence: RegExp): Promise<unknown> {
  return eventually(`${names.join(', ')} may not read, and all else is well`, async () => {
    const found = await checks(daemon)
    const concerned = new Set(names.map((name) => fixture.group(name)))
    const wrong = Object.entries(found).filter(([name, { ok, message = '' }]) => (concerned.has(name) ? !sentence.test(message) : !ok))
    return wrong.length === 0 ? true : JSON.stringify(found)
  })
}

async function signUp(): Promise<void> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
}

async function read(name: string): Promise<unknown> {
  const high = (await fixture.admin.ranges(fixture.topic)).get(0)?.high
  return eventually(`${name} has read all`, async () => {
    const rows = await fixture.sql.query<{ next: string }>('SELECT next_offset AS next FROM worker.progress WHERE group_name = $1', [
      fixture.group(name),
    ])
    return BigInt(rows[0]?.next ?? 0) === high ? true : `${rows[0]?.next} of ${high}`
  })
}

const noGroup = /does not let our user read as group ".*email-workers": grant Read on that group\.$/
const noTopic = /does not give our user the right Read on topic ".*": grant it\.$/

test('revoked rights stop only the groups that need them, until they are granted again, under a running daemon and at the start', async () => {
  const daemon = fixture.daemon(broker.login)
  await daemon.ready()

  await broker.revoke(groupRead)
  await refused(daemon, ['email-workers'], noGroup)
  await signUp()
  await read('position-workers')
  const reported = daemon.lines.filter(({ msg, level }) => msg === 'consumer crashed' && level === 'error')
  expect(reported.map((line) => line['cause'])).toEqual([expect.stringMatching(/grant Read on that group$/)])
  await broker.grant(groupRead)
  await daemon.ready()
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(1)

  await broker.revoke(topicRead)
  await refused(daemon, fixture.groups, noTopic)
  await broker.grant(topicRead)
  await daemon.ready()
  await signUp()
  await fixture.drained()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)

  await broker.revoke(groupRead)
  const later = fixture.daemon(broker.login)
  await refused(later, ['email-workers'], noGroup)
  await signUp()
  await read('position-workers')
  await broker.grant(groupRead)
  await later.ready()
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(3)
  later.kill('SIGTERM')
  expect(await later.exited).toBe(0)
  expectClean(daemon)
  expectClean(later)
})
