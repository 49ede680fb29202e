import { inject, expect, test } from 'vitest'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { createFixture } from '../support/fixture.ts'
import { eventually } from '../support/eventually.ts'
import { recordsOf } from '../support/outbox-relay.ts'
import { Platform } from '../support/platform.ts'
import type { Daemon } from '../support/daemon.ts'

/** The shards that a daemon publishes now. */
async function shardsOf(daemon: Daemon): Promise<readonly number[]> {
  const status: { outbox: { shards: readonly number[] } } = JSON.parse(await (await fetch(`${daemon.url()}/status`)).text())
  return status.outbox.shards
}

test('a sign-up that is published in its transaction becomes its mail after the commit; a killed daemon hands its shards over', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const [one, two] = [fixture.daemon(), fixture.daemon()]
  await Promise.all([one.ready(), two.ready()])
  await eventually('each daemon has half of the shards', async () => {
    const shares = await Promise.all([one, two].map(shardsOf))
    return (shares.every((share) => share.length === 4) && new Set(shares.flat()).size === 8) || JSON.stringify(shares)
  })

  const signUp = (verified: boolean) =>
    fixture.transaction(async (tx) => {
      const person = await new Platform(tx).person(campaign, { status: 'pending', email_verified: false, verified_at: null })
      const { eventId } = await fixture.publisher.inTransaction(tx).publishUserSignedUp({ ...campaign, ...person })
      if (!verified) throw new Error('rolled back')
      return eventId
    })
  await expect(signUp(false)).rejects.toThrow('rolled back')
  const first = await signUp(true)
  await eventually('its mail is sent', () => fixture.smtp.counters.mails === 1 || String(fixture.smtp.counters.mails))

  one.kill('SIGKILL')
  await one.exited
  // Of many campaigns, so that every shard has some.
  const more = await fixture.transaction(async (tx) => {
    const events: TypedInput[] = []
    for (let index = 0; index < 40; index++) {
      const of = await new Platform(tx).campaign()
      events.push({ type: 'user.verified', ...of, ...(await new Platform(tx).person(of)) })
    }
    return fixture.publisher.inTransaction(tx).publishMany(events)
  })
  await eventually('the other daemon has all shards', async () => (await shardsOf(two)).length === 8 || JSON.stringify(await shardsOf(two)))
  await fixture.drained()
  await eventually('the outbox is published', async () => {
    const [left] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.outbox WHERE published_at IS NULL')
    return left?.count === 0 || String(left?.count)
  })
  const ids = (await recordsOf(inject('kafkaBootstrap'), fixture.topic)).map(({ eventId }) => eventId)
  expect(new Set(ids)).toEqual(new Set([first, ...more.map(({ eventId }) => eventId)]))
  expect(await two.metrics()).toMatch(/^kafka_worker_outbox_pending\{state="due"\} 0$/m)
  expect(await two.metrics()).toMatch(/^kafka_worker_outbox_published_total [1-9]/m)
  two.kill('SIGTERM')
  expect(await two.exited).toBe(0)
})
