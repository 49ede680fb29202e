import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { defaultGroups, knownGroups } from '../../src/consumers/registry.ts'
import { eventually } from '../support/eventually.ts'
import { createWorkerctlFixture } from './workerctl-fixture.ts'

test('every option that takes a group knows the groups that run only when named', async () => {
  await using s = await createWorkerctlFixture()
  expect(knownGroups.optInGroups).not.toEqual([])
  for (const name of knownGroups.optInGroups) {
    for (const group of [name, s.prefix + name]) {
      for (const command of [
        ['offsets', 'show'],
        ['offsets', 'reset', '--to', 'earliest', '--dry-run'],
        ['intents', 'list'],
        ['intents', 'retry', '--dry-run'],
        ['intents', 'cancel', '--dry-run'],
        ['intents', 'mark-sent', '--dry-run'],
        ['dead-letters', 'list'],
      ]) {
        expect(await s.workerctl([...command, '--group', group, '--json'])).toMatchObject({ code: 0, err: '' })
      }
    }
  }
})

test('offsets show leaves out a group that runs only when named until it has a member, a row or a committed offset', async () => {
  await using s = await createWorkerctlFixture()
  const group = `${s.prefix}analytics-workers`
  const shown = async (): Promise<string[]> => {
    const { out } = await s.workerctl(['offsets', 'show', '--json'])
    return JSON.parse(out).groups.map(({ group: id }: { group: string }) => id)
  }
  const others = defaultGroups.map((name) => s.prefix + name)
  expect(await shown()).toEqual(others)

  const leave = await s.join(group)
  expect(await shown()).toEqual([...others, group])
  await leave()
  await eventually('the group has no member', async () => {
    const { members } = await s.admin.groupState(group)
    return members === 0 || `${members} members`
  })
  expect(await shown()).toEqual(others)

  const { sql } = s.database
  await sql.query(`INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, 0, 0, 0)`, [
    group,
    s.topic,
  ])
  expect(await shown()).toEqual([...others, group])
  await sql.query('DELETE FROM worker.progress')
  expect(await shown()).toEqual(others)

  await s.admin.setCommitted(group, s.topic, new Map([[0, 0n]]))
  expect(await shown()).toEqual([...others, group])
})

test('explain and forget name a group that runs only when named once it has progress', async () => {
  await using s = await createWorkerctlFixture()
  const group = `${s.prefix}analytics-workers`
  const letters = `${s.topic}.${group}.dlq`
  await s.admin.createTopic({ name: letters, partitions: 1 })
  const eventId = randomUUID()
  await s.database.sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome) VALUES ($1, $2, 'user.verified', '\\x00', $3, 0, 0, 'accepted')`,
    [s.group, eventId, s.topic],
  )
  const explain = async () => (await s.workerctl(['explain', '--event', eventId])).out
  const forget = async () => (await s.workerctl(['forget', '--user', randomUUID(), '--dry-run'])).out
  expect(await explain()).not.toContain(group)
  expect(await forget()).not.toContain(letters)

  await s.database.sql.query(
    `INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, 0, 1, 0)`,
    [group, s.topic],
  )
  expect(await explain()).toContain(`${group} has no record of it`)
  expect(await forget()).toContain(`Topic ${letters} keeps its events`)
})

test('topics apply creates no dead-letter topic for a group that is not named, and lets one that exists grow', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  const letters = `${s.topic}.${s.prefix}analytics-workers.dlq`
  const steps = async () => JSON.parse((await s.workerctl(['topics', 'apply', '--dry-run', '--json'])).out).topics
  expect(await steps()).not.toContainEqual(expect.objectContaining({ name: letters }))
  await s.admin.createTopic({ name: letters, partitions: 1 })
  expect(await steps()).toContainEqual(expect.objectContaining({ name: letters, action: 'grow', from: 1, partitions: 2 }))
})
