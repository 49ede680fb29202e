import { describe, expect, it } from 'vitest'
import { elsewhereSentences, forgetSentences, type PersonRecord } from '../../../src/operator/forget.ts'

const found: PersonRecord = {
  intents: [
    { state: 'sent', count: 2 },
    { state: 'held', count: 1 },
    { state: 'handing_over', count: 1 },
  ],
  intentIds: ['1', '2', '3', '4'],
  deliveries: 0,
  mails: 3,
  person: 'gone',
}

describe('what is told of forgetting a person', () => {
  it('counts what is erased, cancelled and waited for', () => {
    expect(forgetSentences('U', found)).toEqual([
      "4 intents of person U: address, text, data and the person's id are erased; of these 1 unfinished one will be cancelled. Keys stay, so that nothing is sent twice.",
      "1 of them is in a worker's hands this moment and will be waited for.",
    ])
    expect(forgetSentences('U', { ...found, intents: [], intentIds: [] })).toEqual(['No intent names person U.'])
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
    for (const part of ['it has 3 rows', 'DEDUPE_DAYS=90', 'Topic a keeps', 'for 1 day and', 'Topic b keeps', 'for ever', 'did not answer'])
      expect(text).toContain(part)
    expect(text).not.toContain("platform's own row is")
    expect(elsewhereSentences({ mails: 0, person: 'present' }, [], 90)[0]).toContain('delete it there first')
    expect(elsewhereSentences({ mails: 0, person: 'deleted' }, [], 90)[0]).toContain('still there')
  })
})
