import type { ReplayAdmin } from '../../../src/admin/replay/replay-admin.ts'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { moveReplay } from '../../../src/admin/replay/replay-moves.ts'
import { createForgetter } from '../../../src/infra/postgres/admin/postgres-forgetter.ts'
import { createReplayJobs } from '../../../src/infra/postgres/ingest/postgres-replay-jobs.ts'
import type { ReplayJob } from '../../../src/ingest/replay-job.ts'
import { createPauseAdmin } from '../../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { resumeCampaigns } from '../../../src/infra/postgres/intents/paused-campaigns.ts'
import { wakePaused } from '../../../src/infra/postgres/intents/paused-intents.ts'
import { chunk, closeAcceptStore, db, event, group, intents, openAcceptStore, outcomes, user, startGroup } from './accept-fixture.ts'
import { act, admin, jobs, mail, replay, order, claimed, after, writerOf, wanted } from './replay-job-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

const webhooks = () => db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE channel = 'webhook' AND due_at <= now()`)

/** The jobs of the group that a process has. */
async function owned(): Promise<readonly string[]> {
  const rows = await db.sql.query<{ id: string }>(
    `SELECT id FROM worker.replay_jobs WHERE group_name = $1 AND state = 'running' AND owner IS NOT NULL`,
    [group],
  )
  return rows.map(({ id }) => id)
}

async function waitingForLocks(): Promise<number> {
  const rows = await db.sql.query(
    `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  return rows.length
}

describe('a job', () => {
  it('is claimed by one process, and by another once the lease is over', async () => {
    const id = await order()
    expect(await jobs().claim(['another-group'], 'one', 60_000)).toBeNull()
    const first = await claimed('one', 60_000)
    expect(first).toMatchObject({ id, ranges: [{ partition: 0, from: 0n, to: 100n, next: 0n }], claim: { owner: 'one', claims: 1 } })
    expect(await jobs().claim([group], 'two', 60_000)).toBeNull()
    await db.sql.query(`UPDATE worker.replay_jobs SET lease_until = now() - interval '1 second' WHERE id = $1`, [id])
    const second = await claimed('two')
    expect(second.claim).toEqual({ id, owner: 'two', claims: 2 })
    // Once more by the same process: no second line.
    await db.sql.query(`UPDATE worker.replay_jobs SET lease_until = now() - interval '1 second' WHERE id = $1`, [id])
    expect((await claimed('two')).claim.claims).toBe(3)
    expect((await admin().audit(id)).map(({ action, owner }) => `${action} ${owner}`)).toEqual([
      'ordered ada',
      'started one',
      'continued two',
    ])
  })

  it('that another process has is neither turned nor written by the first', async () => {
    await order()
    const first = await claimed('one', 0)
    await claimed('two')
    expect(await jobs().turn(first, 60_000)).toEqual({ is: 'lost' })
    expect(await writerOf(first).accept(chunk({ next: 1n, events: [replay(event(0n, [mail(randomUUID())]))] }))).toEqual({
      is: 'moved',
      row: null,
    })
    expect(await intents()).toEqual([])
    expect(await outcomes()).toEqual([])
  })

  it('of a group waits for an earlier one of it', async () => {
    const [earlier, later] = [await order(), await order()]
    expect((await claimed()).id).toBe(earlier)
    expect(await jobs().claim([group], 'two', 60_000)).toBeNull()
    await moveReplay(admin(), earlier, 'cancel', act)
    expect((await claimed('two')).id).toBe(later)
  })

  it('of a group that is queued again waits while a later one of it runs', async () => {
    const [earlier] = [await order(), await order()]
    await db.sql.query(`UPDATE worker.replay_jobs SET state = 'done' WHERE id = $1`, [earlier])
    const late = await claimed('two')
    await db.sql.query(`UPDATE worker.replay_jobs SET state = 'queued' WHERE id = $1`, [earlier])
    expect(await jobs().claim([group], 'one', 60_000)).toBeNull()
    await db.sql.query(`UPDATE worker.replay_jobs SET lease_until = now() - interval '1 second' WHERE group_name = $1`, [group])
    expect((await claimed('one')).id).toBe(earlier)
    expect(await jobs().turn(late, 60_000)).toEqual({ is: 'lost' })
    expect(await owned()).toEqual([earlier])
  })

  it('of a group that is queued again while a later one is being claimed waits, however many processes claim', async () => {
    const [earlier, later] = [await order(), await order()]
    await db.sql.query(`UPDATE worker.replay_jobs SET state = 'done' WHERE id = $1`, [earlier])
    const others: Promise<ReplayJob | null>[] = []
    let over = 0
    await db.transaction(async (tx) => {
      const inside = createReplayJobs({ ...db, transaction: (work) => work(tx) })
      expect(await inside.claim([group], 'first', 60_000)).toMatchObject({ id: later })
      await db.sql.query(`UPDATE worker.replay_jobs SET state = 'queued' WHERE id = $1`, [earlier])
      for (let at = 0; at < 8; at++)
        others.push(
          jobs()
            .claim([group], `other ${at}`, 60_000)
            .finally(() => over++),
        )
      await expect.poll(async () => over + (await waitingForLocks()), { timeout: 20_000 }).toBe(8)
    })
    expect(await Promise.all(others)).toEqual(Array.from({ length: 8 }, () => null))
    expect(await owned()).toEqual([later])
  })

  it('whose log is cut time and again says once for each partition what was not read', async () => {
    const ranges = [3, 4].map((partition) => ({ partition, from: 0n, to: 9_000n, next: 100n }))
    const id = await order({ ranges })
    const job = await claimed()
    await db.sql.query('UPDATE worker.replay_ranges SET next_offset = 100 WHERE job_id = $1', [id])
    const [first, all, gaps] = [
      '25 offsets of partition 3, from 100 to 124,',
      '500 offsets of partition 3, from 100 to 599,',
      '2 offsets of partition 4, between 100 and 199,',
    ].map((what) => `${what} are no longer in the log and were not read.`)
    const single = 'Offset 100 of partition 4 is no longer in the log and was not read.'
    for (let from = 100n; from < 600n; from += 25n) await jobs().lost(job.claim, [{ partition: 3, from, to: from + 25n }])
    // Has moved meanwhile.
    await jobs().lost(job.claim, [{ partition: 3, from: 100n, to: 700n }])
    await jobs().lost(job.claim, [{ partition: 4, from: 100n, to: 101n }])
    await db.sql.query('UPDATE worker.replay_ranges SET next_offset = 199 WHERE job_id = $1 AND partition = 4', [id])
    await jobs().lost(job.claim, [{ partition: 4, from: 199n, to: 200n }])
    const lines = async () => (await admin().audit(id)).filter(({ action }) => action === 'lost').map(({ because }) => because)
    expect(await admin().find(id)).toMatchObject({ detail: `${all} ${gaps}` })
    expect(await lines()).toEqual([first, single])
    for (let times = 0; times < 2; times++) await jobs().wasRead(job.claim)
    expect(await lines()).toEqual([first, single, all, gaps])
    await jobs().fail(job.claim, 'The topic is gone.')
    expect(await admin().find(id)).toMatchObject({ state: 'failed', detail: `The topic is gone. ${all} ${gaps}` })
    expect(await lines()).toHaveLength(4)
  })

  it('is among the orders of its group while it is queued or under way, and not while it is paused or when it is over', async () => {
    expect(await wanted()).toBe(false)
    const id = await order()
    expect([await wanted(), await wanted('another-group')]).toEqual([true, false])
    await claimed()
    expect(await wanted()).toBe(true)
    await moveReplay(admin(), id, 'pause', act)
    expect(await wanted()).toBe(false)
    await moveReplay(admin(), id, 'resume', act)
    expect(await wanted()).toBe(true)
    await moveReplay(admin(), id, 'cancel', act)
    expect(await wanted()).toBe(false)
  })

  it('that is paused is not claimed until it is resumed, and continues at its cursor', async () => {
    const id = await order()
    const job = await claimed()
    expect(await writerOf(job).accept(chunk({ next: 3n }))).toMatchObject({ is: 'accepted' })
    await moveReplay(admin(), id, 'pause', act)
    expect(await writerOf(job).accept(chunk({ expected: 3n, next: 4n }))).toEqual({ is: 'moved', row: null })
    expect(await jobs().claim([group], 'two', 60_000)).toBeNull()
    await moveReplay(admin(), id, 'resume', act)
    expect((await claimed('two')).ranges).toEqual([{ partition: 0, from: 0n, to: 100n, next: 3n }])
    await expect(moveReplay(admin(), id, 'resume', act)).rejects.toThrow(
      `Replay ${id} is running, and only one that is paused can be resumed`,
    )
  })

  it('that was cancelled cancels its intents that no worker has', async () => {
    const id = await order()
    const job = await claimed()
    const keys = [randomUUID(), randomUUID()]
    await writerOf(job).accept(chunk({ next: 2n, events: keys.map((key, at) => replay(event(BigInt(at), [mail(key)]))) }))
    await jobs().turn(job, 60_000)
    expect(await moveReplay(admin(), id, 'cancel', act)).toEqual({ before: 'running', cancelled: 2 })
    expect((await intents()).map(({ state, reason }) => `${String(state)} ${String(reason)}`)).toEqual([
      'cancelled by-operator',
      'cancelled by-operator',
    ])
  })

  it('that is cancelled while an intent is locked cancels it in the next round, in whatever order they wait', async () => {
    const id = await order()
    const job = await claimed()
    const keys = [randomUUID(), randomUUID(), randomUUID()]
    await writerOf(job).accept(chunk({ next: 3n, events: keys.map((key, at) => replay(event(BigInt(at), [mail(key)]))) }))
    await db.sql.query(`UPDATE worker.intents SET reason = NULL WHERE replay_job = $1 AND key = ANY ($2::text[])`, [id, keys.slice(1)])
    const first = await admin().unclaimed(id, null, 2)
    const rest = await admin().unclaimed(id, first.at(-1) ?? null, 2)
    expect([first, rest].map((page) => page.map(({ reason }) => reason === null))).toEqual([[false, true], [true]])

    const [isLocked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const lock = db.transaction(async (tx) => {
      await tx.query('SELECT FROM worker.intents WHERE id = $1 FOR UPDATE', [first[0]?.id])
      isLocked.resolve()
      await release.promise
    })
    await isLocked.promise
    const counts: number[] = []
    const releasing: ReplayAdmin = {
      ...admin(),
      async cancelIntents(ids) {
        counts.push(await admin().cancelIntents(ids))
        release.resolve()
        await lock
        return counts.at(-1) ?? 0
      },
    }
    expect(await moveReplay(releasing, id, 'cancel', act)).toEqual({ before: 'running', cancelled: 3 })
    expect(counts).toEqual([2, 1])
  })

  it('whose cancellation was interrupted is cancelled to the end by a second one, and refuses a third', async () => {
    const id = await order()
    const job = await claimed()
    await writerOf(job).accept(chunk({ next: 1n, events: [replay(event(0n, [mail(randomUUID())]))] }))
    await admin().move(id, ['running'], 'cancelled', 'cancelled', act)
    expect(await moveReplay(admin(), id, 'cancel', act)).toEqual({ before: 'cancelled', cancelled: 1 })
    expect((await intents()).map(({ state }) => state)).toEqual(['cancelled'])
    await expect(moveReplay(admin(), id, 'cancel', act)).rejects.toThrow(
      `Replay ${id} is cancelled, and only one that is queued or running or paused can be cancelled`,
    )
  })

  it('releases one intent in its first second, and is done when it is read and none is left', async () => {
    const id = await order()
    const job = await claimed()
    const keys = [randomUUID(), randomUUID()]
    await writerOf(job).accept(chunk({ next: 100n, events: keys.map((key, at) => replay(event(BigInt(at), [mail(key)]))) }))
    const due = () => db.sql.query(`SELECT FROM worker.intents WHERE replay_job = $1 AND due_at <= now()`, [id])
    expect(await due()).toHaveLength(0)
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 1, left: true })
    expect(await due()).toHaveLength(1)
    // An intent that is due and was not claimed, because the relay is away, say, is joined by no other.
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 0, left: true })
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE replay_job = $1 AND due_at <= now()`, [id])
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 1, left: true })
    await jobs().wasRead(job.claim)
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 0, left: false })
    expect(await admin().find(id)).toMatchObject({ state: 'done', released: 2, process: null })
  })

  it('releases nothing of a channel while that is paused in its group, so that its ramp begins when it is resumed', async () => {
    await order()
    const job = await claimed()
    await writerOf(job).accept(chunk({ next: 100n, events: [replay(event(0n, [mail(randomUUID())]))] }))
    await jobs().wasRead(job.claim)
    const pauses = createPauseAdmin(db)
    const email = { scope: 'channel', group, target: 'email' } as const
    const by = { owner: 'ada', because: 'a test', forMs: null }
    await pauses.begin({ scope: 'channel', group, target: 'webhook', ...by }, false)
    await pauses.begin({ ...email, ...by }, false)
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 0, left: true })
    await pauses.end(email, 'ada')
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 1, left: false })
  })

  it('releases what stands behind the rows of a channel that is paused, or whose intents nobody claims', async () => {
    const id = await order({ cap: 6 })
    const job = await claimed()
    const events = Array.from({ length: 6 }, (_, at) => replay(event(BigInt(at), [mail(randomUUID())])))
    await writerOf(job).accept(chunk({ next: 100n, events }))
    await jobs().wasRead(job.claim)
    await db.sql.query(
      `UPDATE worker.intents SET channel = 'webhook' WHERE id IN (SELECT id FROM worker.intents WHERE replay_job = $1 ORDER BY id DESC LIMIT 2)`,
      [id],
    )
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 1, left: true })
    // A mail is due and stays so.
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 1, left: true })
    await webhooks()
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE replay_job = $1 AND channel = 'email' AND due_at <= now()`, [id])
    const pause = { scope: 'channel', group, target: 'email', owner: 'ada', because: 'a test', forMs: null } as const
    await createPauseAdmin(db).begin(pause, false)
    expect(await jobs().turn(job, 60_000)).toMatchObject({ is: 'turned', released: 1, left: true })
  })
})

describe('intents of a replay that were set aside', () => {
  const putAside = `UPDATE worker.intents SET reason = 'paused', detail = 'pause ' || (SELECT max(id) FROM worker.pauses), due_at = '2999-01-01Z'`
  const email = { scope: 'type', group: null, target: 'user.signed_up' } as const

  /** A job that is done, with its intents under a pause. */
  async function setAside(count: number): Promise<string> {
    const id = await order()
    const job = await claimed()
    const events = Array.from({ length: count }, (_, at) => replay(event(BigInt(at), [mail(randomUUID())])))
    await writerOf(job).accept(chunk({ next: 100n, events }))
    await jobs().wasRead(job.claim)
    const pauses = createPauseAdmin(db)
    await pauses.begin({ ...email, owner: 'ada', because: 'a test', forMs: null }, false)
    for (let released = 0; released < count; released++) {
      expect(await jobs().turn(job, 60_000)).toMatchObject({ released: 1 })
      await db.sql.query(`${putAside} WHERE replay_job = $1 AND due_at <= now()`, [id])
    }
    expect(await admin().find(id)).toMatchObject({ state: 'done', released: count })
    return id
  }

  it('wait for their turn again when the pause is over, and their job, which was done, releases them by its ramp', async () => {
    const id = await setAside(2)
    expect(await wakePaused(db.sql)).toEqual({ woken: 0, all: true })
    await createPauseAdmin(db).end(email, 'ada')
    expect(await wakePaused(db.sql)).toEqual({ woken: 2, all: true })
    expect(await after()).toEqual(['pending replay-waiting', 'pending replay-waiting'])
    expect(await admin().find(id)).toMatchObject({ state: 'queued', released: 0, finishedAt: null })
    const again = await claimed('two')
    expect(await jobs().turn(again, 60_000)).toMatchObject({ is: 'turned', released: 1, left: true })
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE replay_job = $1 AND due_at <= now()`, [id])
    expect(await jobs().turn(again, 60_000)).toMatchObject({ is: 'turned', released: 1, left: false })
  })

  it('do so too when their campaign is resumed, but are due at once when the job failed meanwhile', async () => {
    const id = await setAside(1)
    await createPauseAdmin(db).end(email, 'ada')
    await db.sql.query(`UPDATE worker.intents SET reason = 'campaign-paused', detail = NULL WHERE replay_job = $1`, [id])
    expect(await resumeCampaigns(db.sql)).toEqual({ resumed: 1, all: true })
    expect(await after()).toEqual(['pending replay-waiting'])
    await db.sql.query(`UPDATE worker.intents SET reason = 'campaign-paused' WHERE replay_job = $1`, [id])
    await db.sql.query(`UPDATE worker.replay_jobs SET state = 'failed' WHERE id = $1`, [id])
    expect(await resumeCampaigns(db.sql)).toEqual({ resumed: 1, all: true })
    expect(await after()).toEqual(['pending null'])
    expect(await db.sql.query('SELECT FROM worker.intents WHERE replay_job = $1 AND due_at <= now()', [id])).toHaveLength(1)
  })
})

it('forgetting a person takes the id out of the filters of replays, which then select nobody in its place', async () => {
  const other = randomUUID()
  const named = await order({ filter: { types: [], campaigns: [], users: [user, other], events: [] } })
  const alone = await order({ filter: { types: [], campaigns: [], users: [other], events: [] } })
  const forgetter = createForgetter(db)
  expect(await forgetter.find(user)).toMatchObject({ replays: 1 })
  expect(await forgetter.erase(user, [])).toMatchObject({ replays: 1 })
  expect(await forgetter.find(user)).toMatchObject({ replays: 0 })
  const rows = await db.sql.query<{ users: string[] }>(
    `SELECT filter -> 'users' AS users FROM worker.replay_jobs WHERE id = ANY ($1::bigint[]) ORDER BY id`,
    [[named, alone]],
  )
  expect(rows.map(({ users }) => users)).toEqual([['00000000-0000-0000-0000-000000000000', other], [other]])
})
