import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { broadcastState, createBroadcastScenario, expectBroadcastComplete } from '../support/broadcast-scenario.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { scaled, writeLine } from './long-scale.ts'

/** Sign-ups that are published and not mailed yet, at least. */
const AHEAD = 3_000
/** The relay takes so long for each mail that accepting is faster than sending on any machine: live mails never run out. */
const RELAY_MS = 20

test.each(['another campaign', 'its own campaign'])(
  'a broadcast ends under endless live mails of %s: it gets one claim in ten',
  async (whose) => {
    await using fixture = await createFixture({
      smtp: { respond: (stage) => (stage === 'data' ? pause(RELAY_MS, undefined) : undefined) },
    })
    const platform = new Platform(fixture.sql)
    const broadcast = await createBroadcastScenario(platform, fixture, scaled(2_000, 500))
    const live = whose === 'another campaign' ? await platform.campaign() : broadcast.campaign
    // Live mails go to people whom the broadcast leaves out.
    const people = await Promise.all(Array.from({ length: 100 }, () => platform.person(live, { marketing_consent: false })))
    await fixture.daemon({ LOG_LEVEL: 'info', MAIL_DEADLINE_MS: '30000' }).ready()

    let published = 0
    // The same people under another event id each time: to the worker that is another sign-up.
    async function publish(count: number): Promise<void> {
      const events = Array.from({ length: count }, (_, index) => {
        const person = people[index % people.length] ?? { userId: '', email: '' }
        return { type: 'user.signed_up' as const, ...live, ...person, eventId: crypto.randomUUID() }
      })
      await fixture.publisher.publishMany(events)
      published += count
    }
    const isLive = new Set(people.map(({ email }) => email))
    const liveSent = () => fixture.smtp.mails.filter(({ recipients }) => isLive.has(recipients[0] ?? '')).length
    const waitingLive = async () => {
      const [row] = await fixture.sql.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM (SELECT FROM worker.intents WHERE group_name = $1 AND channel = 'email' AND class = 'live'
        AND state = 'pending' AND due_at <= now() ORDER BY due_at LIMIT 100) AS due`,
        [fixture.group('email-workers')],
      )
      return row?.count ?? 0
    }

    await publish(AHEAD)
    await eventually('live mails wait', async () => (await waitingLive()) === 100 || 'not yet')
    await broadcast.publish()
    const before = liveSent()
    let least = Infinity
    const began = performance.now()
    const deadline = Date.now() + 900_000
    for (;;) {
      const { state, written, sent } = await broadcastState(fixture, broadcast)
      if (state === 'delivered' && sent === written) break
      if (Date.now() > deadline) throw new Error(`the broadcast has not ended: ${sent} of ${written} mails sent, itself ${state}`)
      least = Math.min(least, await waitingLive())
      const ahead = published - liveSent()
      if (ahead < AHEAD) await publish(AHEAD - ahead)
      await pause(100)
    }
    const seconds = (performance.now() - began) / 1000
    const during = liveSent() - before
    writeLine(
      `${broadcast.recipients.size} of the broadcast beside ${during} live mails in ${seconds.toFixed(0)} s; never fewer than ${least === 100 ? '100' : least} live ones due`,
    )
    expect(least).toBeGreaterThan(0)
    await expectBroadcastComplete(fixture, broadcast)
    // Its share stays small.
    expect(during).toBeGreaterThan(broadcast.recipients.size * 4)
  },
)
