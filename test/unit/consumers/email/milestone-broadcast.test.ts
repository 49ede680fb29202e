import { describe, expect, it } from 'vitest'
import { createMilestoneBroadcastKind } from '../../../../src/consumers/email/milestone-broadcast.ts'
import { everythingGoes } from '../../../../src/consumers/mail-rules.ts'
import type { Json } from '../../../../src/model/intent.ts'
import type { Sql } from '../../../../src/std/sql.ts'
import { sampleIntent } from '../../../support/sample-intent.ts'
import { prepareOne } from '../../../support/prepare-one.ts'

const intent = sampleIntent({ kind: 'milestone-broadcast', channel: 'broadcast', data: { milestone: '100', participant_count: 100 } })

const settings = { missingRowWaitMs: 60_000, rules: everythingGoes }
const milestoneBroadcastKind = createMilestoneBroadcastKind(settings)
const fine = { now: new Date(), campaign_status: 'active', campaign_deleted: false, account_status: 'active' }

/** A database in which the campaign's row says this. */
function reading(row: object): Sql {
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row that the statement selects
    query: async <Row extends object>() => [{ ...fine, ...row }] as Row[],
  }
}

/** A page of the broadcast from people whom the database is said to hold. */
async function page(people: readonly string[], cursor: Json, limit: number, eventAt = intent.eventAt) {
  const queried: (readonly unknown[])[] = []
  const tx: Sql = {
    async query<Row extends object>(_text: string, parameters: readonly unknown[] = []) {
      queried.push(parameters)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rows that the statement selects
      return people.map((id) => ({ id })) as Row[]
    },
  }
  const prepared = await prepareOne(milestoneBroadcastKind, { ...intent, eventAt }, reading({}))
  if (prepared.is !== 'message') throw new Error('nothing to send')
  return { queried, result: await prepared.message.page(cursor, limit, tx) }
}

describe('a milestone broadcast', () => {
  it('writes a mail of class broadcast per person, and goes on behind the last', async () => {
    const { queried, result } = await page(['p1', 'p2'], 'p0', 2)
    // The event's time may be cut to seconds.
    expect(queried).toEqual([[intent.campaignId, 'p0', new Date(Date.UTC(2030, 0, 1, 0, 0, 1)), 2]])
    expect(result.cursor).toBe('p2')
    expect(result.drafts).toMatchObject([
      {
        class: 'broadcast',
        userId: 'p1',
        key: `mail:${intent.eventId}:milestone:p1`,
        data: { type: 'milestone', milestone: '100', participant_count: 100 },
      },
      { class: 'broadcast', userId: 'p2' },
    ])
  })

  it.each([
    ['a short page', ['p1'], 1],
    ['an empty page', [], 0],
  ])('looks at everybody once more some seconds after %s, and then ends', async (_, people, drafts) => {
    const first = await page(people, null, 2)
    expect(first.result).toMatchObject({ cursor: { again: '00000000-0000-0000-0000-000000000000' }, pauseMs: 3_000 })
    expect(first.result.drafts).toHaveLength(drafts)
    const second = await page(['p1', 'p2'], first.result.cursor, 2)
    expect(second.queried[0]?.[1]).toBe('00000000-0000-0000-0000-000000000000')
    expect(second.result).toMatchObject({ cursor: { again: 'p2' }, drafts: [{ userId: 'p1' }, { userId: 'p2' }] })
    const last = await page(people, second.result.cursor, 2)
    expect(last.queried[0]?.[1]).toBe('p2')
    expect(last.result.cursor).toBeNull()
  })

  it('selects those who had verified by the end of the millisecond that the event names', async () => {
    const { queried } = await page([], null, 2, new Date(Date.UTC(2030, 0, 1, 0, 0, 0, 123)))
    expect(queried[0]?.[2]).toEqual(new Date(Date.UTC(2030, 0, 1, 0, 0, 0, 124)))
  })

  it('without an event is nothing', async () => {
    expect(await prepareOne(milestoneBroadcastKind, { ...intent, eventId: null }, reading({}))).toEqual({ is: 'skip', reason: 'no-event' })
  })

  it.each([
    [{ campaign_status: 'draft' }, { is: 'skip', reason: 'campaign-draft' }],
    [{ campaign_deleted: true }, { is: 'skip', reason: 'campaign-deleted' }],
    [{ account_status: 'suspended' }, { is: 'skip', reason: 'account-suspended' }],
    [{ campaign_status: 'paused' }, { is: 'wait', reason: 'campaign-paused', afterMs: 3_600_000, of: 'campaign' }],
    [{ campaign_status: null }, { is: 'wait', reason: 'awaiting-row', afterMs: 1_000 }],
    [{ campaign_status: 'completed' }, { is: 'message' }],
  ])('writes no page while the campaign says %o', async (row, answer) => {
    expect(await prepareOne(milestoneBroadcastKind, intent, reading(row))).toMatchObject(answer)
  })

  it('about something long ago is nothing', async () => {
    const kind = createMilestoneBroadcastKind({ ...settings, rules: { ...everythingGoes, maxEventAgeMs: 999 } })
    const old = { ...intent, createdAt: new Date(Date.UTC(2030, 0, 1) + 1_000) }
    expect(await prepareOne(kind, old, reading({}))).toEqual({ is: 'skip', reason: 'stale' })
    expect(await prepareOne(kind, { ...old, class: 'replay' }, reading({}))).toMatchObject({ is: 'message' })
  })
})
