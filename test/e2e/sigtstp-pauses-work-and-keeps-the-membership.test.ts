import { expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { namedByStatus } from '../support/operator-status.ts'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { nothingIsWrong } from '../support/planted-incident.ts'

interface Check {
  readonly ok: boolean
  readonly reason?: string
  readonly since?: string
}

async function checksOf(daemon: Daemon, path: '/livez' | '/readyz'): Promise<{ status: number; wrong: Record<string, Check> }> {
  const response = await fetch(`${daemon.url()}${path}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is in it is what the test asks
  const { checks } = (await response.json()) as { checks: Record<string, Check> }
  return { status: response.status, wrong: Object.fromEntries(Object.entries(checks).filter(([, { ok }]) => !ok)) }
}

const membersOf = async (fixture: Fixture) =>
  Promise.all(fixture.groups.map(async (group) => (await fixture.admin.groupState(fixture.group(group))).members))

const countOf = async (fixture: Fixture, table: string) =>
  (await fixture.sql.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`))[0]?.count

test('SIGTSTP: no event is accepted and no intent claimed, the mail in flight ends, the memberships are kept; SIGCONT resumes', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const dot = Promise.withResolvers<undefined>()
  fixture.smtp.respondWith((stage) => (stage === 'data' && fixture.smtp.counters.mails === 1 ? dot.promise : undefined))
  const daemon = fixture.daemon({ MAIL_DEADLINE_MS: '600000' })
  await daemon.ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await eventually('the relay has the mail', () => fixture.smtp.counters.mails === 1 || 'no mail')

  daemon.kill('SIGUSR2')
  await eventually('it says what it is doing, of every group', () => {
    const groups = daemon.lines.filter(({ msg }) => msg === 'group state').length
    const mail = daemon.lines.some(({ msg, channel }) => msg === 'intent in flight' && channel === 'email')
    return (groups >= fixture.groups.length && mail) || `${groups} groups, ${mail ? 'a mail' : 'no mail'}`
  })
  const [intent] = await fixture.sql.query<{ id: string; kind: string }>(`SELECT id, kind FROM worker.intents WHERE kind = 'mail'`)
  const reported = daemon.lines.filter(({ level }) => level === 'warn')
  const of = (msg: string) => reported.filter((line) => line.msg === msg)
  expect(of('work report')).toHaveLength(1)
  expect(of('group state').map(({ group }) => group)).toEqual(fixture.groups.map((group) => fixture.group(group)))
  // The sweep may have requested a recalculation, which is in flight as well.
  const mails = of('intent in flight').filter(({ channel }) => channel === 'email')
  expect(mails).toEqual([expect.objectContaining({ group: fixture.group('email-workers'), intentId: intent?.id, kind: intent?.kind, since: expect.stringMatching(/^2\d{3}-/) })]) // prettier-ignore
  expect(JSON.stringify(reported)).not.toContain('@')

  daemon.kill('SIGTSTP')
  await eventually('it is not ready because it is quiet', async () => {
    const { status, wrong } = await checksOf(daemon, '/readyz')
    return (status === 503 && wrong['process']?.reason === 'quiet' && wrong['process'].since !== undefined) || JSON.stringify(wrong)
  })
  expect(await checksOf(daemon, '/livez')).toEqual({ status: 200, wrong: {} })
  dot.resolve(undefined)
  await eventually('the mail in hand ends', async () => {
    const [row] = await fixture.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE kind = 'mail'`)
    return row?.state === 'sent' || String(row?.state)
  })
  // Due at once, for any process: in the database as another process would leave it, and on the topic.
  await fixture.sql.query(
    "UPDATE worker.intents SET state = 'pending', owner = NULL, finished_at = NULL, due_at = now() WHERE kind = 'mail'",
  )
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  // Measured every five seconds: by then it would have been fetched many times.
  await eventually('the record is seen as lag', async () => {
    const lag = (await daemon.metrics())
      .split('\n')
      .find((line) => line.startsWith('kafka_consumergroup_lag{') && line.includes('email-workers'))
    return lag?.endsWith(' 1') === true || String(lag)
  })
  expect(await membersOf(fixture)).toEqual([1, 1, 1])
  expect(await countOf(fixture, 'worker.outcomes')).toBe(1)
  expect(await countOf(fixture, "worker.intents WHERE kind = 'mail' AND state <> 'pending'")).toBe(0)

  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  const status = (await (await fetch(`${daemon.url()}/status`)).json()) as { groups: Record<string, object>; quietSince: string }
  const since = Date.parse(status.quietSince)
  expect(since).toBeLessThanOrEqual(Date.now())
  expect(await daemon.metrics()).toContain(`kafka_worker_quiet_since_timestamp_seconds ${since / 1_000}\n`)
  expect(status.groups[fixture.group('email-workers')]).toMatchObject({
    state: 'running',
    owned: [0],
    members: 1,
    paused: ['quiet'],
    lag: 1,
    verdict: {
      word: 'paused',
      sentence: expect.stringMatching(
        /^Partition 0: Behind by 1 record because the group is paused: quiet(; \d+ were read and \d+ written in \d+ s)?\.$/,
      ),
    },
    partitions: { 0: { word: 'paused', lag: 1 } },
  })

  const named = await namedByStatus(fixture, 'process-quiet')
  expect(named).toMatchObject({ at: 0, code: 2, sentence: expect.stringContaining(`it has taken no new work since ${status.quietSince}`) })
  // As the line prints it, on the machine of the process.
  const pid = Number(/^kill -CONT (\d+)$/.exec(named.command)?.[1])
  process.kill(pid, 'SIGCONT')
  await daemon.ready()
  await nothingIsWrong(fixture)
  expect(await daemon.metrics()).toContain('kafka_worker_quiet_since_timestamp_seconds 0\n')
  await fixture.drained()
  expect(await countOf(fixture, "worker.outcomes WHERE group_name LIKE '%email-workers'")).toBe(2)
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
