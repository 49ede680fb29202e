import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import type { SmtpRespond, SmtpStage } from '../../../stack/smtp-sink.ts'

/** Where the connection is cut, and whether the relay has said 250 by then. */
const cuts: readonly {
  readonly name: string
  readonly stage: SmtpStage
  readonly answer: { readonly code?: number; readonly drop: true }
}[] = [
  { name: 'before DATA', stage: 'rcpt', answer: { drop: true } },
  { name: 'in the body', stage: 'body', answer: { drop: true } },
  { name: 'after the final dot', stage: 'data', answer: { drop: true } },
  { name: 'after 250', stage: 'data', answer: { code: 250, drop: true } },
]

/** Fewer than open the breaker in a row. */
const timesEach = 4

/**
 * Fault: The relay cuts connections before DATA, in the body, after the final dot and after its 250.
 * Promise: A second copy is sent only where the relay had the final dot and did not reply; it is sent once, counted, and has the same
 * Message-ID and the same bytes.
 */
test('a cut connection costs a second copy only after the final dot, with the same bytes, and the row counts it', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 35,
    // No mail is in doubt because this process was slow.
    variables: { MAIL_DEADLINE_MS: '30000' },
  })
  const { smtp, sql } = fixture.base
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 30 })
  const met = new Map<string, number>()
  const doubted = new Set<string>()
  for (const { name, stage, answer } of cuts) {
    await fixture.fault(`cut ${name}`, ['relay'], async () => {
      smtp.respondWith(cutting(name, stage, answer))
      await eventually(`connections were cut ${name}`, () => met.get(name) === timesEach || `${met.get(name) ?? 0}`)
      smtp.respondWith(undefined)
    })
    const before = smtp.counters.accepted
    await eventually('the relay is trusted again', () => smtp.counters.accepted > before + 5 || `${smtp.counters.accepted - before}`)
  }
  await traffic.stop()
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'email' AND state <> 'skipped'`)
  expect(ended).toEqual([{ state: 'sent' }])
  const { figures } = await fixture.assertHistory()
  expect({ copies: figures['secondCopies'], doubled: figures['doubledMails'] }).toEqual({ copies: timesEach, doubled: 0 })
  // A mail this small is on its way as a whole when the cut in its body is felt: who sent it cannot know that its end was never read.
  expect(figures['ambiguousMails']).toBeGreaterThanOrEqual(timesEach)
  expect(figures['ambiguousMails']).toBeLessThanOrEqual(2 * timesEach)
  expect(doubted.size).toBe(timesEach)

  /** Cuts as often as is wanted, and no mail twice. */
  function cutting(name: string, at: SmtpStage, answer: (typeof cuts)[number]['answer']): SmtpRespond {
    return (stage, { mail }) => {
      const count = met.get(name) ?? 0
      if (stage !== at || count === timesEach || (mail !== undefined && doubted.has(mail.messageId))) return undefined
      met.set(name, count + 1)
      if (mail !== undefined && answer.code === undefined) doubted.add(mail.messageId)
      return answer
    }
  }
})
