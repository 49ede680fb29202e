import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails } from '../support/mixed-events.ts'

test.each([421, 454])(
  'a relay that replies %i: the rate falls, no attempt is counted, and every mail is sent once when it recovers',
  async (code) => {
    await using fixture = await createFixture()
    const platform = new Platform(fixture.sql)
    const campaign = await platform.campaign()
    const people = await platform.crowd(campaign, 300)
    const daemon = fixture.daemon({ KAFKA_GROUPS: 'email-workers' })
    await daemon.ready()
    let refused = 0
    fixture.smtp.respondWith((stage) => {
      if (stage !== 'mail') return undefined
      refused++
      return { code, text: 'slow down' }
    })
    const states = () =>
      daemon.lines.filter((line) => line['channel'] === 'email' && line.msg.startsWith('breaker')).map((line) => line['state'])
    await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
    // Those that were under way together are refused together; then a single mail is tried.
    await eventually('the relay was tried again, once', () => states().join().startsWith('open,half-open,open') || states().join())
    expect(refused).toBeLessThanOrEqual(10 + states().filter((state) => state === 'half-open').length)
    expect(fixture.smtp.counters.mails).toBe(0)
    // The one that was just tried may still be under way back to the others.
    await eventually('no attempt is counted', async () => {
      const attempted = await fixture.sql.query('SELECT id, state FROM worker.intents WHERE attempt > 0')
      return attempted.length === 0 || JSON.stringify(attempted)
    })

    fixture.smtp.respondWith(undefined)
    await eventually('every mail is out', async () => {
      const [row] = await fixture.sql.query<{ count: string }>(`SELECT count(*) FROM worker.intents WHERE state = 'sent' AND attempt = 1`)
      return row?.count === '300' || String(row?.count)
    })
    expect(fixture.smtp.counters.mails).toBe(300)
    expect(doubledMails(fixture)).toEqual([])
    expect(states().join()).toMatch(/^open(,half-open,open)+,half-open,closed$/)
  },
)
