import { afterAll, beforeAll, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { createLeaderboardChannel } from '../../../src/leaderboard/leaderboard-channel.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { createLeaderboardAuditor } from '../../../src/leaderboard/postgres-audit.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { claimOne, insertIntents, makeDue, request, rowOf } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { openPool } from './open-pool.ts'
import { insertCampaign, insertUsers } from './platform-rows.ts'

/** Time enough for the campaign that is not slow, on a busy machine too. */
const DEADLINE_MS = 3_000

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

it('a campaign that cannot be recalculated in time is retried with backoff, and others are served', async () => {
  const { sql } = database
  // The pool's own timeout is shorter than the deadline: it must not be what ends the run.
  const impatient = openPool(database.url, { statementTimeoutMs: DEADLINE_MS / 2 })
  const store = createIntentStore(database, { channels: channelNames })
  const impatiently = createIntentStore(impatient, { channels: channelNames })
  const leaderboard = createLeaderboard(database, { history: 'top' })
  const reports: object[] = []
  const channel = createLeaderboardChannel({
    leaderboard,
    deadlineMs: DEADLINE_MS,
    maxLagMs: 60_000,
    clock: systemClock,
    report: ({ campaignId }) => reports.push({ done: campaignId }),
    reportTooSlow: ({ nextTryMs }) => reports.push({ nextTryMs }),
  })
  const [slow, other] = [await insertCampaign(sql), await insertCampaign(sql)]
  const key = `recalculate:${slow}`
  const claim = { channel: 'leaderboard', kinds: [{ kind: 'recalculate', version: 1 }], limit: 1 } as const
  const ask = (campaignId: string) => {
    const intent = {
      kind: 'recalculate',
      channel: 'leaderboard',
      coalesce: true,
      key: `recalculate:${campaignId}`,
      campaign_id: campaignId,
    }
    return insertIntents(sql, intent)
  }
  const next = () => claimOne(store, claim)
  const run = async (intent: Awaited<ReturnType<typeof next>>) => {
    const ran = await channel.run(
      intent,
      { campaignId: intent.campaignId },
      { ...store, transact: (claimed, leaseMs, work) => impatiently.transact(claimed, leaseMs, work) },
    )
    return { campaignId: intent.campaignId, ...ran }
  }
  const tooSlow = { campaignId: slow, is: 'ran', outcome: 'waiting', reason: 'recalculation-too-slow' }
  const putOff = () =>
    sql.query(`SELECT tries, next_try_at > now() AS ahead FROM worker.slow_recalculations WHERE campaign_id = $1`, [slow])
  const secondsUntilDue = async () => ((await rowOf(sql, key)).due_at.getTime() - Date.now()) / 1_000
  const pauseIsOver = async () => {
    await sql.query('UPDATE worker.slow_recalculations SET next_try_at = now()')
    await makeDue(sql)
  }
  await insertUsers(sql, slow, 2)
  await insertUsers(sql, other, 2)
  await sql.query(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$`)
  await sql.query(
    `CREATE TRIGGER dawdle BEFORE UPDATE ON waitlist_users FOR EACH ROW WHEN (NEW.campaign_id = '${slow}') EXECUTE FUNCTION dawdle()`,
  )

  // Another request while it runs is another intent, due at once.
  await ask(slow)
  const first = await next()
  await ask(other)
  await ask(slow)
  expect(await run(first)).toEqual(tooSlow)
  expect(await run(await next())).toMatchObject({ campaignId: other, outcome: 'done' })
  expect(await run(await next())).toEqual(tooSlow)
  expect(reports).toEqual([{ nextTryMs: 4 * DEADLINE_MS }, { done: other }])
  expect(await putOff()).toMatchObject([{ tries: 1 }])
  expect(await rowOf(sql, key)).toMatchObject({ state: 'pending', reason: 'recalculation-too-slow' })
  expect(await leaderboard.sweep('mailers')).toBe(0)

  // An hour at most.
  for (const tries of [2, 3]) {
    await pauseIsOver()
    expect(await run(await next())).toEqual(tooSlow)
    expect(await putOff()).toEqual([{ tries, ahead: true }])
  }
  await sql.query('UPDATE worker.slow_recalculations SET tries = 40')
  await pauseIsOver()
  expect(await run(await next())).toEqual(tooSlow)
  expect(reports.slice(2)).toEqual([{ nextTryMs: 8 * DEADLINE_MS }, { nextTryMs: 16 * DEADLINE_MS }, { nextTryMs: 3_600_000 }])
  expect(await secondsUntilDue()).toBeGreaterThan(1_800)
  expect(await store.claim(request(claim))).toEqual([])

  // The operator's way out ends the pause: what waits is due, and is done.
  await sql.query('DROP TRIGGER dawdle ON waitlist_users')
  expect(
    await createLeaderboardAuditor(database, { group: 'mailers', history: 'top', named: 1 }).audit(slow, { repair: true }),
  ).toMatchObject({ repaired: 2 })
  expect(await putOff()).toEqual([])
  expect(await run(await next())).toMatchObject({ campaignId: slow, outcome: 'done' })
  expect(await sql.query('SELECT FROM worker.intents')).toEqual([])
  await impatient.end()
})
