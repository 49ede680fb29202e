import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { startStagedRelay, type EarlyStage } from '../../support/faults/staged-relay.ts'

/** A 5xx at each stage, and what it means for the mail: null when it says nothing about any mail. `waits`: the mail goes out later. */
const refusals: readonly {
  readonly stage: EarlyStage | 'whole mail'
  readonly reply: string
  readonly reason: string | null
  readonly waits?: boolean
}[] = [
  { stage: 'greeting', reply: '554 5.3.2 no service', reason: null },
  { stage: 'EHLO', reply: '550 5.7.1 not you', reason: null },
  { stage: 'MAIL', reply: '550 5.1.8 bad sender', reason: 'sender-refused' },
  { stage: 'RCPT', reply: '550 5.1.1 no such user', reason: 'recipient-refused' },
  { stage: 'RCPT', reply: '550 5.7.1 delivery not authorized', reason: 'refused-by-policy' },
  { stage: 'RCPT', reply: '552 5.2.2 mailbox full', reason: 'mailbox-unavailable', waits: true },
  { stage: 'DATA', reply: '554 no valid recipients', reason: 'message-refused' },
  { stage: 'whole mail', reply: '552 5.3.4 too big', reason: 'message-refused' },
]

/**
 * Fault: The relay refuses with 55x at each stage: greeting, EHLO, sender, recipient, DATA, and the complete mail.
 * Promise: Only the refused mail is rejected. An address is suppressed only as an unknown recipient, and a full mailbox is retried; a relay
 * that refuses every connection has refused no mail.
 */
test('a permanent refusal (55x) ends only the mail that it concerns, suppresses only unknown recipients, and counts against no mail when it concerns the connection', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 32 })
  await using relay = await startStagedRelay(fixture.recorder)
  const { smtp, sql } = fixture.base
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 30 })
  for (const { stage, reply, reason, waits } of refusals) {
    const state = waits === true ? 'pending' : 'rejected'
    const before = await ended(state, reason)
    await fixture.fault(`${reply} at ${stage}`, ['relay'], async () => {
      if (stage === 'whole mail') {
        smtp.respondWith((at) => (at === 'data' ? { code: Number(reply.slice(0, 3)), text: reply.slice(4) } : undefined))
      } else {
        relay.misbehave(() => ({ stage, reply }))
        fixture.proxies.smtp.flipTarget(relay.port)
      }
      if (reason === null) await eventually(`it was said at ${stage}`, () => (relay.said.get(reply) ?? 0) > 1 || 'not yet')
      else await eventually(`mails end as ${reason}`, async () => (await ended(state, reason)) > before + 2 || `${before}`)
      smtp.respondWith(undefined)
      if (stage !== 'whole mail') fixture.proxies.smtp.flipTarget(smtp.port)
    })
  }
  await traffic.stop()
  await drainedWithRetriesDue(fixture)
  const reasons = await sql.query<{ reason: string }>(
    `SELECT DISTINCT reason FROM worker.intents WHERE channel = 'email' AND state NOT IN ('sent', 'skipped') ORDER BY 1`,
  )
  expect(reasons.map((row) => row.reason)).toEqual(['message-refused', 'recipient-refused', 'refused-by-policy', 'sender-refused'])
  const suppressed = await sql.query(`SELECT account_id, address_hash FROM worker.suppressions WHERE reason = 'bounced' ORDER BY 1, 2`)
  const unknown = await sql.query(
    `SELECT DISTINCT c.account_id, worker.address_hash(u.email) AS address_hash
       FROM worker.intents i JOIN waitlist_users u ON u.id = i.user_id JOIN campaigns c ON c.id = i.campaign_id
      WHERE i.reason = 'recipient-refused' ORDER BY 1, 2`,
  )
  expect(suppressed).toEqual(unknown)
  await fixture.assertHistory()

  async function ended(state: string, reason: string | null): Promise<number> {
    const [row] = await sql.query<{ count: string }>('SELECT count(*) FROM worker.intents WHERE state = $1 AND reason = $2', [
      state,
      reason,
    ])
    return Number(row?.count)
  }
})
