import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { DRIP, startStagedRelay, type EarlyStage } from '../../support/faults/staged-relay.ts'

/** Connecting and logging in share one deadline: at these stages at once, one connection each. */
const opening: readonly EarlyStage[] = ['greeting', 'EHLO', 'AUTH']
const sending: readonly EarlyStage[] = ['MAIL', 'RCPT', 'DATA']

/**
 * Fault: At each stage the relay sends a byte now and then, endlessly, so that its connections are never idle.
 * Promise: Every attempt ends at its deadline, counts, and names the stage. Before the final dot the mail is sent again; after it, the mail
 * is counted as in doubt.
 */
test('a relay that stalls at any stage is abandoned at the deadline, and every mail is sent when it replies again', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 34,
    variables: { MAIL_DEADLINE_MS: '1000' },
  })
  await using relay = await startStagedRelay(fixture.recorder)
  const { smtp, sql } = fixture.base
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 15 })
  await fixture.fault('it drips while a connection is opened', ['relay'], () => dripsAt(opening))
  for (const stage of sending) {
    await fixture.fault(`it drips at ${stage}`, ['relay'], () => dripsAt([stage], `timeout-${stage.toLowerCase()}`))
  }

  await fixture.fault('it drips after the final dot', ['relay'], async () => {
    const { mails } = smtp.counters
    smtp.respondWith((stage) => (stage === 'data' ? { dripMs: 50 } : undefined))
    await eventually('a mail met it', () => smtp.counters.mails > mails || 'not yet')
    smtp.respondWith(undefined)
    await eventually('a mail is in doubt', async () => {
      const doubts = await sql.query<{ reason: string }>('SELECT reason FROM worker.intents WHERE ambiguous > 0')
      return doubts.some(({ reason }) => reason === 'timeout-final-reply') || JSON.stringify(doubts)
    })
  })
  await traffic.stop()
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'email' AND state <> 'skipped'`)
  expect(ended).toEqual([{ state: 'sent' }])
  const { figures } = await fixture.assertHistory()
  expect(Number(figures['ambiguousMails'])).toBeGreaterThan(0)

  async function dripsAt(stages: readonly EarlyStage[], reason?: string): Promise<void> {
    relay.misbehave((connection) => ({ stage: stages[connection % stages.length] ?? 'greeting', reply: DRIP }))
    fixture.proxies.smtp.flipTarget(relay.port)
    await eventually('all of it was met', () => (relay.said.get(DRIP) ?? 0) >= stages.length || `${relay.said.get(DRIP)}`)
    // The relay closes no connection: those that are gone were closed by the worker.
    await eventually('they left', () => relay.left >= stages.length || `${relay.left} left`)
    if (reason !== undefined) {
      await eventually(`an attempt counts as ${reason}`, async () => {
        const tried = await sql.query<{ reason: string }>(
          `SELECT DISTINCT reason FROM worker.intents WHERE channel = 'email' AND state = 'pending' AND attempt > 0`,
        )
        return tried.some((row) => row.reason === reason) || JSON.stringify(tried)
      })
    }
    fixture.proxies.smtp.flipTarget(smtp.port)
    const before = smtp.counters.accepted
    await eventually('mails go out again', () => smtp.counters.accepted > before || 'not yet')
  }
})
