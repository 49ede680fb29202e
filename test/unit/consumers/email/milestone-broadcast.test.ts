import { describe, expect, it } from 'vitest'
import { milestoneBroadcastKind } from '../../../../src/consumers/email/milestone-broadcast.ts'
import type { Sql } from '../../../../src/std/sql.ts'
import { noSql } from '../../../support/memory-intent-store.ts'
import { sampleIntent } from '../../../support/sample-intent.ts'

const intent = sampleIntent({ kind: 'milestone-broadcast', channel: 'broadcast', data: { milestone: '100', participant_count: 100 } })

/** A page of the broadcast from people whom the database is said to hold. */
async function page(people: readonly string[], cursor: string | null, limit: number) {
  const asked: (readonly unknown[])[] = []
  const tx: Sql = {
    async query<Row extends object>(_text: string, parameters: readonly unknown[] = []) {
      asked.push(parameters)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rows that the statement selects
      return people.map((id) => ({ id })) as Row[]
    },
  }
  const prepared = await milestoneBroadcastKind.prepare(intent, noSql)
  if (prepared.is !== 'message') throw new Error('nothing to send')
  return { asked, result: await prepared.message.page(cursor, limit, tx) }
}

describe('a milestone broadcast', () => {
  it('writes a mail of class broadcast per person, and goes on behind the last', async () => {
    const { asked, result } = await page(['p1', 'p2'], 'p0', 2)
    expect(asked).toEqual([[intent.campaignId, 'p0', intent.eventAt, 2]])
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
  ])('ends with %s', async (_, people, drafts) => {
    const { result } = await page(people, null, 2)
    expect(result.cursor).toBeNull()
    expect(result.drafts).toHaveLength(drafts)
  })

  it('without an event is nothing', async () => {
    expect(await milestoneBroadcastKind.prepare({ ...intent, eventId: null }, noSql)).toEqual({ is: 'skip', reason: 'no-event' })
  })
})
