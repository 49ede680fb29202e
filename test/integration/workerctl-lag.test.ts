import { hostname } from 'node:os'
import { expect, inject, test } from 'vitest'
import { describeGroupByTool } from '../../stack/kafka-tools.ts'
import { eventually } from '../support/eventually.ts'
import { createWorkerctlFixture, type WorkerctlFixture } from './workerctl-fixture.ts'

interface Shown {
  readonly group: string
  readonly verdict: { readonly word: string; readonly sentence: string }
  readonly cause: { readonly is: string; readonly sentence: string } | null
  readonly lag: number
  readonly members: number
  readonly scalableBacklog: number
  readonly partitions: readonly {
    readonly partition: number
    readonly committed: number | null
    readonly end: number
    readonly lag: number
    readonly word: string
    readonly next: { readonly offset: number } | null
    readonly owner: { readonly host: string; readonly pid: number } | null
  }[]
}

async function lag(s: WorkerctlFixture): Promise<Shown> {
  const { code, out, err } = await s.workerctl(['lag', '--group', s.group, '--seconds', '1', '--json'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const { groups }: { groups: Shown[] } = JSON.parse(out)
  if (groups[0] === undefined) throw new Error(out)
  return groups[0]
}

test("the figures of workerctl lag agree with those of Kafka's own consumer-groups tool, with and without members", async () => {
  await using s = await createWorkerctlFixture({ partitions: 3 })
  for (const [partition, count] of [7, 5, 9].entries()) await s.produce(partition, count)
  await s.progress([3, 5, 0])
  const compare = async () => {
    const tool = await describeGroupByTool(inject('kafkaBootstrap'), s.group)
    const ours = await lag(s)
    const figures = ours.partitions
      .map(({ partition, committed, end, lag: behind }) => ({ partition, committed, end, lag: behind }))
      .toSorted((a, b) => a.partition - b.partition)
    expect(figures).toEqual(
      tool
        .map(({ partition, committed, end, lag: behind }) => ({
          partition,
          committed: Number(committed),
          end: Number(end),
          lag: Number(behind),
        }))
        .toSorted((a, b) => a.partition - b.partition),
    )
    expect(figures.map(({ lag: behind }) => behind)).toEqual([4, 0, 9])
    return { tool, ours }
  }
  const alone = await compare()
  expect(alone.ours).toMatchObject({ lag: 13, members: 0, verdict: { word: 'no-member' }, cause: { is: 'no-process' } })

  const leave = await s.join()
  await eventually('the member owns the partitions', async () => {
    const members = await s.admin.members(s.group, s.topic)
    return members[0]?.partitions.length === 3 || JSON.stringify(members)
  })
  const { tool, ours } = await compare()
  // The tool names the client, which all processes share; ours names host and process.
  expect(new Set(tool.map(({ clientId }) => clientId))).toEqual(new Set(['integration']))
  expect(ours.members).toBe(1)
  for (const { owner } of ours.partitions) expect(owner).toMatchObject({ host: hostname(), pid: process.pid })
  await leave()
})

test('a group without any commit is behind by the whole log, where the tool of Kafka shows nothing', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 4)
  expect(await lag(s)).toMatchObject({ lag: 4, verdict: { word: 'no-member' }, scalableBacklog: 1 })
  await s.produce(1, 4)
  expect(await lag(s)).toMatchObject({ lag: 8, scalableBacklog: 8 })
})

test('workerctl lag names a partition that stands still with its next record, and what was deleted before it was read', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 10, new Date('2020-01-01T00:00:00Z'))
  // Its id is none.
  await s.produce(0, 20, new Date('2020-01-01T00:00:00Z'), { 'event-id': 'carl@example.com' })
  await s.produce(1, 6)
  await s.progress([10, 6])
  await s.database.sql.query(`UPDATE worker.progress SET updated_at = now() - interval '10 min'`)
  const leave = await s.join()
  await eventually('it is a member', async () => (await s.admin.groupState(s.group)).members === 1 || 'not yet')
  const still = await lag(s)
  expect(still).toMatchObject({ verdict: { word: 'stalled' }, cause: { is: 'event' }, scalableBacklog: 0 })
  expect(still.cause?.sentence).toContain('offset 10 of partition 0')
  expect(still.partitions[0]).toMatchObject({ partition: 0, word: 'stalled', next: { offset: 10 } })
  const { out } = await s.workerctl(['lag', '--group', s.group, '--seconds', '1'])
  expect(out).toContain(`${s.group} on ${s.topic}: stalled (lag 20, `)
  expect(out).toContain('Next in partition 0: offset 10, no type, event ***.')

  await s.deleteRecords(0, 15)
  const lost = await lag(s)
  expect(lost.verdict).toEqual({ word: 'data-lost', sentence: 'Partition 0: Records 10 to 14 were deleted before they were read.' })
  await leave()
})

test('workerctl lag names the session that holds a lock for which a daemon waits, and says that it could not read what is due', async () => {
  await using s = await createWorkerctlFixture()
  await s.produce(0, 30, new Date(new Date().getTime() - 3_600_000))
  await s.progress([10])
  await s.database.sql.query(`UPDATE worker.progress SET updated_at = now() - interval '10 min'`)
  const leave = await s.join()
  await s.database.transaction(async (tx) => {
    const [holder] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid FROM worker.progress FOR UPDATE')
    const waiting = s.database.sql.query(`SELECT set_config('application_name', 'kafka-worker accept', false)`)
    await waiting
    const blocked = s.database.sql.query(`UPDATE worker.progress SET next_offset = next_offset`).catch(() => undefined)
    const { cause } = await lag(s)
    expect(cause).toMatchObject({
      is: 'lock',
      lock: { application: 'kafka-worker accept', by: { pid: holder?.pid, state: 'idle in transaction' } },
    })
    expect(cause?.sentence).toContain('UPDATE worker.progress of "kafka-worker accept"')
    await tx.query('LOCK TABLE worker.intents IN ACCESS EXCLUSIVE MODE')
    const { out } = await s.workerctl(['lag', '--group', s.group, '--seconds', '1'])
    expect(out).toContain('1 member, backlog unknown)')
    expect(out).toContain('so the backlog is unknown: npm run workerctl -- status names what keeps it from answering.')
    return { blocked }
  })
  await leave()
})
