import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { earlyStages, startStagedRelay } from '../../support/faults/staged-relay.ts'

const replies = ['451 4.3.0 later', '452 4.3.1 no room', '421 4.3.2 later'] as const

/**
 * Fault: Under traffic the relay replies 451, 452 and 421 at each stage: greeting, EHLO, login, sender, recipient, DATA, and to the
 * complete mail.
 * Promise: No mail is given up and no address is suppressed; each mail is sent once when the relay accepts it.
 */
test('a relay that replies “later” at every stage in turn gets every mail once when it accepts them', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 31 })
  await using relay = await startStagedRelay(fixture.recorder)
  const { smtp } = fixture.base
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 20 })
  for (const stage of earlyStages) {
    await fixture.fault(`“later” at ${stage}`, ['relay'], async () => {
      relay.misbehave((connection) => ({ stage, reply: replies[connection % replies.length] ?? '421 later' }))
      fixture.proxies.smtp.flipTarget(relay.port)
      await eventually(`all was said at ${stage}`, () => relay.said.size === replies.length || [...relay.said.keys()].join())
    })
    // A new connection resets the backoff, which would otherwise grow from stage to stage.
    fixture.proxies.smtp.flipTarget(smtp.port)
    await oneIsTaken()
  }
  await fixture.fault('“later” to whole mails', ['relay'], async () => {
    let said = 0
    smtp.respondWith((stage) => {
      if (stage !== 'data') return undefined
      const code = Number(replies[said++ % replies.length]?.slice(0, 3))
      return { code, text: 'later', drop: code === 421 }
    })
    await eventually('all was said to mails', () => said >= replies.length || `${said} mails`)
    smtp.respondWith(undefined)
  })
  await traffic.stop()
  await oneIsTaken()
  const [put] = await fixture.base.sql.query<{ off: string }>(
    `SELECT count(*) AS off FROM worker.intents WHERE channel = 'email' AND attempt > 0 AND state = 'pending'`,
  )
  expect(Number(put?.off)).toBeGreaterThan(0)
  await drainedWithRetriesDue(fixture)
  const ended = await fixture.base.sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'email' AND state <> 'skipped'`)
  expect(ended).toEqual([{ state: 'sent' }])
  expect(await fixture.base.sql.query('SELECT reason FROM worker.suppressions')).toEqual([])
  await fixture.assertHistory()

  async function oneIsTaken(): Promise<void> {
    const before = smtp.counters.accepted
    await eventually('the relay takes mails again', () => smtp.counters.accepted > before || `${before} mails`)
  }
})
