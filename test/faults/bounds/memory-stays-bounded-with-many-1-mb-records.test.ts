import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { TypedInput } from '../../../src/events/publisher-input.ts'
import { createPublisher, type Publisher } from '../../../src/events/publisher.ts'
import type { Daemon } from '../../support/daemon.ts'
import { eventually } from '../../support/eventually.ts'
import { startFrozenTransaction } from '../../support/frozen-transaction.ts'
import { Platform } from '../../support/platform.ts'
import { residentMemory } from '../../support/resident-memory.ts'
import { rewardTenant } from '../../support/reward-tenant.ts'
import { createFixture, type Fixture } from '../../support/fixture.ts'

const EVENT_MAX_BYTES = 1_000_000
/** More than one fetch of a group holds. */
const PARTITIONS = 16
const LEGAL = 300
const TOO_LARGE = 100
/** docs/internals/performance.md states it. Megabytes. */
const MOST_RESIDENT = 400

/**
 * Fault: Three groups receive 400 records of 1 MB at once, a quarter of them too large, while the database answers or refuses everything.
 * Promise: All are processed, with less than 400 MB resident.
 */
test.each([
  { database: 'a database that answers', stuck: false },
  { database: 'a database that takes nothing until every group stands before it', stuck: true },
])('memory stays below its limit under a flood of 1 MB records: $database', async ({ stuck }) => {
  await using fixture = await createFixture({ partitions: PARTITIONS, smtp: { keepMails: 10 } })
  const expected = await flood(fixture)
  await using holder = stuck
    ? await startFrozenTransaction(fixture.databaseUrl, 'LOCK TABLE worker.outcomes, worker.dead_letters IN ACCESS EXCLUSIVE MODE')
    : null
  const daemon = fixture.daemon({ KAFKA_START_FROM: 'earliest', EVENT_MAX_BYTES: String(EVENT_MAX_BYTES) })
  if (holder !== null) {
    await eventually(
      'every group waits for the database',
      () => {
        const waiting = new Set(daemon.lines.filter(({ msg }) => msg === 'waiting').map((line) => line['group']))
        return waiting.size === fixture.groups.length || [...waiting].join()
      },
      180_000,
    )
    console.log(`waiting: ${formatted(await residentMemory(daemon.pid))}`)
    await holder[Symbol.asyncDispose]()
  }
  await daemon.ready()
  await fixture.drained()
  console.log(`done: ${formatted(await residentMemory(daemon.pid))}`)
  const letters = await fixture.sql.query<{ group_name: string; reason: string; count: number }>(
    'SELECT group_name, reason, count(*)::int FROM worker.dead_letters GROUP BY 1, 2 ORDER BY 1',
  )
  expect(letters).toEqual(fixture.groups.map((name) => ({ group_name: fixture.group(name), reason: 'too-large', count: TOO_LARGE })))
  expect(fixture.smtp.counters.accepted).toBe(expected.mails)
  expect(fixture.webhooks.calls).toHaveLength(expected.webhooks)
  expect((await residentMemory(daemon.pid)).most).toBeLessThan(MOST_RESIDENT)
  await ends(daemon)
})

const formatted = ({ now, most }: { now: number; most: number }): string => `${now.toFixed(0)} MB resident, ${most.toFixed(0)} MB at most`

async function ends(daemon: Daemon): Promise<void> {
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
}

/**
 * Sign-ups, verifications and rewards as large as they may be, without the header that would let a group pass over what is not its own: all
 * three parse each. Every third is sent once more a byte larger.
 */
async function flood(fixture: Fixture): Promise<{ readonly mails: number; readonly webhooks: number }> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, LEGAL / 3)
  const rewards = await rewardTenant(fixture, platform, LEGAL / 3, fixture.webhooks.endpoint('/rewards'))
  const events: readonly TypedInput[] = [
    ...people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })),
    ...people.map((person) => ({ type: 'user.verified' as const, ...campaign, ...person })),
    ...rewards.events,
  ]
  const legal = publisherOf(fixture, EVENT_MAX_BYTES)
  const tooLarge = publisherOf(fixture, EVENT_MAX_BYTES + 1)
  for (const [index, event] of events.entries()) {
    await legal.publishMany([event])
    if (index % (LEGAL / TOO_LARGE) === 0) await tooLarge.publishMany([event])
  }
  // The winner of each reward gets a mail about it.
  return { mails: LEGAL, webhooks: LEGAL / 3 }
}

/** Publishes events of exactly `bytes`, spread over the partitions, by a field that no consumer reads. */
function publisherOf(fixture: Fixture, bytes: number): Publisher {
  const padding = randomBytes(bytes / 2).toString('hex')
  return createPublisher({
    topic: fixture.topic,
    transport: {
      send: (_, messages) =>
        fixture.sendRaw(
          messages.map(({ value }) => {
            const open = `${String(value).slice(0, -1)},"padding":"`
            return { key: randomUUID(), value: Buffer.from(`${open}${padding.slice(0, bytes - open.length - 2)}"}`), headers: {} }
          }),
        ),
    },
  })
}
