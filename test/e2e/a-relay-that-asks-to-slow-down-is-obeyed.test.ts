import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails } from '../support/story.ts'

test.each([421, 454])(
  'a relay that answers %i: the pace falls, no attempt is burned, and every mail goes out once when it recovers',
  async (code) => {
    await using scene = await setScene()
    const platform = new Platform(scene.sql)
    const campaign = await platform.campaign()
    const people = await platform.crowd(campaign, 300)
    const daemon = scene.daemon({ KAFKA_GROUPS: 'email-workers' })
    await daemon.ready()
    let refused = 0
    scene.smtp.respondWith((stage) => {
      if (stage !== 'mail') return undefined
      refused++
      return { code, text: 'slow down' }
    })
    const states = () =>
      daemon.lines.filter((line) => line['channel'] === 'email' && line.msg.startsWith('breaker')).map((line) => line['state'])
    await scene.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
    // Those that were under way together are refused together; then one alone asks again.
    await eventually('the relay was asked again, once', () => states().join() === 'open,half-open,open' || states().join())
    expect(refused).toBeLessThanOrEqual(11)
    expect(scene.smtp.counters.mails).toBe(0)
    // The one that just asked again may still be under way back to the others.
    await eventually('no attempt is counted', async () => {
      const attempted = await scene.sql.query('SELECT id, state FROM worker.intents WHERE attempt > 0')
      return attempted.length === 0 || JSON.stringify(attempted)
    })

    scene.smtp.respondWith(undefined)
    await eventually('every mail is out', async () => {
      const [row] = await scene.sql.query<{ count: string }>(`SELECT count(*) FROM worker.intents WHERE state = 'sent' AND attempt = 1`)
      return row?.count === '300' || String(row?.count)
    })
    expect(scene.smtp.counters.mails).toBe(300)
    expect(doubledMails(scene)).toEqual([])
    expect(states()).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
  },
)
