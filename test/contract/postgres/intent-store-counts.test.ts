import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { insertIntents } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let database: MigratedDatabase
let store: IntentStore
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('DELETE FROM worker.intents'))

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)

describe('counts', () => {
  it('counts live intents that are due, tried before or not, or wait for a rate limit, up to the limit', async () => {
    await insertIntents(
      database.sql,
      { key: 'a' },
      { key: 'b', channel: 'webhook' },
      { key: 'c', channel: 'leaderboard' },
      { key: 'attempted', attempt: 1 },
      { key: 'waited', waiting_since: minutesAgo(1) },
      { key: 'ambiguous', state: 'ambiguous' },
      { key: 'throttled', reason: 'domain-rate', due_at: minutesAgo(-1) },
      { key: 'throttled and due', reason: 'relay-rate' },
      { key: 'paused', reason: 'campaign-paused', due_at: minutesAgo(-1) },
      { key: 'later', due_at: minutesAgo(-1) },
      { key: 'broadcast', class: 'broadcast' },
      { key: 'replay', class: 'replay' },
      { key: 'held', state: 'held' },
      { key: 'claimed', state: 'claimed' },
      { key: 'other', group_name: 'others' },
    )
    expect(await store.countDue('mailers', channelNames, 100)).toBe(8)
    expect(await store.countDue('mailers', channelNames, 2)).toBe(2)
    expect(await store.countDue('nobody', channelNames, 2)).toBe(0)
    expect(await store.countDue('mailers', ['webhook', 'email'], 100)).toBe(7)
  })

  it.each<[string, boolean, Parameters<typeof insertIntents>[1]]>([
    ['a live intent', true, {}],
    ['an intent of a broadcast', true, { class: 'broadcast' }],
    ['an intent of a replay', true, { class: 'replay' }],
    ['an ambiguous one', true, { state: 'ambiguous' }],
    ['one on another of the channels', true, { channel: 'webhook' }],
    ['one on a channel that was not named', false, { channel: 'leaderboard' }],
    ['one of another group', false, { group_name: 'others' }],
    ['one that is due later', false, { due_at: minutesAgo(-1) }],
    ['a deferred one', false, { reason: 'endpoint-busy', destination: 'e', due_at: minutesAgo(-1) }],
    ['a claimed one', false, { state: 'claimed' }],
    ['a held one', false, { state: 'held' }],
  ])('the due check: %s (%s)', async (_, due, intent) => {
    await insertIntents(database.sql, { key: 'only', ...intent })
    expect(await store.isDue('mailers', ['email', 'webhook'])).toBe(due)
  })

  it('groups that look at the same time share a statement, and each gets its own answer', async () => {
    await insertIntents(database.sql, { key: 'a' }, { key: 'b', group_name: 'others', channel: 'webhook' })
    const statements: string[] = []
    const sql: typeof database.sql = {
      query: (text, parameters) => {
        statements.push(text)
        return database.sql.query(text, parameters)
      },
    }
    const counting = createIntentStore({ ...database, sql }, { channels: channelNames })
    const looks = [
      counting.isDue('mailers', ['email', 'webhook']),
      counting.isDue('idle', channelNames),
      counting.isDue('others', ['email']),
      counting.isDue('others', ['webhook']),
    ]
    expect(await Promise.all(looks)).toEqual([true, false, false, true])
    expect(statements).toHaveLength(1)
  })

  it('counts the unfinished mails of a broadcast, without the broadcast itself', async () => {
    const event = { event_id: '00000000-0000-4000-8000-0000000000ee', class: 'broadcast' }
    const mails = ['pending', 'claimed', 'handing_over', 'ambiguous', 'sent', 'held', 'skipped']
    await insertIntents(
      database.sql,
      { ...event, key: 'broadcast', channel: 'broadcast' },
      { ...event, key: 'another channel that writes', channel: 'leaderboard' },
      ...mails.map((state) => Object.assign({ key: state, state }, event)),
      { ...event, key: 'other event', event_id: '00000000-0000-4000-8000-0000000000ef' },
      { ...event, key: 'other group', group_name: 'others' },
    )
    const broadcast = { group: 'mailers', eventId: event.event_id, channel: 'broadcast' } as const
    expect(await store.countUnfinishedOf(broadcast, 100)).toBe(5)
    expect(await store.countUnfinishedOf(broadcast, 3)).toBe(3)
    expect(await store.countUnfinishedOf({ ...broadcast, eventId: null }, 100)).toBe(0)
    // As for a channel of another name that writes intents of others: it is the intent's own that is left out.
    expect(await store.countUnfinishedOf({ ...broadcast, channel: 'email' }, 100)).toBe(2)
  })

  it('returns how long the oldest live intent has been due', async () => {
    await insertIntents(database.sql, { key: 'later', due_at: minutesAgo(-1) }, { key: 'replay', class: 'replay', due_at: minutesAgo(9) })
    expect(await store.oldestDueMs('mailers', 'email')).toBeNull()
    expect(await store.oldestDue('mailers')).toEqual([])
    await insertIntents(database.sql, { key: 'a', due_at: minutesAgo(1) }, { key: 'b', channel: 'leaderboard', due_at: minutesAgo(3) })
    const ms = await store.oldestDueMs('mailers', 'leaderboard')
    expect((await store.oldestDue('mailers')).map(({ channel }) => channel).toSorted()).toEqual(['email', 'leaderboard'])
    expect(ms).toBeGreaterThanOrEqual(179_000)
    expect(ms).toBeLessThan(240_000)
    expect(await store.oldestDueMs('mailers', 'email')).toBeLessThan(120_000)
  })

  it('counts unfinished intents by channel and state, each up to the limit', async () => {
    await insertIntents(
      database.sql,
      { key: 'a' },
      { key: 'b' },
      { key: 'c' },
      { key: 'later', due_at: minutesAgo(-1) },
      { key: 'claimed', state: 'claimed' },
      { key: 'handing over', state: 'handing_over' },
      { key: 'held', state: 'held', channel: 'webhook' },
      { key: 'ambiguous', state: 'ambiguous' },
      { key: 'sent', state: 'sent' },
      { key: 'other', group_name: 'others' },
    )
    const lines = await store.backlog('mailers', 2)
    expect(lines).toHaveLength(5)
    expect(lines).toEqual(
      expect.arrayContaining([
        { channel: 'email', state: 'due', count: 2 },
        { channel: 'email', state: 'waiting', count: 1 },
        { channel: 'email', state: 'running', count: 2 },
        { channel: 'email', state: 'ambiguous', count: 1 },
        { channel: 'webhook', state: 'held', count: 1 },
      ]),
    )
  })
})
