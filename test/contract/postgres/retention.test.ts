import { createHash, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAcceptStore } from '../../../src/infra/postgres/ingest/postgres-accept-store.ts'
import { retentionSteps } from '../../../src/infra/postgres/admin/retention-steps.ts'
import { applyRetention, type RetentionOptions, type RetentionReport } from '../../../src/infra/postgres/admin/retention.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { campaignId, insertIntents } from './intent-rows.ts'
import { untilSomebodyWaits } from './lock-wait.ts'
import { insertCampaign } from './platform-rows.ts'

const lock = `SELECT pg_advisory_xact_lock(hashtextextended('kafka-worker:retention', 0))`
const finals = ['sent', 'delivered', 'skipped', 'dead', 'rejected', 'cancelled']
const unfinished = ['pending', 'claimed', 'handing_over', 'ambiguous', 'held']

let db: MigratedDatabase
beforeEach(async () => {
  db = await migratedDatabase()
})
afterEach(async () => db.close())

/** The window is 90 days, so what is older than 91 goes. */
async function run(options: Partial<RetentionOptions> = {}, signal = new AbortController().signal): Promise<RetentionReport | null> {
  return applyRetention(
    db,
    { dedupeDays: 90, historyDays: 30, clock: createAutoAdvancingClock(Date.now()), budgetMs: 600_000, ...options },
    signal,
  )
}

const ago = (days: number, minutes = 0) => new Date(Date.now() - days * 86_400_000 - minutes * 60_000)

async function outcome(eventId: string, at: Date): Promise<void> {
  await db.sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, effects, at)
     VALUES ('mailers', $1, 'user.signed_up', $2, 'topic', 0, 0, 'accepted', '{}', $3)`,
    [eventId, createHash('sha256').update(eventId).digest(), at],
  )
}

async function many(table: 'outcomes' | 'dead_letters', count: number, at: Date): Promise<void> {
  await db.sql.query(
    table === 'outcomes'
      ? `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, effects, at)
         SELECT 'mailers', gen_random_uuid(), 'user.signed_up', sha256(n::text::bytea), 'topic', 0, n, 'accepted', ARRAY['mail:' || gen_random_uuid()], $2
           FROM generate_series(1, $1::int) AS n`
      : `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", reason, at)
         SELECT 'mailers', 'topic', 0, n, 'not-json', $2 FROM generate_series(1, $1::int) AS n`,
    [count, at],
  )
}

async function count(table: string): Promise<number> {
  const [row] = await db.sql.query<{ count: number }>(`SELECT count(*)::int AS count FROM worker.${table}`)
  return row?.count ?? -1
}

async function size(): Promise<number> {
  const [row] = await db.sql.query<{ bytes: number }>(
    `SELECT (pg_relation_size('worker.outcomes') + pg_relation_size('worker.outcomes_age'))::int AS bytes`,
  )
  return row?.bytes ?? 0
}

test('rows older than the window and its margin are deleted, but nothing younger or unfinished', async () => {
  const [young, old] = [randomUUID(), randomUUID()]
  await outcome(young, ago(91, -1))
  await outcome(old, ago(91, 1))
  await db.sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", reason, at) VALUES ('mailers', 't', 0, 1, 'not-json', $1), ('mailers', 't', 0, 2, 'not-json', $2)`,
    [ago(91, -1), ago(91, 1)],
  )
  const rows = [
    ...finals.map((state) => ({ key: `old-${state}`, state, created_at: ago(95), finished_at: ago(91, 1) })),
    ...finals.map((state) => ({ key: `late-${state}`, state, created_at: ago(95), finished_at: ago(91, -1) })),
    ...unfinished.map((state) => ({ key: `kept-${state}`, state, created_at: ago(400), due_at: ago(300) })),
  ]
  await insertIntents(db.sql, ...rows)

  expect(await run()).toMatchObject({
    complete: true,
    deleted: new Map<string, number>([
      ['outcomes', 1],
      ['intents', finals.length],
      ['dead_letters', 1],
    ]),
  })
  expect(await db.sql.query('SELECT event_id FROM worker.outcomes')).toEqual([{ event_id: young }])
  expect(await db.sql.query('SELECT "offset" FROM worker.dead_letters')).toEqual([{ offset: '1' }])
  const left = await db.sql.query<{ key: string }>('SELECT key FROM worker.intents ORDER BY id')
  expect(left.map(({ key }) => key)).toEqual([...finals.map((state) => `late-${state}`), ...unfinished.map((state) => `kept-${state}`)])
  expect((await run())?.deleted.size).toBe(0)
})

test('pauses are deleted once they have been over for the window; one that lasts stays, however old it is', async () => {
  const rows = [
    { target: 'ended', ends: null, ended: ago(91, 1) },
    { target: 'over', ends: ago(91, 1), ended: null },
    { target: 'ended-late', ends: ago(91, 1), ended: ago(91, -1) },
    { target: 'over-late', ends: ago(91, -1), ended: null },
    { target: 'until-resumed', ends: null, ended: null },
    { target: 'ends-later', ends: ago(-1), ended: null },
  ]
  for (const { target, ends, ended } of rows) {
    await db.sql.query(
      `INSERT INTO worker.pauses (scope, target, owner, reason, began_at, ends_at, ended_at) VALUES ('channel', $1, 'ops', 'test', $2, $3, $4)`,
      [target, ago(400), ends, ended],
    )
  }
  expect((await run({ batchRows: 1 }))?.deleted).toEqual(new Map<string, number>([['pauses', 2]]))
  const left = await db.sql.query<{ target: string }>('SELECT target FROM worker.pauses ORDER BY id')
  expect(left.map(({ target }) => target)).toEqual(['ended-late', 'over-late', 'until-resumed', 'ends-later'])
})

test('events of the outbox are deleted three days after they were published; those that are not published stay', async () => {
  const rows = [
    { key: 'old', published: ago(3, 1), failed: null },
    { key: 'young', published: ago(3, -1), failed: null },
    { key: 'due', published: null, failed: null },
    { key: 'failed', published: null, failed: ago(300) },
  ]
  for (const { key, published, failed } of rows) {
    await db.sql.query(
      `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload, created_at, published_at, failed_at)
       VALUES (gen_random_uuid(), 'campaign', $1, 'user.signed_up', 'events', '{}', $2, $3, $4)`,
      [key, ago(300), published, failed],
    )
  }
  expect((await run())?.deleted).toEqual(new Map<string, number>([['outbox', 1]]))
  const left = await db.sql.query<{ key: string }>('SELECT aggregateid AS key FROM worker.outbox ORDER BY position')
  expect(left.map(({ key }) => key)).toEqual(['young', 'due', 'failed'])
  await db.sql.query('TRUNCATE worker.outbox')
})

test('bodies that are not sent again are cleared in batches, whatever their age, and movements have their own retention', async () => {
  const frozen = { envelope: { to: 'someone@example.com' }, body: Buffer.from('the mail') }
  const states = [...finals, ...unfinished]
  await insertIntents(
    db.sql,
    ...states.map((state) => ({ key: state, state, finished_at: finals.includes(state) ? ago(1) : null, ...frozen })),
    ...Array.from({ length: 5 }, (_, n) => ({ key: `more-${n}`, state: 'sent', finished_at: ago(1), ...frozen })),
  )
  for (const days of [29, 31, 200]) {
    await db.sql.query('INSERT INTO worker.position_changes (user_id, campaign_id, at) VALUES (gen_random_uuid(), $1, $2)', [
      campaignId,
      ago(days),
    ])
  }
  const locked = await db.transaction(async (tx) => {
    await tx.query(`SELECT FROM worker.intents WHERE key = 'more-0' FOR UPDATE`)
    return run({ batchRows: 2 })
  })
  expect(locked?.deleted).toEqual(
    new Map<string, number>([
      ['intent_bodies', 6],
      ['position_changes', 2],
    ]),
  )
  expect((await run())?.deleted).toEqual(new Map([['intent_bodies', 1]]))
  expect((await run())?.deleted.size).toBe(0)
  const kept = await db.sql.query<{ key: string }>('SELECT key FROM worker.intents WHERE body IS NOT NULL ORDER BY id')
  expect(kept.map(({ key }) => key)).toEqual(states.filter((state) => state !== 'sent' && state !== 'delivered'))
  expect(await count('intents')).toBe(states.length + 5)
  await run({ historyDays: 3_650 })
  expect(await count('position_changes')).toBe(1)
})

test('replays that ended are deleted with their audit once they are old and have no intents; others are kept', async () => {
  const job = async (state: string, finished: Date | null) => {
    const [row] = await db.sql.query<{ id: string }>(
      `INSERT INTO worker.replay_jobs (group_name, topic, filter, allow_older, event_rate, send_rate, cap, plan, confirmed, requested_by, reason, state, finished_at)
       VALUES ('mailers', 't', '{}', false, 1, 1, 1, '{}', 1, 'ada', 'a test', $1, $2) RETURNING id`,
      [state, finished],
    )
    await db.sql.query(`INSERT INTO worker.replay_audit (job_id, action, who) VALUES ($1, 'ordered', 'ada')`, [row?.id])
    return row?.id ?? ''
  }
  for (const state of ['done', 'cancelled', 'failed']) await job(state, ago(91, 1))
  const [young, paused, held] = [await job('done', ago(91, -1)), await job('paused', null), await job('done', ago(91, 1))]
  await insertIntents(db.sql, { key: 'held', state: 'held', created_at: ago(95), replay_job: held })
  expect((await run({ batchRows: 2 }))?.deleted).toEqual(new Map([['replay_jobs', 3]]))
  const left = await db.sql.query<{ job_id: string }>('SELECT job_id FROM worker.replay_audit ORDER BY id')
  expect(left.map(({ job_id }) => job_id)).toEqual([young, paused, held])
})

test('versions of templates are deleted once no intent is left that was created before their last use', async () => {
  await db.sql.query(
    `INSERT INTO worker.template_versions (hash, content, used_at) VALUES ('long-unused', '{}', $1), ('used', '{}', $2), ('new', '{}', now())`,
    [ago(60), ago(20)],
  )
  await insertIntents(db.sql, { key: 'held', state: 'held', created_at: ago(21) })
  const left = async () =>
    (await db.sql.query<{ hash: string }>('SELECT hash FROM worker.template_versions ORDER BY hash')).map(({ hash }) => hash)
  expect((await run({ batchRows: 1 }))?.deleted).toEqual(new Map([['template_versions', 1]]))
  expect(await left()).toEqual(['new', 'used'])
  await db.sql.query('DELETE FROM worker.intents')
  await run()
  expect(await left()).toEqual(['new'])
})

test('codes and recalculations are deleted with the row of their campaign, not when it is marked deleted; progress and suppressions are kept', async () => {
  const [alive, marked, gone] = [await insertCampaign(db.sql), await insertCampaign(db.sql), randomUUID()]
  await db.sql.query('UPDATE campaigns SET deleted_at = now() WHERE id = $1', [marked])
  for (const campaign of [alive, marked, gone]) {
    await db.sql.query('INSERT INTO worker.recalculations (campaign_id, began_at, committed_at, rows_changed) VALUES ($1, $2, $2, 1)', [
      campaign,
      ago(200),
    ])
    for (const [code, at] of [
      ['old', ago(200)],
      ['new', ago(2)],
    ] as const) {
      await db.sql.query('INSERT INTO worker.reward_codes (campaign_id, code, user_reward_id, at) VALUES ($1, $2, $3, $4)', [
        campaign,
        code,
        randomUUID(),
        at,
      ])
    }
  }
  await db.sql.query(`INSERT INTO worker.progress (group_name, topic, partition, next_offset, updated_at) VALUES ('g', 't', 0, 1, $1)`, [
    ago(900),
  ])
  await db.sql.query(`INSERT INTO worker.suppressions (account_id, address_hash, reason, at) VALUES ($1, $2, 'bounced', $3)`, [
    randomUUID(),
    Buffer.alloc(32),
    ago(900),
  ])
  expect((await run())?.deleted).toEqual(
    new Map<string, number>([
      ['recalculations', 1],
      ['reward_codes', 1],
    ]),
  )
  const codes = await db.sql.query<{ campaign_id: string; code: string }>('SELECT campaign_id, code FROM worker.reward_codes')
  expect(codes).toHaveLength(5)
  expect(codes.filter(({ campaign_id }) => campaign_id === gone)).toEqual([{ campaign_id: gone, code: 'new' }])
  expect([await count('recalculations'), await count('progress'), await count('suppressions')]).toEqual([2, 1, 1])
})

test('retention works in batches with pauses, stops at its deadline and continues in the next run', async () => {
  await many('outcomes', 25, ago(100))
  await insertIntents(
    db.sql,
    ...Array.from({ length: 25 }, (_, n) => ({ key: `k${n}`, state: 'sent', created_at: ago(100), finished_at: ago(100) })),
  )
  await many('dead_letters', 5, ago(100))
  const clock = createAutoAdvancingClock(Date.now())
  const first = await run({ clock, batchRows: 10, budgetMs: 20 })
  expect(first).toMatchObject({ complete: false, deleted: new Map([['outcomes', 20]]) })
  expect(clock.slept).toEqual([20])
  const rest = createAutoAdvancingClock(Date.now())
  expect(await run({ clock: rest, batchRows: 10 })).toMatchObject({ complete: true })
  expect(rest.slept).toEqual([20, 20, 20].slice(0, rest.slept.length))
  expect([await count('outcomes'), await count('intents'), await count('dead_letters')]).toEqual([0, 0, 0])

  await many('outcomes', 25, ago(100))
  const ending = new AbortController()
  ending.abort()
  expect(await run({ batchRows: 10 }, ending.signal)).toMatchObject({ complete: false, deleted: new Map([['outcomes', 10]]) })
})

test('one process at a time: a process without the lock skips its run', async () => {
  await many('outcomes', 30, ago(100))
  await db.transaction(async (tx) => {
    await tx.query(lock)
    expect(await run()).toBeNull()
  })
  expect(await count('outcomes')).toBe(30)

  const other = Promise.withResolvers<void>()
  const taken = Promise.withResolvers<void>()
  const holding = db.transaction(async (tx) => {
    await other.promise
    await tx.query(lock)
    taken.resolve()
    await ended.promise
  })
  const ended = Promise.withResolvers<void>()
  const clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: async () => {
      other.resolve()
      await taken.promise
    },
  }
  expect(await run({ clock, batchRows: 10 })).toMatchObject({ complete: false, deleted: new Map([['outcomes', 10]]) })
  ended.resolve()
  await holding
  const reports = await Promise.all([run({ batchRows: 10 }), run({ batchRows: 10 })])
  expect(reports.reduce((sum, report) => sum + (report?.deleted.get('outcomes') ?? 0), 0)).toBeLessThanOrEqual(20)
  await run()
  expect(await count('outcomes')).toBe(0)
})

test('a locked row is left to the next run, without waiting', async () => {
  await insertIntents(
    db.sql,
    { key: 'locked', state: 'dead', created_at: ago(100), finished_at: ago(100) },
    { key: 'free', state: 'dead', created_at: ago(100), finished_at: ago(100) },
  )
  await db.transaction(async (tx) => {
    await tx.query(`SELECT FROM worker.intents WHERE key = 'locked' FOR UPDATE`)
    expect((await run())?.deleted).toEqual(new Map([['intents', 1]]))
  })
  expect(await db.sql.query('SELECT key FROM worker.intents')).toEqual([{ key: 'locked' }])
  expect((await run())?.deleted).toEqual(new Map([['intents', 1]]))
})

test('a process whose clock is years ahead deletes no young rows', async () => {
  await outcome(randomUUID(), ago(1))
  expect((await run({ clock: createAutoAdvancingClock(Date.now() + 2 * 365 * 86_400_000) }))?.deleted.size).toBe(0)
  expect((await run({ clock: createAutoAdvancingClock(Date.now() - 365 * 86_400_000) }))?.deleted.size).toBe(0)
})

test('an event that is accepted again while its outcome is being deleted has no second effect, because its keys still exist', async () => {
  const store = createAcceptStore(db)
  const eventId = randomUUID()
  const chunk = (expected: bigint) => ({
    group: 'mailers',
    topic: 'topic',
    partition: 0,
    expected,
    next: expected + 1n,
    recoverBelow: 0n,
    events: [
      {
        offset: expected,
        eventId,
        type: 'user.signed_up',
        contentHash: createHash('sha256').update(eventId).digest(),
        at: new Date(),
        drafts: [{ kind: 'mail', version: 1, channel: 'email', key: `mail:${eventId}`, campaignId, data: {} } as const],
      },
    ],
    passed: [],
    reservation: null,
  })
  await store.createProgress('mailers', 'topic', [{ partition: 0, next: 0n, exemptBelow: 0n }])
  expect(await store.accept(chunk(0n))).toMatchObject({ is: 'accepted', intents: 1 })
  await db.sql.query('UPDATE worker.outcomes SET at = $1', [ago(100)])
  await db.sql.query(`UPDATE worker.intents SET state = 'sent', created_at = $1, finished_at = $2`, [ago(100), ago(91, -5)])

  let again: ReturnType<typeof store.accept> | undefined
  await db.transaction(async (tx) => {
    const done = await retentionSteps[0]?.batch(tx, { before: ago(91), cursor: '-infinity', limit: 100 })
    expect(done?.deleted).toBe(1)
    again = store.accept(chunk(1n))
    await untilSomebodyWaits(db.sql)
  })
  expect(await again).toMatchObject({ is: 'accepted', intents: 0, outcomes: new Map([[1n, 'duplicate']]) })

  // The same while it is young: known at once.
  expect((await run())?.deleted.size).toBe(0)
  expect(await store.accept(chunk(2n))).toMatchObject({ is: 'accepted', outcomes: new Map([[2n, 'repeated']]) })
})

test('the space of deleted rows is reused: no table grows', async () => {
  const sizes: number[] = []
  for (let days = 400; days > 100; days -= 60) {
    await many('outcomes', 10_000, ago(days))
    sizes.push(await size())
    expect((await run())?.deleted.get('outcomes')).toBe(10_000)
    await db.sql.query('VACUUM worker.outcomes')
  }
  expect(Math.max(...sizes)).toBeLessThan((sizes[0] ?? 0) * 1.1)
})

test('finding old outcomes among many young ones reads few pages, even after earlier deletions', async () => {
  await many('outcomes', 20_000, ago(100))
  await run()
  await db.sql.query('VACUUM worker.outcomes')
  await many('outcomes', 20_000, ago(10))
  const [row] = await db.sql.query<{ 'QUERY PLAN': [{ Plan: object }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT ctid FROM worker.outcomes WHERE at >= '-infinity' AND at < now() - interval '91 days' ORDER BY at LIMIT 2000 FOR UPDATE SKIP LOCKED`,
  )
  const plan = row?.['QUERY PLAN'][0].Plan
  expect(JSON.stringify(plan)).toContain('outcomes_age')
  expect(plan).toHaveProperty(
    'Shared Hit Blocks',
    expect.toSatisfy((blocks: number) => blocks < 20),
  )
})
