import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, createMixedEvents } from '../support/mixed-events.ts'

const poison: readonly { name: string; value: Buffer; type?: string; reason: string }[] = [
  { name: 'not JSON', value: Buffer.from('{"id":'), reason: 'not-json' },
  { name: 'empty', value: Buffer.alloc(0), reason: 'not-json' },
  { name: 'not UTF-8', value: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), reason: 'not-utf8' },
  { name: 'an array', value: Buffer.from('[]'), reason: 'not-an-envelope' },
  { name: 'nested', value: Buffer.from('['.repeat(100_000)), reason: 'too-deep' },
]

test('poison records among a thousand good ones become dead letters, once each, and affect no others', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 1_000)
  await fixture.daemon().ready()

  const half = mixed.events.length / 2
  await fixture.publisher.publishMany(mixed.events.slice(0, half))
  const key = mixed.campaigns[0]?.campaignId ?? ''
  // All three groups handle referral.verified or have to parse what has no header.
  await fixture.sendRaw(poison.map(({ value }) => ({ key, value, headers: {} })))
  await fixture.publisher.publishMany(mixed.events.slice(half))
  await fixture.drained()

  expect(fixture.smtp.counters.mails).toBe(mixed.mails)
  expect(doubledMails(fixture)).toEqual([])
  const rows = await fixture.sql.query<{ group_name: string; reason: string }>(
    'SELECT group_name, reason FROM worker.dead_letters ORDER BY group_name, "offset"',
  )
  for (const group of fixture.groups.map((name) => fixture.group(name))) {
    expect(rows.filter((row) => row.group_name === group).map((row) => row.reason)).toEqual(poison.map(({ reason }) => reason))
    const ranges = await fixture.admin.ranges(`${fixture.topic}.${group}.dlq`)
    expect([...ranges.values()].reduce((sum, { low, high }) => sum + high - low, 0n)).toBe(BigInt(poison.length))
  }
})
