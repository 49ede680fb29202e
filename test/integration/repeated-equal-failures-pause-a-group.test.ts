import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { createAcceptStore } from '../../src/infra/postgres/ingest/postgres-accept-store.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import { eventually } from '../support/eventually.ts'
import { groupFixture } from '../support/group-fixture.ts'
import { migratedDatabase } from '../support/migrated-database.ts'

const PARTITIONS = 4
const EVENTS = 200

test('a bad deploy: after the fifth equal failure its group waits and gives up or commits nothing more, the other group continues; a successful probe resumes it', async () => {
  const database = await migratedDatabase()
  onTestFinished(() => database.close())
  await using fixture = await groupFixture({ acceptStore: createAcceptStore(database), partitions: PARTITIONS })
  const { admin, facts, publisher, topic } = fixture
  let isBad = true
  const { group: bad } = await fixture.start({
    name: 'bad-workers',
    types: ['user.signed_up'],
    kinds: [],
    accept: () => {
      if (isBad) throw new TypeError('person@example.com')
      return []
    },
  })
  const { group: good } = await fixture.start({ name: 'good-workers', types: ['user.signed_up'], kinds: [], accept: () => [] })
  const outcomes = async (group: string) => {
    const rows = await database.sql.query<{ outcome: string; count: number }>(
      'SELECT outcome, count(*)::int AS count FROM worker.outcomes WHERE group_name = $1 GROUP BY 1',
      [group],
    )
    return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]))
  }
  await publisher.publishMany(
    Array.from({ length: EVENTS }, () => ({
      type: 'user.signed_up' as const,
      accountId: randomUUID(),
      campaignId: randomUUID(),
      userId: randomUUID(),
      email: 'guest@example.com',
    })),
  )
  await eventually('the other group has all', async () => {
    const seen = await outcomes(good.id)
    return seen['no-effect'] === EVENTS || JSON.stringify(seen)
  })
  await eventually('the group pauses', () => bad.worker.status().state === 'waiting' || bad.worker.status().state)
  await eventually('five are given up', async () => (await outcomes(bad.id))['dead-letter'] === 5 || JSON.stringify(await outcomes(bad.id)))
  expect(bad.worker.status().reason).toMatch(
    /^5 events failed within 60 s with the same error .*TypeError at src.*deploy a fixed or the previous version and restart/,
  )
  expect(good.worker.status().state).toBe('running')
  const committed = await admin.committed(bad.id, topic)
  expect([...committed.values()].reduce((sum, offset) => sum + offset, 0n)).toBeLessThanOrEqual(5n)
  const letters = await admin.ranges(deadLetterTopic(topic, bad.id))
  expect([...letters.values()].reduce((sum, { low, high }) => sum + high - low, 0n)).toBe(5n)

  isBad = false
  await eventually(
    'the rest is accepted',
    async () => (await outcomes(bad.id))['no-effect'] === EVENTS - 5 || JSON.stringify(await outcomes(bad.id)),
  )
  expect(await outcomes(bad.id)).toEqual({ 'dead-letter': 5, 'no-effect': EVENTS - 5 })
  expect(bad.worker.status().state).toBe('running')
  expect(facts.filter(({ is }) => is === 'paused' || is === 'unpaused').map(({ is }) => is)).toEqual(['paused', 'unpaused'])
})
