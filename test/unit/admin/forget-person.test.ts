import { describe, expect, it } from 'vitest'
import { doneSentence, elsewhereSentences, forgetSentences, type PersonRecord } from '../../../src/admin/forget-person.ts'

const found: PersonRecord = {
  intents: [
    { state: 'sent', count: 2 },
    { state: 'held', count: 1 },
    { state: 'handing_over', count: 1 },
  ],
  intentIds: ['1', '2', '3', '4'],
  deliveries: 0,
  mails: 3,
  movements: 0,
  waitingEvents: 0,
  events: 0,
  copies: 0,
  replays: 0,
  person: 'gone',
  ranked: false,
}

describe('the report on forgetting a person', () => {
  it('counts what is erased, cancelled and waited for', () => {
    expect(forgetSentences('U', found)).toEqual([
      "4 intents of person U: address, text, data and the person's id are erased; of these 1 unfinished one will be cancelled. Keys stay, so that nothing is sent twice.",
      '1 of them is held by a worker; the command waits for it.',
    ])
    const nothing = { ...found, intents: [], intentIds: [] }
    expect(forgetSentences('U', nothing)).toEqual(['No intent names person U.'])
    expect(forgetSentences('U', { ...nothing, movements: 1 })[1]).toBe('1 movement in leaderboards (position_changes): it is deleted.')
    expect(forgetSentences('U', { ...nothing, movements: 2 })[1]).toContain(
      '2 movements in leaderboards (position_changes): they are deleted.',
    )
  })

  it('counts what was erased, and what came meanwhile', () => {
    expect(doneSentence({ erased: 1, movements: 2, events: 0, copies: 0, replays: 0 }, 0)).toBe('Done: 1 intent and 2 movements erased.')
    expect(doneSentence({ erased: 0, movements: 1, events: 0, copies: 0, replays: 0 }, 3)).toBe(
      'Done: 0 intents and 1 movement erased. 3 added meanwhile: run the command again.',
    )
  })

  it('names the events of the outbox where there are any', () => {
    const sentences = forgetSentences('U', { ...found, intents: [], intentIds: [], events: 2 })
    expect(sentences[1]).toBe('2 events in worker.outbox: they are deleted; failed ones are not published any more.')
    expect(doneSentence({ erased: 0, movements: 0, events: 1, copies: 0, replays: 0 }, 0)).toBe(
      'Done: 0 intents and 0 movements erased. 1 event deleted from worker.outbox.',
    )
  })

  it('says when what is left elsewhere goes', () => {
    const text = elsewhereSentences(
      found,
      [
        { topic: 'a', ms: 86_400_000 },
        { topic: 'b', ms: -1 },
        { topic: 'c', ms: null },
      ],
      90,
    ).join('\n')
    for (const part of ['it has 3 rows', 'DEDUPE_DAYS=90', 'Topic a keeps', 'for 1 day and', 'Topic b keeps', 'forever', 'did not report'])
      expect(text).toContain(part)
    expect(text).not.toContain("platform's row is")
    expect(elsewhereSentences({ mails: 0, person: 'present', ranked: false }, [], 90)[0]).toContain('delete it first')
    expect(elsewhereSentences({ mails: 0, person: 'deleted', ranked: true }, [], 90)[1]).toContain(
      'still ranked: the recalculation that removes the person',
    )
    expect(text).not.toContain('still ranked')
    expect(elsewhereSentences({ mails: 0, person: 'deleted', ranked: false }, [], 90)[0]).toContain('still exists')
  })
})
