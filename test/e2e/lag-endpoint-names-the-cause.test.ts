import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'

test('GET /lag names the stuck event and the session that holds its lock, the hot campaign behind a relay that is away, and never makes the process unready', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'email-workers' })
  await daemon.ready()
  const mails = fixture.group('email-workers')
  const lag = async () => {
    const response = await fetch(`${daemon.url()}/lag`)
    expect(response.status).toBe(200)
    return JSON.parse(await response.text()).groups[mails]
  }
  const backlog = async () =>
    new RegExp(`^kafka_worker_scalable_backlog\\{group="${mails}"\\} (\\d+)$`, 'm').exec(await daemon.metrics())?.[1]
  await eventually('it is well', async () => {
    const { verdict, cause, lag: behind, members, scalableBacklog } = await lag()
    const seen = { word: verdict.word, cause, behind, members, scalableBacklog, metric: await backlog() }
    const well = { word: 'ok', cause: null, behind: 0, members: 1, scalableBacklog: 0, metric: '0' }
    return JSON.stringify(seen) === JSON.stringify(well) || JSON.stringify(seen)
  })

  // The row that every accept of the partition moves.
  await fixture.transaction(async (tx) => {
    await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0')
    const [session] = await tx.query<{ pid: number }>(
      'SELECT pg_backend_pid() AS pid FROM worker.progress WHERE group_name = $1 FOR UPDATE',
      [mails],
    )
    const person = await platform.person(campaign)
    const { eventId } = await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
    await eventually('the cause is a lock', async () => {
      const { verdict, cause, partitions } = await lag()
      if (verdict.word !== 'stalled' || cause?.is !== 'lock') return JSON.stringify({ verdict, cause, partitions })
      expect(cause.lock.by).toMatchObject({ pid: session?.pid, application: 'test', state: 'idle in transaction' })
      expect(partitions).toMatchObject([{ partition: 0, word: 'stalled', lag: 1, next: { offset: 0, type: 'user.signed_up', eventId } }])
      return true
    })
  })
  await eventually('it is accepted', async () => (await lag()).lag === 0 || 'not yet')

  // Of an open connection, too.
  fixture.smtp.respondWith((stage) => (stage === 'connect' || stage === 'mail' ? { code: 421 } : undefined))
  const crowd = await platform.crowd(campaign, 120)
  await fixture.publisher.publishMany(crowd.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
  await eventually('the hot campaign waits for the relay', async () => {
    const { verdict, cause, due, scalableBacklog } = await lag()
    const hot = due?.find(({ channel }: { channel: string }) => channel === 'email')?.campaigns[0]
    const seen = [verdict.word, cause?.is, cause?.destination, hot?.campaignId, hot?.count >= 50, scalableBacklog]
    const expected = ['breaker-open', 'destination', 'relay', campaign.campaignId, true, 0]
    return JSON.stringify(seen) === JSON.stringify(expected) || JSON.stringify({ seen, cause })
  })

  // A locked table holds up its counts, and neither the answer nor readiness.
  await fixture.transaction(async (tx) => {
    await tx.query('LOCK TABLE worker.slow_recalculations IN ACCESS EXCLUSIVE MODE')
    await eventually('what cannot be counted is unknown', async () => {
      const { due, scalableBacklog, members } = await lag()
      return (due === null && scalableBacklog === null && members === 1) || JSON.stringify({ due, scalableBacklog, members })
    })
    expect((await fetch(`${daemon.url()}/readyz`)).status).toBe(200)
    expect(await backlog()).toBeUndefined()
  })
})
