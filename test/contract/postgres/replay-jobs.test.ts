import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ReplayOrder } from '../../../src/admin/replay/replay-admin.ts'
import { moveReplay } from '../../../src/admin/replay/replay-moves.ts'
import { PlanTally } from '../../../src/admin/replay/replay-plan.ts'
import { createForgetter } from '../../../src/infra/postgres/admin/postgres-forgetter.ts'
import { readOrders } from '../../../src/infra/postgres/admin/operator-orders.ts'
import { createPauseAdmin } from '../../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createReplayAdmin } from '../../../src/infra/postgres/admin/postgres-replay-admin.ts'
import { createReplayJobs } from '../../../src/infra/postgres/ingest/postgres-replay-jobs.ts'
import { createRehearsalStore, createReplayStore } from '../../../src/infra/postgres/ingest/postgres-replay-store.ts'
import { resumeCampaigns } from '../../../src/infra/postgres/intents/paused-campaigns.ts'
import { wakePaused } from '../../../src/infra/postgres/intents/paused-intents.ts'
import type { AcceptedEvent } from '../../../src/ingest/accept-store.ts'
import type { ReplayJob } from '../../../src/ingest/replay-job.ts'
import type { IntentDraft } from '../../../src/model/intent.ts'
import { sumCounts, type Rehearsed, type ReplayCount } from '../../../src/model/replay.ts'
import {
  campaign,
  chunk,
  closeAcceptStore,
  db,
  event,
  group,
  intents,
  openAcceptStore,
  outcomes,
  progress,
  startGroup,
  store,
  user,
} from './accept-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

const act = { owner: 'ada', because: 'a test' }
const mailChannels = ['email']
const admin = () => createReplayAdmin(db, () => Promise.resolve())
const jobs = () => createReplayJobs(db)

function mail(key: string, more: Partial<IntentDraft> = {}): IntentDraft {
  return { kind: 'mail', version: 1, channel: 'email', key, campaignId: campaign, userId: user, data: { type: 'welcome' }, ...more }
}

/** The same drafts as the reader of a replay makes them. */
function replay(of: AcceptedEvent): AcceptedEvent {
  return { ...of, drafts: of.drafts.map((draft) => ({ ...draft, class: 'replay' })) }
}

async function order(change: Partial<ReplayOrder> = {}): Promise<string> {
  const [id] = await admin().create(
    [
      {
        group,
        topic: 'topic',
        topicId: null,
        ranges: [{ partition: 0, from: 0n, to: 100n, next: 0n }],
        filter: { types: [], campaigns: [], users: [], events: [] },
        allowOlder: false,
        eventRate: 1_000,
        sendRate: 100,
        cap: 5,
        plan: new PlanTally(() => true).plan(),
        confirmed: 0,
        ...change,
      },
    ],
    act,
  )
  return id ?? ''
}

async function claimed(owner = 'one', leaseMs = 60_000): Promise<ReplayJob> {
  const job = await jobs().claim([group], owner, leaseMs)
  if (job === null) throw new Error('no job was claimed')
  return job
}

const after = async () => (await intents()).map(({ state, reason }) => `${String(state)} ${String(reason)}`)
const key = (name: string) => `${group} ${name}`
const cursorOf = async (id: string) => (await admin().find(id))?.ranges[0]?.next
const writerOf = (job: ReplayJob) => createReplayStore(db, job, mailChannels)
const wanted = async (of = group) => (await readOrders(db.sql, [of])).replays

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
    expect(await jobs().turn(job, 60_000)).toEqual({ is: 'turned', released: 1, left: true })
    expect(await due()).toHaveLength(1)
    // An intent that is due and was not claimed, because the relay is away, say, is joined by no other.
    expect(await jobs().turn(job, 60_000)).toEqual({ is: 'turned', released: 0, left: true })
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE replay_job = $1 AND due_at <= now()`, [id])
    expect(await jobs().turn(job, 60_000)).toEqual({ is: 'turned', released: 1, left: true })
    await jobs().wasRead(job.claim)
    expect(await jobs().turn(job, 60_000)).toEqual({ is: 'turned', released: 0, left: false })
    expect(await admin().find(id)).toMatchObject({ state: 'done', released: 2, owner: null })
  })

  it('releases nothing of a channel while that is paused in its group, so that its ramp begins when it is resumed', async () => {
    await order()
    const job = await claimed()
    await writerOf(job).accept(chunk({ next: 100n, events: [replay(event(0n, [mail(randomUUID())]))] }))
    await jobs().wasRead(job.claim)
    const pauses = createPauseAdmin(db)
    const email = { scope: 'channel', group, target: 'email' } as const
    const by = { owner: 'ada', reason: 'a test', forMs: null }
    await pauses.begin({ scope: 'channel', group, target: 'webhook', ...by }, false)
    await pauses.begin({ ...email, ...by }, false)
    expect(await jobs().turn(job, 60_000)).toEqual({ is: 'turned', released: 0, left: true })
    await pauses.end(email, 'ada')
    expect(await jobs().turn(job, 60_000)).toEqual({ is: 'turned', released: 1, left: false })
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
    await pauses.begin({ ...email, owner: 'ada', reason: 'a test', forMs: null }, false)
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
    expect(await jobs().turn(again, 60_000)).toEqual({ is: 'turned', released: 1, left: true })
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE replay_job = $1 AND due_at <= now()`, [id])
    expect(await jobs().turn(again, 60_000)).toEqual({ is: 'turned', released: 1, left: false })
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

describe('an accept of a job', () => {
  it('moves the cursor with what it writes, and no progress row', async () => {
    const id = await order()
    const writer = writerOf(await claimed())
    const first = event(0n, [mail(randomUUID())])
    expect(await writer.accept(chunk({ next: 5n, events: [replay(first)] }))).toMatchObject({ is: 'accepted', intents: 1 })
    expect([await cursorOf(id), await progress()]).toEqual([5n, 0n])
    // The same chunk again, as after a connection that was lost at COMMIT.
    expect(await writer.accept(chunk({ next: 5n, events: [replay(first)] }))).toEqual({ is: 'moved', row: 5n })
    const other = { ...first, contentHash: Buffer.from('other') }
    expect(await writer.accept(chunk({ expected: 5n, next: 6n, events: [replay(other)] }))).toEqual({ is: 'conflict', offsets: [0n] })
    expect(await cursorOf(id)).toBe(5n)
  })

  it('revives what ended without effect, once, and leaves everything else alone', async () => {
    const states = ['sent', 'delivered', 'held', 'pending', 'skipped', 'dead', 'rejected', 'cancelled'] as const
    const events = states.map((_, at) => event(BigInt(at), [mail(`${group} ${at}`, { userId: randomUUID() })]))
    await store.accept(chunk({ next: 8n, events }))
    for (const [at, state] of states.entries()) {
      await db.sql.query(`UPDATE worker.intents SET state = $2, reason = 'r' WHERE key = $1`, [`${group} ${at}`, state])
    }
    await db.sql.query(`UPDATE worker.intents SET state = 'skipped', reason = 'forgotten' WHERE key = $1`, [`${group} 7`])
    const id = await order()
    const writer = writerOf(await claimed())
    await writer.accept(chunk({ next: 8n, events: events.map(replay) }))
    const waiting = 'pending replay-waiting'
    expect(await after()).toEqual(['sent r', 'delivered r', 'held r', 'pending r', waiting, waiting, waiting, 'skipped forgotten'])
    await db.sql.query(`UPDATE worker.intents SET state = 'skipped', reason = 'r' WHERE key = $1`, [`${group} 4`])
    await writer.accept(chunk({ expected: 8n, next: 9n, events: [replay({ ...event(0n, []), ...events[4], offset: 8n })] }))
    expect((await after())[4]).toBe('skipped r')
    expect((await admin().find(id))?.counts).toEqual(
      sumCounts([
        { what: 'event', of: 'user.signed_up', as: 'repeated', count: 9 },
        ...(['skipped (r)', 'dead (r)', 'rejected (r)'] as const).map((as): ReplayCount => ({
          what: 'revived',
          of: 'mail welcome',
          as,
          count: 1,
        })),
        ...(['sent', 'delivered', 'held', 'unfinished', 'forgotten', 'this-replay'] as const).map((as): ReplayCount => ({
          what: 'spent',
          of: 'mail welcome',
          as,
          count: 1,
        })),
      ]),
    )
  })

  it('gives an event that had become a dead letter its effects', async () => {
    const letter = event(0n, [mail(randomUUID())])
    const { eventId, type, contentHash } = letter
    await store.accept(chunk({ next: 1n, passed: [{ offset: 0n, eventId, type, contentHash, reason: 'consumer-error' }] }))
    await order()
    await writerOf(await claimed()).accept(chunk({ next: 1n, events: [replay(letter)] }))
    expect(await outcomes()).toMatchObject([{ outcome: 'accepted', effects: [letter.drafts[0]?.key] }])
    expect(await intents()).toMatchObject([{ class: 'replay', state: 'pending', reason: 'replay-waiting' }])
  })

  it('requests a recalculation for events that are new alone', async () => {
    const draft: IntentDraft = {
      kind: 'recalculate',
      version: 1,
      channel: 'leaderboard',
      key: group,
      coalesce: true,
      campaignId: campaign,
      data: {},
    }
    const [known, fresh] = [event(0n, [draft]), event(1n, [draft])]
    await store.accept(chunk({ next: 1n, events: [known] }))
    await db.sql.query('DELETE FROM worker.intents WHERE key = $1', [group])
    await order()
    const writer = writerOf(await claimed())
    await writer.accept(chunk({ next: 1n, events: [replay(known)] }))
    expect(await intents()).toEqual([])
    await writer.accept(chunk({ expected: 1n, next: 2n, events: [replay(fresh)] }))
    expect(await intents()).toMatchObject([{ key: group, class: 'replay', state: 'pending', reason: null }])
  })

  it('skips mails beyond the cap of a person, over all replays of a day', async () => {
    const somebody = randomUUID()
    const mails = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => replay(event(BigInt(from + at), [mail(randomUUID(), { userId: somebody })])))
    const first = await order({ cap: 2 })
    await writerOf(await claimed()).accept(chunk({ next: 1n, events: mails(0, 1) }))
    await moveReplay(admin(), first, 'pause', act)
    const second = await order({ cap: 2 })
    await writerOf(await claimed()).accept(chunk({ next: 3n, events: mails(0, 3) }))
    expect((await intents()).map(({ state, reason }) => `${String(state)} ${String(reason)}`).toSorted()).toEqual([
      'pending replay-waiting',
      'pending replay-waiting',
      'skipped replay-cap',
      'skipped replay-cap',
    ])
    expect((await admin().find(second))?.counts).toContainEqual({ what: 'capped', of: 'mail welcome', as: null, count: 2 })
  })
})

describe('a dry run', () => {
  it('counts what the execution then does, however the range is cut, and writes nothing', async () => {
    const somebody = randomUUID()
    const known = event(0n, [mail(key('sent'))])
    const skipped = event(1n, [mail(key('skipped'))])
    await store.accept(chunk({ next: 2n, events: [known, skipped] }))
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE key = $1`, [key('sent')])
    await db.sql.query(`UPDATE worker.intents SET state = 'skipped', reason = 'stale' WHERE key = $1`, [key('skipped')])
    const twice = event(2n, [mail(key('twice'), { userId: somebody })])
    const list = [
      known,
      skipped,
      twice,
      { ...twice, offset: 3n },
      event(4n, [mail(key('twice'), { userId: somebody })]),
      event(5n, [mail(key('sent'))]),
      event(6n, []),
      event(7n, [mail(key('more'), { userId: somebody })]),
      { ...skipped, offset: 8n },
    ].map(replay)
    const before = [await intents(), await outcomes()]
    const rehearsed = async (size: number) => {
      const seen: Rehearsed[] = []
      const dry = createRehearsalStore(db, { cap: 1, mailChannels, onRehearsed: async (one) => void seen.push(one) })
      for (let at = 0; at < list.length; at += size) {
        await dry.accept(chunk({ expected: BigInt(at), next: BigInt(at + size), events: list.slice(at, at + size) }))
      }
      return {
        counts: sumCounts(...seen.map(({ counts }) => counts)),
        keys: seen.flatMap((one) => one.intents.map((intent) => intent.key)),
      }
    }
    const plan = await rehearsed(9)
    for (const size of [1, 2, 4]) expect(await rehearsed(size)).toEqual(plan)
    expect([await intents(), await outcomes()]).toEqual(before)
    expect(plan.keys.toSorted()).toEqual([key('skipped'), key('twice')].toSorted())

    const id = await order({ cap: 1 })
    const writer = writerOf(await claimed())
    for (const [at, one] of list.entries()) await writer.accept(chunk({ expected: BigInt(at), next: BigInt(at + 1), events: [one] }))
    expect((await admin().find(id))?.counts).toEqual(plan.counts)
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
